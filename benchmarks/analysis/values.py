"""A number of a row with its interval and where it comes from. AP is in points, times in ms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_edet.benchmarks.rows import Accuracy, BenchmarkRow, count, median_interval, p50

__all__ = ["How", "Value", "ap_of", "latency_of", "threads_of", "way_of"]

How = Literal["measured", "estimated", "published", "counted"]
POINTS = 100.0
CPUS = (("CPU",), ("CPUExecutionProvider",))


@dataclass(frozen=True)
class Value:
    """low, high: the ends of what `basis` says, None where nothing is known of them."""

    middle: float
    how: How
    basis: str
    low: float | None = None
    high: float | None = None


def latency_of(row: BenchmarkRow, stage: str = "inference") -> Value | None:
    """None where the row tells nothing of the stage, or nothing that is a time."""
    if row.how == "emulated":
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
        told = row.summary
        if told.stage != stage:
            return None
        middle, kind = (told.mean_ms, "mean") if told.p50_ms is None else (told.p50_ms, "median")
        return Value(middle, "measured", f"{kind} of {told.n}, no samples kept; {told.source}")
    middle_ms = p50(row, stage)
    if middle_ms is None:
        return None
    ends = median_interval(row.samples_ms[stage])
    n = count(row, stage)
    if ends is None:
        return Value(middle_ms, "measured", f"median of {n}: too few for an interval")
    return Value(middle_ms, "measured", f"median of {n}, its 95 % interval", *ends)


def ap_of(accuracy: Accuracy | None) -> Value | None:
    """In points, 0 to 100; None where there is none. COCOeval's -1 means nothing to find."""
    if accuracy is None or accuracy.ap is None or accuracy.ap < 0:
        return None
    ends = accuracy.intervals.get("ap")
    on = f"on {accuracy.pictures} pictures"
    if ends is None:
        return Value(accuracy.ap * POINTS, "measured", f"{on}, no interval")
    low, high = (end * POINTS for end in ends)
    return Value(accuracy.ap * POINTS, "measured", f"{on}, 95 % interval", low, high)


def threads_of(row: BenchmarkRow) -> int | None:
    """As run; as asked for where that was not read back."""
    ran = row.ran.threads if row.ran is not None else None
    return ran if ran is not None else row.asked.threads


def way_of(row: BenchmarkRow) -> str:
    """Where and how it ran, for people: `rpi4, ai-edge-litert xnnpack, 4 threads`."""
    ran, words = row.ran, [row.device.place]
    runtime = ran.runtime if ran is not None else row.asked.runtime
    delegate = ran.delegate if ran is not None else row.asked.delegate
    shown = [runtime, delegate if delegate != "none" else None]
    if row.model.format == "onnx" and runtime == "openvino":
        shown.append("from .onnx")
    if told := " ".join(word for word in shown if word):
        words.append(told)
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
