"""What `detect` costs over the bare inference, at one thread, on a 640 x 480 picture in memory.

Run it by itself on a quiet machine: pytest benchmarks/test_detect.py -s
Models: EDGE_EDET_MODEL (several separated by os.pathsep), else every build/*int8*.tflite, else the
bundled D0.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.backends.litert.interpreter import LiteRtBackend

ROUNDS = 60


def picture() -> Image.Image:
    """640 x 480, EDGE_EDET_PICTURE or seeded blobs."""
    given = os.environ.get("EDGE_EDET_PICTURE")
    if given:
        return Image.open(given).convert("RGB").resize((640, 480))
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("kind", ["pil", "array"])
def test_detect_beside_invoke(benchmark: Any, int8_model: Path, kind: str) -> None:
    """Interleaved: each round times one bare invoke, then one detect. Prints the ratio."""
    image: Any = picture()
    if kind == "array":
        image = np.asarray(image)
    detector = edge_edet.load(int8_model, threads=1)
    assert isinstance(detector.backend, LiteRtBackend)
    invoke = detector.backend._interpreter.invoke
    wall_ms: list[float] = []
    cpu_ms: list[tuple[float, float]] = []

    def bare_invoke() -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        invoke()
        invoke_cpu = (time.process_time() - cpu) * 1e3
        wall_ms.append((time.perf_counter() - wall) * 1e3)
        cpu_ms.append((invoke_cpu, 0.0))

    def detect() -> Any:
        cpu = time.process_time()
        found = detector.detect(image)
        cpu_ms[-1] = (cpu_ms[-1][0], (time.process_time() - cpu) * 1e3)
        return found

    found = benchmark.pedantic(detect, setup=bare_invoke, rounds=ROUNDS, warmup_rounds=3)
    bare = statistics.median(wall_ms)
    whole = statistics.median(benchmark.stats.stats.data) * 1e3
    cpu = [statistics.median(column) for column in zip(*cpu_ms, strict=True)]
    info = detector.info
    benchmark.extra_info.update(info.to_dict() | {"invoke_ms": bare, "ratio": whole / bare})
    print(
        f"\n{int8_model.name}, {info.runtime} {info.runtime_version}, {info.delegate}, 1 thread, {kind}: "
        f"invoke p50 {bare:.1f} ms, detect p50 {whole:.1f} ms, ratio {whole / bare:.3f}; "
        f"CPU time {cpu[0]:.1f} and {cpu[1]:.1f} ms, ratio {cpu[1] / cpu[0]:.3f}; "
        f"{len(found)} objects, n = {ROUNDS}"
    )
