"""TensorFlow Lite's benchmark_model: the arguments to call it with, and how to read its log.

The log is read as TensorFlow 1.10 to 2.21 and LiteRT print it, on a console or behind the prefix
of any logger: lines.py has the lines and their sources. It has no single samples, but the
count, first, minimum, maximum, mean, standard deviation and, from 2.18 on, median, in microseconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge_edet.devices.benchmark_model.lines import COUNTS, NO_FORMS, TIMINGS, Line, known_lines
from edge_edet.errors import InputError

__all__ = ["BenchmarkLog", "arguments", "parse_logs"]

BEGINNINGS = ("start", "setting", "head")  # kinds of lines at the beginning of a run
PROOFS = ("start", COUNTS, TIMINGS)  # a run has at least one of them
MAX_DIGITS = 24  # characters of a number; a double needs fewer
SAME = 1e-3  # relative: the same mean, printed twice
MIXED = (
    "give each its own log, or one that names the process of each line, such as that of 'adb "
    "logcat -v threadtime'"
)


@dataclass(frozen=True)
class BenchmarkLog:
    """One run. Times are in ms; None: this version does not print it.

    Attributes
    ----------
    graph
        The model's path on the device.
    size_mb
        Millions of bytes, six digits.
    threads
        None: the tool's default.
    warmup_runs
        Inferences before the measurement.
    load_ms
        Loading and preparing the model.
    first_ms
        None: no warm-up.
    warmup_mean_ms
        None: no warm-up.
    n
        Number of measured inferences.
    mean_ms
        Mean of the measured inferences.
    std_ms
        Their standard deviation; None: not printed.
    min_ms
        The shortest inference; None: not printed.
    max_ms
        The longest inference; None: not printed.
    median_ms
        Their median; None: not printed.
    peak_memory_mib
        Of the whole process, not what it grew by.
    asked_delegate
        Gpu, nnapi, xnnpack, ...; None: the tool's default.
    delegate
        That executes something; "none"; None: not in the log.
    delegated
        Nodes.
    operators
        Nodes of the graph; None: not in the log.
    partitions
        Parts of the graph that the delegate took; None: not in the log.
    """

    graph: str  # the model's path on the device
    size_mb: float | None  # millions of bytes, six digits
    threads: int | None  # None: the tool's default
    warmup_runs: int
    load_ms: float
    first_ms: float | None  # None: no warm-up
    warmup_mean_ms: float | None  # None: no warm-up
    n: int
    mean_ms: float
    std_ms: float | None
    min_ms: float | None
    max_ms: float | None
    median_ms: float | None
    peak_memory_mib: float | None  # of the whole process, not what it grew by
    asked_delegate: str | None  # gpu, nnapi, xnnpack, ...; None: the tool's default
    delegate: str | None  # that executes something; "none"; None: not in the log
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
    """Make the command line of benchmark_model, without the program's name.

    Parameters
    ----------
    model
        The path of the .tflite on the device.
    threads
        None: the tool's default.
    delegate
        xnnpack, gpu or none; None: the tool's default.
    warmup_runs, runs
        Inferences before and during the measurement.
    half
        Allow the GPU to compute in float16.

    Returns
    -------
    list[str]
        The arguments, one text each.

    Raises
    ------
    InputError
        For another delegate.
    """
    options = [f"--graph={model}", f"--warmup_runs={warmup_runs}", f"--num_runs={runs}"]
    if threads is not None:
        options.append(f"--num_threads={threads}")
    if delegate is None:
        return options
    if delegate not in ("xnnpack", "gpu", "none"):
        raise InputError(
            f"benchmark_model cannot be called with the delegate {delegate!r}: expected xnnpack, gpu "
            "or none"
        )
    options.append(f"--use_xnnpack={'true' if delegate == 'xnnpack' else 'false'}")
    if delegate == "gpu":
        options += ["--use_gpu=true", f"--gpu_precision_loss_allowed={str(half).lower()}"]
    return options


def parse_logs(text: str, where: str) -> list[BenchmarkLog]:
    """Read the runs of a log.

    Lines of different processes belong to different runs, where the log names the processes.

    Parameters
    ----------
    text
        The log.
    where
        What an error calls it, such as its path.

    Returns
    -------
    list of BenchmarkLog
        In the order in which the runs begin.

    Raises
    ------
    InputError
        When the log has no run, a run is cut short, or the lines of two runs are mixed.
    """
    lines = list(known_lines(text))
    _refuse_long_numbers(lines, where)
    for line in lines:
        for pattern, reason in NO_FORMS:
            if line.kind == "other" and pattern.match(line.text):
                raise InputError(f"{where} {reason}")
    if not any(line.kind in (COUNTS, TIMINGS) for line in lines):
        raise InputError(
            f"{where} is not a log of benchmark_model: no line has a count of inferences"
        )
    order = {id(line): i for i, line in enumerate(lines)}
    processes = list(dict.fromkeys(line.process for line in lines))
    runs = [run for one in processes for run in _runs([x for x in lines if x.process == one])]
    runs.sort(key=lambda run: order[id(run[0])])
    return [_parse(run, f"{where}, run {i}") for i, run in enumerate(runs, 1)]


def _refuse_long_numbers(lines: Sequence[Line], where: str) -> None:
    """Raise InputError for numbers with too many digits for a count, size or time."""
    for line in lines:
        for name, value in line.values.items():
            if line.kind != "setting" and value[:1] in "-0123456789" and len(value) > MAX_DIGITS:
                raise InputError(
                    f"{where}: {name} is a number of {len(value)} characters, {value[:20]}...: the "
                    "log is damaged"
                )


def _runs(lines: Sequence[Line]) -> list[list[Line]]:
    """Split the lines of one process into runs, without lines that belong to no run."""
    runs: list[list[Line]] = [[]]
    over = outside = False
    for line in lines:
        begins = line.kind == "start" and any(one.kind != "start" for one in runs[-1])
        if begins or (over and line.kind in (*BEGINNINGS, COUNTS) and not outside):
            runs.append([])
            over = False
        outside = line.kind == "summary" or (outside and line.kind not in BEGINNINGS)
        over = over or line.kind == TIMINGS
        if not (outside and line.kind == COUNTS):
            runs[-1].append(line)
    return [run for run in runs if any(line.kind in PROOFS for line in run)]


def _parse(lines: list[Line], where: str) -> BenchmarkLog:
    timings = next((line.values for line in lines if line.kind == TIMINGS), None)
    if timings is None:
        raise InputError(
            f"{where}: benchmark_model did not finish, 'Inference timings' are missing; "
            f"the last line is {lines[-1].text[:80]!r}"
        )
    series = [_series(line) for line in lines if line.kind == COUNTS]
    settings = _settings(lines, where)
    if not series and not settings and "first" not in timings:
        raise InputError(
            f"{where}: it prints a mean, but not of how many inferences: the Android app of "
            "TensorFlow before 2.2 does not log them; measure with benchmark_model itself"
        )
    if len(series) != 2:
        raise InputError(
            f"{where}: expected two lines that begin with 'count=', one of the warm-up and one of "
            f"the inferences, but found {len(series)}"
            + (f": if two programs wrote into it, {MIXED}" if len(series) > 2 else "")
        )
    warmup, measured = series
    printed = {name: float(value) for name, value in timings.items()}
    if not measured["count"] or not all(map(math.isfinite, (printed["mean"], printed["init"]))):
        raise InputError(f"{where}: no inference was measured: was it called with --dry_run?")
    for one, name, text in ((warmup, "warmup", "warm-up"), (measured, "mean", "inferences")):
        if one["count"] and not math.isclose(one["avg"], printed[name], rel_tol=SAME):
            raise InputError(
                f"{where}: the mean of the {text} is {one['avg']:g} us in the line with its count, but "
                f"{printed[name]:g} us at the end: if two programs wrote into it, {MIXED}"
            )
    delegate, delegated, operators, partitions = _delegation(lines)
    threads = settings.get("num threads") or settings.get("#threads used for cpu inference")
    peaks = [_value(lines, kind, "mib", where) for kind in ("peak", "old peak")]
    return BenchmarkLog(
        graph=settings.get("graph", ""),
        size_mb=_value(lines, "size", "mb", where),
        threads=int(threads) if threads and re.fullmatch("[1-9][0-9]{0,4}", threads) else None,
        warmup_runs=int(warmup["count"]),
        load_ms=printed["init"] / 1e3,
        first_ms=warmup["first"] / 1e3 if warmup["count"] else None,
        warmup_mean_ms=printed["warmup"] / 1e3 if warmup["count"] else None,
        n=int(measured["count"]),
        mean_ms=printed["mean"] / 1e3,
        std_ms=_ms(measured, "std"),
        min_ms=_ms(measured, "min"),
        max_ms=_ms(measured, "max"),
        median_ms=_ms(measured, "median"),
        peak_memory_mib=peaks[0] or peaks[1] or None,
        asked_delegate=_asked(settings),
        delegate=delegate,
        delegated=delegated,
        operators=operators,
        partitions=partitions,
    )


def _series(line: Line) -> dict[str, float]:
    """Read one series: count and, unless it is 0, first, min, max, avg, std in us; median if printed."""
    values = {name: float(value) for name, value in line.values.items()}
    if "none" in values:
        return {"count": 0.0}
    if "some" in values:  # all took equally long, or there is one: it is printed once
        same = values["same"]
        equal = dict.fromkeys(("first", "min", "max", "avg", "median"), same)
        spread = {"std": 0.0} if values["some"] > 1 else {}
        return {"count": values["some"], **equal, **spread}
    return values


def _settings(lines: list[Line], where: str) -> dict[str, str]:
    """Read the settings that the log repeats: lower-case name -> value."""
    settings: dict[str, str] = {}
    for line in lines:
        if line.kind != "setting":
            continue
        key, value = line.values["key"].lower(), line.values.get("value", "")
        if settings.setdefault(key, value) != value:
            raise InputError(
                f"{where}: {line.values['key']!r} is {settings[key]!r} and {value!r} in one run: "
                f"if two programs wrote into it, {MIXED}"
            )
    return settings


def _delegation(lines: list[Line]) -> tuple[str | None, int | None, int | None, int | None]:
    """Find the delegate, the number of nodes that it executes, of all nodes, and of partitions."""
    found = next((line.values for line in lines if line.kind == "replaced"), None)
    nodes = None
    if found:
        nodes = (int(found["replaced"]), int(found["nodes"]), int(found["partitions"]))
    for line in lines:
        if line.kind == "ignored":
            return "none", 0, nodes[1] if nodes else None, 0
        if line.kind == "applied":
            kernels = int(line.values["kernels"]) if "kernels" in line.values else None
            return (line.values["name"].lower(), *(nodes or (None, None, kernels)))
    if found and nodes:
        return found["name"].removeprefix("TfLite").removesuffix("Delegate").lower(), *nodes
    if any(line.kind == "created" for line in lines):
        return "xnnpack", None, None, None
    return None, None, None, None


def _asked(settings: dict[str, str]) -> str | None:
    for key, value in settings.items():
        match = re.fullmatch(r"use (?:legacy )?(gpu|nnapi|hexagon|xnnpack|coreml)", key)
        if match and value == "1":
            return match[1]
    if settings.get("external delegate path"):
        return settings["external delegate path"]
    return "none" if settings.get("use xnnpack") == "0" else None


def _value(lines: list[Line], kind: str, name: str, where: str) -> float | None:
    printed = list(dict.fromkeys(line.values[name] for line in lines if line.kind == kind))
    if len(printed) > 1:
        raise InputError(
            f"{where}: one run has {kind}s of {printed[0]} and {printed[1]} MB: if two programs wrote "
            f"into it, {MIXED}"
        )
    return float(printed[0]) if printed else None


def _ms(series: dict[str, float], key: str) -> float | None:
    return series[key] / 1e3 if key in series else None
