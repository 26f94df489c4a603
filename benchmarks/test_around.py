"""What is lost around the network, times the bare invoke: an array, a wide array, a JPEG file, a stream.

Run it by itself on a quiet machine: pytest benchmarks/test_around.py -s
Models: EDGE_EDET_MODEL (several separated by os.pathsep), else every build/*int8*.tflite, else the bundled
D0. The pictures are of seeded blobs and noise; the 1080p one as a JPEG of quality 90.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.backends.litert.interpreter import LiteRtBackend

ROUNDS = 60
STREAM_ROUNDS, STREAM_PICTURES = 6, 20


def pixels(width: int, height: int) -> np.ndarray[Any, Any]:
    """Seeded blobs, sharp to about four pixels, with a little noise, as a camera's frame has."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (height // 40, width // 40, 3), dtype=np.uint8)
    blobs = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noise = random.normal(0, 3, (height, width, 1)) + random.normal(
        0, 12, (height // 4, width // 4, 1)
    ).repeat(4, 0).repeat(4, 1)
    return np.clip(blobs + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    wide = pixels(1920, 1080)
    path = tmp_path_factory.mktemp("around") / "1080p.jpg"
    Image.fromarray(wide).save(path, quality=90)
    return {"640x480 array": pixels(640, 480), "1080p array": wide, "1080p JPEG": path}


def opened(model: Path, decode: str = "full") -> tuple[edge_edet.Detector, Callable[[], None]]:
    detector = edge_edet.load(model, threads=1, decode=decode)
    assert isinstance(detector.backend, LiteRtBackend)
    return detector, detector.backend._interpreter.invoke


@pytest.mark.parametrize("decode", ["full", "scaled"])
@pytest.mark.parametrize("kind", ["640x480 array", "1080p array", "1080p JPEG"])
def test_detect_times_the_bare_invoke(
    benchmark: Any, int8_model: Path, inputs: dict[str, Any], kind: str, decode: str
) -> None:
    """Interleaved: each round times one bare invoke, then one detect. Prints ratios of medians."""
    if decode == "scaled" and not kind.endswith("JPEG"):
        pytest.skip("an array is not decoded")
    detector, invoke = opened(int8_model, decode)
    given = inputs[kind]
    bare_s: list[float] = []
    cpu_s: list[tuple[float, float]] = []

    def bare() -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        invoke()
        bare_s.append(time.perf_counter() - wall)
        cpu_s.append((time.process_time() - cpu, 0.0))

    def detect() -> Any:
        cpu = time.process_time()
        found = detector.detect(given)
        cpu_s[-1] = (cpu_s[-1][0], time.process_time() - cpu)
        return found

    found = benchmark.pedantic(detect, setup=bare, rounds=ROUNDS, warmup_rounds=3)
    ratio = statistics.median(benchmark.stats.stats.data) / statistics.median(bare_s)
    cpu = statistics.median(one[1] for one in cpu_s) / statistics.median(one[0] for one in cpu_s)
    benchmark.extra_info.update(detector.info.to_dict() | {"ratio": ratio, "cpu_ratio": cpu})
    size = f", {given.stat().st_size // 1024} KB" if isinstance(given, Path) else ""
    print(
        f"\n{int8_model.name}, {detector.info.runtime} {detector.info.runtime_version}, 1 thread, {kind}"
        f"{size}, decode {decode}: detect / invoke = {ratio:.3f}, in CPU time {cpu:.3f}; invoke p50 "
        f"{1e3 * statistics.median(bare_s):.1f} ms, {len(found)} objects, n = {ROUNDS}"
    )


@pytest.mark.parametrize("kind", ["640x480 array", "1080p array", "1080p JPEG"])
def test_detect_many_times_the_bare_invoke(
    benchmark: Any, int8_model: Path, inputs: dict[str, Any], kind: str
) -> None:
    """A row of pictures beside as many bare invokes, in turns. It needs a second core that is free."""
    detector, invoke = opened(int8_model)
    bare_s: list[float] = []

    def bare() -> None:
        start = time.perf_counter()
        for _ in range(STREAM_PICTURES):
            invoke()
        bare_s.append(time.perf_counter() - start)

    def many() -> int:
        return sum(1 for _ in detector.detect_many([inputs[kind]] * STREAM_PICTURES))

    count = benchmark.pedantic(many, setup=bare, rounds=STREAM_ROUNDS, warmup_rounds=1)
    assert count == STREAM_PICTURES
    ratio = statistics.median(benchmark.stats.stats.data) / statistics.median(bare_s)
    benchmark.extra_info.update(detector.info.to_dict() | {"ratio": ratio})
    print(
        f"\n{int8_model.name}, {detector.info.runtime} {detector.info.runtime_version}, 1 thread, "
        f"{kind}: detect_many / invokes = {ratio:.3f}, n = {STREAM_ROUNDS} x {STREAM_PICTURES}"
    )
