"""Long runs: the median latency, the temperature and the clock of each minute."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from edge_edet.benchmarks.analysis import Value, way_of
from edge_edet.benchmarks.report.figures import Axis, Figure, Mark, Panel, Series
from edge_edet.benchmarks.rows import BenchmarkRow, Minute, median_interval, percentile, verdict

__all__ = ["sustained_figures"]

RUNS = 6  # per figure
LONGEST = 1  # empty minutes per hole: one is enough to interrupt the line


def sustained_figures(rows: Sequence[BenchmarkRow]) -> Iterator[Figure]:
    """Draw the long runs minute by minute, six runs per figure."""
    runs = [row for row in rows if row.sustain is not None and row.how == "measured"]
    title = "Sustained load: end to end, minute by minute"
    if not runs:
        nothing = "no long run; 'edge-edet bench --sustain 30m' measures one"
        yield Figure("sustained", title, (), (nothing,))
        return
    parts = [runs[start : start + RUNS] for start in range(0, len(runs), RUNS)]
    for number, part in enumerate(parts, 1):
        several = len(parts) > 1
        yield Figure(
            f"sustained-{number}" if several else "sustained",
            f"{title} ({number} of {len(parts)})" if several else title,
            tuple(_panels(part)),
            tuple(_verdict_line(row) for row in part),
            stacked=True,
        )


def _verdict_line(row: BenchmarkRow) -> str:
    assert row.sustain is not None
    return f"{row.model.file}, {way_of(row)}: {verdict(row.sustain).text}"


def _panels(runs: Sequence[BenchmarkRow]) -> Iterator[Panel]:
    x = Axis("minute", "minutes")
    quantities = (
        ("median, ms", "ms", _median),
        ("temperature, C", "C", _temperature),
        ("clock, MHz", "MHz", _clock),
    )
    for label, unit, of in quantities:
        series = []
        for color, row in enumerate(runs):
            assert row.sustain is not None
            marks = [
                _mark(row, minute, of(minute)) for minute in _without_holes(row.sustain.minutes)
            ]
            if any(not math.isnan(mark.y.middle) for mark in marks):
                name = f"{row.model.variant or row.model.file} {row.model.precision}, {way_of(row)}"
                series.append(Series(name, color, tuple(marks), band=True))
        if series:
            yield Panel(x, Axis(label, unit), tuple(series))


def _without_holes(minutes: Sequence[Minute]) -> Iterator[Minute]:
    """Insert an empty minute where some are missing, so that no line is drawn across the hole."""
    expected = minutes[0].minute if minutes else 1
    for minute in minutes:
        for number in range(expected, min(minute.minute, expected + LONGEST)):
            yield Minute(number, (), None, None, None)
        yield minute
        expected = minute.minute + 1


def _mark(row: BenchmarkRow, minute: Minute, y: Value) -> Mark:
    lines = [("minute", str(minute.minute)), ("pictures", str(len(minute.samples_ms)))]
    if minute.samples_ms:
        lines.append(("p90", f"{percentile(minute.samples_ms, 90):.4g} ms"))
    if minute.temperature_c is not None:
        lines.append(("temperature", f"{minute.temperature_c:.1f} C"))
    if minute.frequency_mhz is not None:
        lines.append(("clock", f"{minute.frequency_mhz:.0f} MHz"))
    if minute.throttled is not None:
        lines.append(("throttled", ", ".join(minute.throttled) or "no"))
    x = Value(float(minute.minute), "computed", "")
    return Mark(x, y, "", f"{row.model.file}, minute {minute.minute}", "o", tuple(lines), row)


def _median(minute: Minute) -> Value:
    """Return the median latency; NaN, a gap in the line, for a minute without a picture."""
    if not minute.samples_ms:
        return Value(math.nan, "measured", "no picture was processed in this minute")
    low, high = median_interval(minute.samples_ms) or (None, None)
    basis = f"median of {len(minute.samples_ms)}, its 95 % interval"
    return Value(percentile(minute.samples_ms, 50), "measured", basis, low, high)


def _temperature(minute: Minute) -> Value:
    return _read(minute.temperature_c)


def _clock(minute: Minute) -> Value:
    return _read(minute.frequency_mhz)


def _read(value: float | None) -> Value:
    return Value(math.nan if value is None else value, "measured", "at the end of the minute")
