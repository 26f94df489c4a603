"""Numbers of a row, each with its interval and its origin. AP is in points, times are in ms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_edet.benchmarks.rows import Accuracy, BenchmarkRow, count, median_interval, p50

__all__ = ["How", "Value", "ap_of", "latency_of", "threads_of", "way_of"]

How = Literal["measured", "estimated", "published", "computed"]
POINTS = 100.0
CPUS = (("CPU",), ("CPUExecutionProvider",))


@dataclass(frozen=True)
class Value:
    """A number, how it was obtained, and its interval.

    Attributes
    ----------
    middle
        The number itself: a median, a mean, an AP or a count.
    basis
        For people: what the number and its interval are, such as "median of 50, its 95 % interval".
    low, high
        The ends of the interval; None where it is unknown.
    """

    middle: float
    how: How
    basis: str
    low: float | None = None
    high: float | None = None


def latency_of(row: BenchmarkRow, stage: str = "inference") -> Value | None:
    """Return the latency of a stage in ms.

    None where the row has no time of that stage, or where its times are meaningless because the
    device was emulated, or its instructions were only counted.

    Parameters
    ----------
    row
        To look at.
    stage
        Decode, preprocess, inference, postprocess or end_to_end.

    Returns
    -------
    Value | None
        Milliseconds with their interval.
    """
    if row.how in ("emulated", "counted"):
        return None
    if row.estimate is not None:
        one, whole = row.estimate, row.estimate.end_to_end
        if stage == "end_to_end" and whole is not None:
            basis = f"estimate, about {one.coverage:.0%} interval; {whole.source}; {one.source}"
            return Value(whole.p50_ms, "estimated", basis, whole.low_ms, whole.high_ms)
        if stage != "inference":
            return None
        basis = f"estimate, {one.coverage:.0%} interval; {one.source}"
        return Value(one.p50_ms, "estimated", basis, one.low_ms, one.high_ms)
    if row.summary is not None:
        summary = row.summary
        if summary.stage != stage:
            return None
        middle, kind = (
            (summary.mean_ms, "mean") if summary.p50_ms is None else (summary.p50_ms, "median")
        )
        basis = f"{kind} of {summary.n}, no samples kept; {summary.source}"
        return Value(middle, "measured", basis)
    middle_ms = p50(row, stage)
    if middle_ms is None:
        return None
    ends = median_interval(row.samples_ms[stage])
    n = count(row, stage)
    if ends is None:
        return Value(middle_ms, "measured", f"median of {n}: too few for an interval")
    return Value(middle_ms, "measured", f"median of {n}, its 95 % interval", *ends)


def ap_of(accuracy: Accuracy | None) -> Value | None:
    """Return the AP in points, 0 to 100; None where there is none.

    COCOeval reports -1 where the data has no objects: that is no AP either.

    Parameters
    ----------
    accuracy
        Of a row; None: not measured.

    Returns
    -------
    Value | None
        Points with their interval.
    """
    if accuracy is None or accuracy.ap is None or accuracy.ap < 0:
        return None
    ends = accuracy.intervals.get("ap")
    on = f"on {accuracy.pictures} pictures"
    if ends is None:
        return Value(accuracy.ap * POINTS, "measured", f"{on}, no interval")
    low, high = (end * POINTS for end in ends)
    return Value(accuracy.ap * POINTS, "measured", f"{on}, 95 % interval", low, high)


def threads_of(row: BenchmarkRow) -> int | None:
    """Return the threads that the runtime used, or those requested where it does not report them.

    Parameters
    ----------
    row
        To look at.

    Returns
    -------
    int | None
        Number of threads; None: not known.
    """
    ran = row.ran.threads if row.ran is not None else None
    return ran if ran is not None else row.asked.threads


def way_of(row: BenchmarkRow) -> str:
    """Describe where and how the model ran: `rpi4, ai-edge-litert xnnpack, 4 threads`.

    Parameters
    ----------
    row
        To look at.

    Returns
    -------
    str
        The words.
    """
    ran, words = row.ran, [row.device.place]
    runtime = ran.runtime if ran is not None else row.asked.runtime
    delegate = ran.delegate if ran is not None else row.asked.delegate
    shown = [runtime, delegate if delegate != "none" else None]
    if row.browser is not None:
        shown.append(f"in {row.browser.browser}")
    if row.model.format == "onnx" and runtime == "openvino":
        shown.append("from .onnx")
    if text := " ".join(word for word in shown if word):
        words.append(text)
    devices = ran.execution_devices if ran is not None else ()
    if devices and devices not in CPUS:
        words.append("+".join(devices))
    if ran is not None and row.model.precision == "fp32" and ran.precision in ("bf16", "f16"):
        words.append(f"computed in {ran.precision}")
    if (threads := threads_of(row)) is not None:
        words.append(f"{threads} thread{'s' * (threads != 1)}")
    if row.asked.streams > 1:
        words.append(f"{row.asked.streams} streams")
    return ", ".join(words)
