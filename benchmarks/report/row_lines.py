"""The contents of a row or a mark as (key, text) pairs for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_edet.benchmarks.analysis import Value
from edge_edet.benchmarks.report.figures import Axis, Mark, Panel
from edge_edet.benchmarks.rows import (
    STAGES,
    BenchmarkRow,
    count,
    median_interval,
    p50,
    p90,
    p99,
    verdict,
)
from edge_edet.files import to_json

__all__ = ["mark_lines", "row_lines", "value_text"]

Line = tuple[str, str]
SUMMARIZED = ("samples_ms", "sustain", "warnings")  # shown as statistics and sentences


def mark_lines(panel: Panel, mark: Mark) -> list[Line]:
    """Return the mark's two values with their intervals, then its own lines."""
    lines = []
    for axis, value in ((panel.y, mark.y), (panel.x, mark.x)):
        if not axis.categories:
            lines.append((axis.label, value_text(axis, value)))
    return [*lines, *mark.lines]


def value_text(axis: Axis, value: Value) -> str:
    """Return a text such as `33.5 points (32.9 to 34.1), measured: on 5000 pictures, 95 % interval`."""
    ends = ""
    if value.low is not None and value.high is not None:
        ends = f" ({_figure(value.low)} to {_figure(value.high)})"
    basis = f": {value.basis}" if value.basis else ""
    unit = f" {axis.unit}" if axis.unit in ("ms", "points", "C", "MHz", "times") else ""
    return f"{_figure(value.middle)}{unit}{ends}, {value.how}{basis}"


def row_lines(row: BenchmarkRow) -> list[Line]:
    """Return all fields of a row, nested ones as `ran.runtime`, and statistics of its samples."""
    lines: list[Line] = []
    for key, value in to_json(row).items():
        if key not in SUMMARIZED:
            lines += _flat(key, value)
    return [*lines, *_samples(row), *_warnings(row)]


def _flat(key: str, value: Any) -> Iterator[Line]:
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _flat(f"{key}.{inner}", each)
    elif isinstance(value, list):
        yield key, ", ".join(map(str, value)) or "none"
    else:
        yield key, "unknown" if value is None else str(value)


def _samples(row: BenchmarkRow) -> Iterator[Line]:
    for stage in STAGES:
        samples = row.samples_ms.get(stage)
        if samples:
            ends = median_interval(samples)
            interval = (
                f", 95 % interval of the median {ends[0]:.4g} to {ends[1]:.4g}" if ends else ""
            )
            numbers = [f"{of(row, stage):.4g}" for of in (p50, p90, p99)]
            text = "p50 {}, p90 {}, p99 {} ms".format(*numbers)
            yield f"samples_ms.{stage}", f"{text}, n {count(row, stage)}{interval}"
    if row.sustain is not None:
        minutes = len(row.sustain.minutes)
        yield "sustain", f"{minutes} minutes of {row.sustain.seconds / 60:g}"
        yield "sustain.verdict", verdict(row.sustain).text


def _warnings(row: BenchmarkRow) -> Iterator[Line]:
    for one in row.warnings:
        yield f"warning {one.code}", f"{one.text}; {one.advice}"


def _figure(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
