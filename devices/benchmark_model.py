"""TensorFlow Lite's benchmark_model: its arguments, and what its log says.

The log is read as TensorFlow 1.15 to 2.20 print it, on a console ("INFO: ..." from 2.14 on) and in
Android's logcat. It has no single samples: a count, the first, the least, the largest, the mean,
the standard deviation, and from 2.18 on the median; in microseconds.
Source: tensorflow/lite/tools/benchmark/{benchmark_model,benchmark_tflite_model}.cc
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_edet.errors import InputError

__all__ = ["BenchmarkLog", "arguments", "parse_logs"]

PREFIX = re.compile(
    r"^(?:(?:\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +)?"  # logcat: its time
    r"(?:\d+ +\d+ [VDIWEF] +\S+ *: |[VDIWEF]/\S+ *\( *\d+\): ))?"  # as threadtime; as brief, time
    r"(?:[IWE] tflite *: )?(?:(?:INFO|WARNING|ERROR): )*"
)
START = "STARTING!"
NUMBER = r"([\d.]+(?:e[+-]?\d+)?)"
TIMINGS = re.compile(
    rf"Inference timings in us: Init: {NUMBER}, First inference: {NUMBER}, "
    rf"Warmup \(avg\): {NUMBER}, Inference \(avg\): {NUMBER}"
)
COUNT = re.compile(r"^count=(\d+) ")
FIELD = re.compile(rf"(\w+)={NUMBER}")
SETTING = re.compile(r"^([#\w][\w #()-]*?) ?: \[(.*)\]$")
APPLIED = re.compile(
    r"^Explicitly applied (\w+) delegate, and the model graph will be (partially|completely) "
    r"executed by the delegate(?: w/ (\d+) delegate kernels)?"
)
IGNORED = re.compile(
    r"^Though (\w+) delegate is explicitly applied, the model(?: graph)? will not be executed"
)
REPLACED = re.compile(
    r"Replacing (\d+) out of (\d+) node\(s\) with delegate \((\w+)\) node, yielding (\d+) partition"
)
SIZE = re.compile(rf"The input model file size \(MB\): {NUMBER}")
OLD_PEAK = re.compile(rf"^Peak memory footprint \(MB\): init=[^ ]+ overall={NUMBER}")
PEAK = re.compile(rf"^Overall peak memory footprint \(MB\)[^:]*: {NUMBER}")


@dataclass(frozen=True)
class BenchmarkLog:
    """One run. Times in ms, None where this version does not print them."""

    graph: str  # the model's path on the device
    size_mb: float | None  # millions of bytes, six digits
    threads: int | None  # None: the tool's default
    warmup_runs: int
    load_ms: float
    first_ms: float
    n: int
    mean_ms: float
    std_ms: float | None
    min_ms: float | None
    max_ms: float | None
    median_ms: float | None
    peak_memory_mib: float | None  # of the process; what it grew by is another thing
    asked_delegate: str | None  # gpu, nnapi, xnnpack, ...; None: the tool's default
    delegate: str | None  # that executes something; "none"; None: the log does not tell
    delegated: int | None  # nodes
    operators: int | None
    partitions: int | None


def arguments(
    model: str,
    *,
    threads: int | None,
    delegate: str | None = None,
    warmup_runs: int = 10,
    runs: int = 50,
    half: bool = False,
) -> list[str]:
    """delegate: xnnpack, gpu or none; None: the tool's default. half: let the GPU use float16."""
    options = [f"--graph={model}", f"--warmup_runs={warmup_runs}", f"--num_runs={runs}"]
    if threads is not None:
        options.append(f"--num_threads={threads}")
    if delegate is None:
        return options
    if delegate not in ("xnnpack", "gpu", "none"):
        raise InputError(
            f"benchmark_model is not called with the delegate {delegate!r} here: expected xnnpack, "
            "gpu or none"
        )
    options.append(f"--use_xnnpack={'true' if delegate == 'xnnpack' else 'false'}")
    if delegate == "gpu":
        options += ["--use_gpu=true", f"--gpu_precision_loss_allowed={str(half).lower()}"]
    return options


