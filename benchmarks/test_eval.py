"""What `eval` costs over the bare inference, at one thread of the runtime.

Serial: the steps one after the other, each against the bare invoke beside it, in wall-clock and in
CPU time, which other programs disturb less. `pre` is pixels to filled tensor, `post` is outputs to
boxes under the protocol of `eval` (score above 0.02); reading the file is told apart. Wall clock:
whole evaluations beside as many bare invokes, in turns; where there is a second core, it does the
steps before and after while the runtime computes.

Run it by itself on a quiet machine: pytest benchmarks/test_eval.py -s
Model: EDGE_EDET_MODEL, else the newest build/*int8*.tflite. Pictures: folder EDGE_EDET_PICTURES,
else one drawn smear of 640 x 480.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import edge_edet
from edge_edet.backends.litert.interpreter import LiteRtBackend
from edge_edet.benchmarks.accuracy.datasets.dataset import Objects, Picture
from edge_edet.benchmarks.accuracy.protocol import DEFAULT_PROTOCOL
from edge_edet.benchmarks.accuracy.run_detector import run_detector
from edge_edet.pictures.image import read_image

HERE = Path(__file__).resolve().parent
PICTURES = 24
ROUNDS = 5


def model() -> Path | None:
    given = os.environ.get("EDGE_EDET_MODEL")
    if given:
        return Path(given)
    built = (HERE.parent / "build").glob("*int8*.tflite")
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def picture_files() -> list[Path]:
    given = os.environ.get("EDGE_EDET_PICTURES")
    found = (
        sorted(Path(given).glob("*.jpg")) if given else [HERE / "measuring" / "bench_picture.jpg"]
    )
    return (found * PICTURES)[:PICTURES]


def test_eval_beside_invoke() -> None:
    """Prints medians and ratios; asserts none, as every time here is a machine's."""
    path = model()
    if path is None:
        reason = "no build/*int8*.tflite: run 'edge-edet convert --int8 d0' or set EDGE_EDET_MODEL"
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    files = picture_files()
    config = DEFAULT_PROTOCOL.postprocess()
    detector = edge_edet.load(path, threads=1, config=config)
    assert isinstance(detector.backend, LiteRtBackend)
    invoke = detector.backend._interpreter.invoke
    invoke()

    wall_ms: dict[str, list[float]] = {"invoke": [], "read": [], "pre": [], "post": []}
    cpu_ms: dict[str, list[float]] = {step: [] for step in wall_ms}

    def timed(step: str, work: Any, *given: Any) -> Any:
        start, cpu = time.perf_counter(), time.process_time()
        result = work(*given)
        cpu_ms[step].append((time.process_time() - cpu) * 1e3)
        wall_ms[step].append((time.perf_counter() - start) * 1e3)
        return result

    walls: list[float] = []
    pictures = [Picture(number, file, None, Objects.of([])) for number, file in enumerate(files)]
    for _ in range(ROUNDS):
        bare_ms = 0.0
        for file in files:
            timed("invoke", invoke)
            bare_ms += wall_ms["invoke"][-1]
            tensor, placement = timed("pre", detector.prepare, timed("read", read_image, file))
            timed("post", detector.select, detector.infer(tensor), placement)
        start = time.perf_counter()
        rows = list(run_detector(detector, pictures, config))
        walls.append((time.perf_counter() - start) * 1e3 / bare_ms)
        assert [row.picture for row in rows] == [picture.id for picture in pictures]
    info = detector.info
    print(
        f"\n{path.name}, {info.runtime} {info.runtime_version}, {info.delegate}, 1 thread, "
        f"{os.cpu_count()} cores, {ROUNDS} x {len(files)} pictures\n{line('serial', wall_ms)}\n"
        f"{line('CPU time', cpu_ms)}\n"
        f"wall clock of eval: {median(walls):.3f} of as many bare invokes"
    )


def line(what: str, samples: dict[str, list[float]]) -> str:
    ms = {step: median(values) for step, values in samples.items()}
    around = ms["pre"] + ms["post"]
    return (
        f"{what}: {', '.join(f'{step} {value:.2f} ms' for step, value in ms.items())}; pre + post "
        f"{around / ms['invoke']:.1%} of invoke, with reading "
        f"{(around + ms['read']) / ms['invoke']:.1%}"
    )
