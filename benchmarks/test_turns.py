"""Model files that take turns: which runtime runs which file how fast, and what a size of the input gains.

    make bench-turns MODELS=a.tflite:b.tflite

The first file in the first of its runtimes is the one that the others are held against. CPU time is what to
read where other programs run beside it. EDGE_EDET_RUNTIMES: of
litert, openvino and onnxruntime, those to take (default: all that take the file). EDGE_EDET_ROUNDS: 60.
EDGE_EDET_THREADS: 1. Without EDGE_EDET_MODEL: the bundled D0 in float and INT8, in every format.
"""

from __future__ import annotations

import os
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.peers import peers
from edge_edet.converters import convert

ROUNDS = int(os.environ.get("EDGE_EDET_ROUNDS", "60"))
THREADS = int(os.environ.get("EDGE_EDET_THREADS", "1"))
PACKAGES = {"litert": "ai-edge-litert", "openvino": "openvino", "onnxruntime": "onnxruntime"}
TAKES = {
    ".tflite": ("litert", "openvino"),
    ".xml": ("openvino",),
    ".onnx": ("onnxruntime", "openvino"),
}


def models(folder: Path) -> list[Path]:
    given = os.environ.get("EDGE_EDET_MODEL")
    if given:
        return [Path(name) for name in given.split(os.pathsep)]
    convert(
        "d0", ("fp32", "int8"), output=folder, formats=("tflite", "openvino"), weights="bundled"
    )
    convert("d0", "fp32", output=folder, formats="onnx", weights="bundled")
    found = [path for path in folder.glob("d0-*") if path.suffix in TAKES]
    return sorted(found, key=lambda path: (path.name != "d0-int8.tflite", path.name))


def started(model: Path, runtime: str) -> peers.Run:
    """With OpenVINO's default precision."""
    if runtime == "openvino":
        return peers.openvino(model, "default")(THREADS)
    return (peers.litert if runtime == "litert" else peers.onnxruntime)(model)(THREADS)


def test_turns(benchmark: Any, tmp_path: Path) -> None:
    """Prints for each file and runtime the medians of wall and CPU time, and their ratios to the first."""
    chosen = (os.environ.get("EDGE_EDET_RUNTIMES") or ",".join(PACKAGES)).split(",")
    runs = {
        f"{model.name}, {PACKAGES[runtime]} {version(PACKAGES[runtime])}": started(model, runtime)
        for model in models(tmp_path)
        for runtime in TAKES[model.suffix]
        if runtime in chosen
    }
    wall_ms: dict[str, list[float]] = {name: [] for name in runs}
    cpu_ms: dict[str, list[float]] = {name: [] for name in runs}

    def turn() -> None:
        for name, run in runs.items():
            run()  # the caches hold another model's data
            began = time.process_time()
            wall_ms[name].append(run())
            cpu_ms[name].append((time.process_time() - began) * 1e3)

    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=1)
    first = next(iter(runs))
    for name in runs:
        said = []
        for what, samples in (("wall", wall_ms), ("CPU", cpu_ms)):
            p50, other = statistics.median(samples[name]), statistics.median(samples[first])
            said.append(
                f"{what} p50 {p50:.1f} ms ({p50 / other:.3f} of the first, {other / p50:.2f} times as fast)"
            )
        print(f"\n{name}: {', '.join(said)}", end="")
    print(f"\n{THREADS} threads, n = {ROUNDS}")