def parse_logs(text: str, where: str) -> list[BenchmarkLog]:
    """The runs of a log, in order. Raises InputError where there is none, or one is cut short."""
    lines = [PREFIX.sub("", line.strip(), count=1) for line in text.splitlines()]
    starts = [i for i, line in enumerate(lines) if line.endswith(START)] or [0]
    runs = [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    if not any(COUNT.match(line) or TIMINGS.search(line) for line in lines):
        raise InputError(f"{where} is no log of benchmark_model: no line of it counts inferences")
    return [_parse(run, f"{where}, run {i}") for i, run in enumerate(runs, 1)]


def _parse(lines: list[str], where: str) -> BenchmarkLog:
    timings = next((found for line in lines if (found := TIMINGS.search(line))), None)
    if timings is None:
        last = next((line for line in reversed(lines) if line), "")
        raise InputError(
            f"{where}: benchmark_model did not come to its end, 'Inference timings' are missing; "
            f"the last line is {last[:80]!r}"
        )
    settings = {found[1]: found[2] for line in lines if (found := SETTING.match(line))}
    counts = [dict(FIELD.findall(line)) for line in lines if COUNT.match(line)]
    if len(counts) < 2:
        raise InputError(
            f"{where}: expected two lines that begin with 'count=', one of the warm-up and one of "
            f"the inferences, but found {len(counts)}"
        )
    warmup, measured = counts[0], counts[1]
    init_us, first_us, _, mean_us = map(float, timings.groups())
    delegate, delegated, operators, partitions = _delegation(lines)
    threads = settings.get("Num threads") or settings.get("#threads used for CPU inference")
    graph = settings.get("Graph", "")
    return BenchmarkLog(
        graph=graph,
        size_mb=_first(SIZE, lines),
        threads=int(threads) if threads and int(threads) > 0 else None,
        warmup_runs=int(warmup["count"]),
        load_ms=init_us / 1e3,
        first_ms=first_us / 1e3,
        n=int(measured["count"]),
        mean_ms=mean_us / 1e3,
        std_ms=_ms(measured, "std"),
        min_ms=_ms(measured, "min"),
        max_ms=_ms(measured, "max"),
        median_ms=_ms(measured, "median"),
        peak_memory_mib=_first(PEAK, lines) or _first(OLD_PEAK, lines),
        asked_delegate=_asked(settings),
        delegate=delegate,
        delegated=delegated,
        operators=operators,
        partitions=partitions,
    )


def _delegation(lines: list[str]) -> tuple[str | None, int | None, int | None, int | None]:
    """(delegate, nodes that it executes, all nodes, partitions)."""
    replaced = next((found for line in lines if (found := REPLACED.search(line))), None)
    nodes = (int(replaced[1]), int(replaced[2]), int(replaced[4])) if replaced else None
    for line in lines:
        if IGNORED.match(line):
            return "none", 0, nodes[1] if nodes else None, 0
        if found := APPLIED.match(line):
            kernels = int(found[3]) if found[3] else None
            return (found[1].lower(), *(nodes or (None, None, kernels)))
    if replaced and nodes:
        return replaced[3].removeprefix("TfLite").removesuffix("Delegate").lower(), *nodes
    if any("Created TensorFlow Lite XNNPACK delegate" in line for line in lines):
        return "xnnpack", None, None, None
    return None, None, None, None


def _asked(settings: dict[str, str]) -> str | None:
    for key, value in settings.items():
        match = re.fullmatch(r"use (gpu|nnapi|hexagon|xnnpack|coreml)", key.lower())
        if match and value == "1":
            return match[1]
    if settings.get("External delegate path"):
        return settings["External delegate path"]
    return "none" if settings.get("Use xnnpack") == "0" else None


def _first(pattern: re.Pattern[str], lines: list[str], group: int = 1) -> float | None:
    found = next((match for line in lines if (match := pattern.search(line))), None)
    return float(found[group]) if found else None


def _ms(fields: dict[str, str], key: str) -> float | None:
    return float(fields[key]) / 1e3 if key in fields else None
