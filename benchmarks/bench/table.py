"""Rows as a table of 80 columns, with details and warnings below each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from edge_edet.benchmarks.counting import count_lines
from edge_edet.benchmarks.rows import (
    STAGES,
    BenchmarkRow,
    BrowserRun,
    count,
    p50,
    p90,
    p99,
    verdict,
)

__all__ = ["HEADER", "LEGEND", "details", "statistics", "table_lines"]

COLUMNS = 80
NAME = 22
HEADER = (
    f"{'model':{NAME}} {'thr':>3} {'decode':>6} {'prep':>6} {'infer':>7} {'post':>6}"
    f" {'p50':>7} {'p90':>7} {'n':>5}"
)
LEGEND = "ms: p50 of each stage, then p50 and p90 end to end, n samples"


def table_lines(row: BenchmarkRow) -> Iterator[str]:
    """Yield the row's line; a file name that is too long for its column stands on a line of its own.

    An estimate is marked with ~ and has no stages.
    """
    name = row.model.file
    if len(name) > NAME:
        yield name
        name = ""
    threads = row.ran.threads if row.ran else row.asked.threads
    start = f"{name:{NAME}} {threads or '-':>3}"
    if row.estimate is not None:
        one = row.estimate
        yield f"{start}  estimated ~{one.p50_ms:.3g} ms, {one.low_ms:.3g} to {one.high_ms:.3g}"
    elif row.counts is not None:
        yield f"{start}  counted {row.counts.instructions / 1e6:.1f} M instructions"
    elif row.summary is not None:
        middle = row.summary.p50_ms if row.summary.p50_ms is not None else row.summary.mean_ms
        empty = f"{'-':>6}"
        yield (
            f"{start} {empty} {empty} {_ms(middle, 7)} {empty} {'-':>7} {'-':>7} {row.summary.n:>5}"
        )
    else:
        stages = [_ms(p50(row, stage), 7 if stage == "inference" else 6) for stage in STAGES[:4]]
        whole = f"{_ms(p50(row), 7)} {_ms(p90(row), 7)} {count(row):>5}"
        yield f"{start} {' '.join(stages)} {whole}"


def details(row: BenchmarkRow) -> Iterator[str]:
    """Yield what stands below the numbers, warnings last, at most 80 columns wide."""
    if row.ran is not None:
        yield from _wrapped(", ".join(_ran(row)))
    if numbers := list(_numbers(row)):
        yield from _wrapped(", ".join(numbers))
    if row.accuracy is not None:
        for text, number in row.accuracy.notes.items():
            yield from _wrapped(f"note: {number} {text}")
    if row.sustain is not None:
        for minute in row.sustain.minutes:
            yield f"    {_minute(minute)}"
        yield from _wrapped(verdict(row.sustain).text)
    if row.counts is not None:
        yield from count_lines(row)
    if row.estimate is not None:
        yield from _wrapped(
            f"estimate, {row.estimate.coverage:.0%} interval; {row.estimate.source}"
        )
        for note in row.estimate.notes:
            yield from _wrapped(note)
    for one in row.warnings:
        yield from _wrapped(f"warning: {one.text}; {one.advice}")


def statistics(row: BenchmarkRow) -> dict[str, Any]:
    """Compute what `--json` prints of each stage: p50_ms, p90_ms, p99_ms, n."""
    return {
        stage: {
            "p50_ms": p50(row, stage),
            "p90_ms": p90(row, stage),
            "p99_ms": p99(row, stage),
            "n": count(row, stage),
        }
        for stage in STAGES
        if row.samples_ms.get(stage)
    }


def _ran(row: BenchmarkRow) -> Iterator[str]:
    ran = row.ran
    assert ran is not None
    yield row.device.name + (f" ({row.device.host})" if row.device.host else "")
    if row.browser is not None:
        yield f"in {row.browser.browser}"
    yield f"{ran.runtime} {ran.version}"
    part = f" {ran.delegated} of {ran.operators}" if ran.delegated else ""
    yield f"delegate {ran.delegate}{part}"
    if ran.device and ran.device != row.device.name:
        yield ran.device
    elif ran.execution_devices and ran.execution_devices != ("CPU",):
        yield " ".join(ran.execution_devices)
    yield row.model.precision + (f" ({ran.precision})" if ran.precision else "")
    state = row.machine
    if state is not None and row.browser is None:
        yield f"governor {state.governor or 'unknown'}"
        if state.load_1m is not None:
            yield f"load {state.load_1m:.1f}"
        if state.temperature_c is not None:
            yield f"{state.temperature_c:.0f} C"


def _numbers(row: BenchmarkRow) -> Iterator[str]:
    if row.how != "measured":
        yield row.how
    tail = p99(row)
    if tail is not None:
        yield f"p99 {tail:.1f} ms"
    if row.load_ms is not None:
        yield f"load {row.load_ms:.0f} ms"
    if row.peak_memory_bytes is not None:
        yield f"peak {row.peak_memory_bytes / 1e6:.0f} MB"
    if row.browser is not None:
        yield from _of_browser(row.browser)
    yield f"file {row.model.size_bytes / 1e6:.1f} MB"
    if (through := row.throughput) is not None:
        rate = through.pictures / through.seconds
        yield f"{rate:.1f} pictures/s in {through.streams} streams"
    if row.energy is not None:
        yield f"{row.energy.joules_per_picture:.2g} J a picture ({row.energy.source})"
    if row.accuracy is not None and row.accuracy.ap is not None:
        ends = row.accuracy.intervals.get("ap")
        told = f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else ""
        yield f"AP {row.accuracy.ap:.3f}{told} on {row.accuracy.pictures} pictures"


def _of_browser(run: BrowserRun) -> Iterator[str]:
    if run.heap_bytes is not None:
        yield f"heap {run.heap_bytes / 1e6:.0f} MB"
    if run.parity is not None and run.parity.boxes:
        yield f"{run.parity.matched} of {run.parity.boxes} boxes as the native runtime"


def _minute(minute: Any) -> str:
    from edge_edet.benchmarks.rows import percentile

    samples: Sequence[float] = minute.samples_ms
    words = [f"minute {minute.minute:>3}:"]
    if samples:
        words.append(f"p50 {percentile(samples, 50):.1f}, p90 {percentile(samples, 90):.1f} ms,")
    words.append(f"n {len(samples)}")
    if minute.temperature_c is not None:
        words.append(f", {minute.temperature_c:.0f} C")
    if minute.frequency_mhz is not None:
        words.append(f", {minute.frequency_mhz:.0f} MHz")
    if minute.throttled:
        words.append(f", {', '.join(minute.throttled)}")
    return " ".join(words).replace(" ,", ",")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS - 2, initial_indent="    ", subsequent_indent="      ")


def _ms(value: float | None, width: int) -> str:
    if value is None:
        return f"{'-':>{width}}"
    return f"{value:>{width}.{2 if value < 10 else 1 if value < 1000 else 0}f}"
