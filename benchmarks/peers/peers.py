"""One detector in many runtimes: a peer is started with a number of threads and then run on demand.

Everything is timed with the picture in memory as the model expects it, outputs included: no decoding, no
letterbox, no suppression. A model with a float input does not pay for the normalization.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from edge_edet.errors import BackendError

Run = Callable[[], float]  # milliseconds of one inference


@dataclass(frozen=True)
class Peer:
    """One way to run the detector.

    Attributes
    ----------
    name
        Of the table's row.
    start
        Threads -> Run.
    absent
        Why it cannot run here; empty if it can.
    """

    name: str
    start: Callable[[int], Run] | None = None
    absent: str = ""


def timed(infer: Callable[[], object]) -> Run:
    """Make a Run of a function."""

    def run() -> float:
        began = time.perf_counter()
        infer()
        return (time.perf_counter() - began) * 1e3

    return run


def picture_for(shape: Sequence[int], dtype: Any) -> Any:
    """Make seeded noise: integers of 0 to 255, or a normalized float picture."""
    random = np.random.default_rng(0)
    if np.issubdtype(dtype, np.integer):
        return random.integers(0, 256, tuple(shape)).astype(dtype)
    return random.normal(0, 1, tuple(shape)).astype(dtype)


def litert(model: Path) -> Callable[[int], Run]:
    """Start a .tflite in LiteRT."""

    def start(threads: int) -> Run:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(model), num_threads=threads)
        interpreter.allocate_tensors()
        given = interpreter.get_input_details()[0]
        outputs = [detail["index"] for detail in interpreter.get_output_details()]
        picture = picture_for(given["shape"], given["dtype"])

        def infer() -> None:
            interpreter.set_tensor(given["index"], picture)
            interpreter.invoke()
            for index in outputs:
                interpreter.get_tensor(index)

        return timed(infer)

    return start


def openvino(model: Path, precision: str) -> Callable[[int], Run]:
    """Start an IR in OpenVINO; precision: f32, or "default" for the plugin's choice."""

    def start(threads: int) -> Run:
        import openvino as ov

        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
        }
        if precision != "default":
            settings["INFERENCE_PRECISION_HINT"] = precision
        compiled = ov.Core().compile_model(model, "CPU", settings)
        port, request = compiled.inputs[0], compiled.create_infer_request()
        picture = picture_for(tuple(port.shape), port.element_type.to_dtype())
        return timed(lambda: request.infer({0: picture}, share_inputs=True, share_outputs=True))

    return start


def onnxruntime(model: Path) -> Callable[[int], Run]:
    """Start an .onnx in ONNX Runtime on the CPU."""

    def start(threads: int) -> Run:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        dtype = np.uint8 if "uint8" in given.type else np.float32
        feed = {given.name: picture_for(given.shape, dtype)}
        return timed(lambda: session.run(None, feed))

    return start


def another_process(command: Sequence[str]) -> Callable[[int], Run]:
    """Start a program that answers each line on stdin with the milliseconds of one inference."""

    def start(threads: int) -> Run:
        process = subprocess.Popen(
            [*command, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if not _answer(process, None):
            raise BackendError(f"{command[0]} could not start the model")

        def run() -> float:
            return float(_answer(process, "run\n"))

        return run

    return start


def _answer(process: subprocess.Popen[str], line: str | None) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    if line is not None:
        process.stdin.write(line)
        process.stdin.flush()
    return process.stdout.readline().strip()


def interleaved(runs: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Run every peer in each round, in a random order: name -> milliseconds.

    Each timed run has an untimed one before it: the caches hold another peer's data then, and its threads
    may still spin.
    """
    samples: dict[str, list[float]] = {name: [] for name in runs}
    random = np.random.default_rng(0)
    for _ in range(rounds):
        for name in random.permutation(list(runs)):
            runs[name]()
            samples[name].append(runs[name]())
    return samples


def table(
    peers: Sequence[Peer], found: Mapping[int, Mapping[str, Sequence[float]]], base: str
) -> list[tuple[str, ...]]:
    """Make rows of text: name, then p50 and the ratio to `base` for each number of threads."""
    rows = []
    for peer in peers:
        cells = []
        for samples in found.values():
            if peer.name in samples:
                p50 = median(samples[peer.name])
                cells += [f"{p50:.1f}", f"{p50 / median(samples[base]):.2f}"]
            else:
                cells += ["-", "-"]
        rows.append((peer.name, *cells))
    return rows


def as_text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table: the first column left, the others right; 80 columns for names of up to 46."""
    return "\n".join(
        f"{row[0]:<46}" + "".join(f"{cell:>8}" for cell in row[1:]) for row in (head, *rows)
    )


def as_markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def replaced(text: str, name: str, content: str) -> str:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->`.

    Raises
    ------
    ValueError
        Where the marks are missing.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"no place marked {begin.strip()} ... {end}")
    return f"{before}{begin}\n{content.strip()}\n\n{end}{after}"
