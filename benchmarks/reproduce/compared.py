"""Medians of measured rows, and ratios of them with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_edet.benchmarks.median_ratio import median_ratio
from edge_edet.benchmarks.reproduce.items import Item, Way
from edge_edet.benchmarks.reproduce.lines import Line
from edge_edet.benchmarks.rows import BenchmarkRow
from edge_edet.benchmarks.stats import median_interval, percentile

__all__ = ["Measured"]

STAGE = "inference"


class Measured:
    """The pooled rows of a study, found by network and way."""

    def __init__(self, study: str, rows: Sequence[BenchmarkRow], ways: Sequence[Way]):
        self.study, self.ways = study, tuple(ways)
        self._rows: dict[tuple[Any, ...], BenchmarkRow] = {
            (row.model.variant, row.model.format, row.model.precision, row.asked.threads): row
            for row in rows
        }

    def row(self, item: Item, way: Way) -> BenchmarkRow | None:
        return self._rows.get((item.variant.name, way.target, way.precision, way.threads))

    def samples(self, item: Item, way: Way) -> tuple[float, ...]:
        row = self.row(item, way)
        return row.samples_ms.get(STAGE, ()) if row else ()

    def latency(self, item: Item, way: Way, published: float | None = None,
                source: str | None = None, note: str = "") -> Line:  # fmt: skip
        samples = self.samples(item, way)
        low, high = median_interval(samples) or (None, None)
        middle = percentile(samples, 50) if samples else None
        return Line(self.study, item.variant.name, way.name, "ms", published, source, middle,
                    low, high, len(samples) or None, note)  # fmt: skip

    def ratio(self, first: Item, second: Item, way: Way, **told: Any) -> Line:
        """second / first; told: model, quantity, published, source, note."""
        a, b = self.samples(first, way), self.samples(second, way)
        fields: dict[str, Any] = {"published": None, "source": None, "ours": None, **told}
        if a and b:
            found = median_ratio(a, b)
            fields |= {"ours": found.value, "low": found.low, "high": found.high,
                       "n": min(len(a), len(b))}  # fmt: skip
        return Line(study=self.study, unit="x", **fields)

    def sizes(self, item: Item) -> list[Line]:
        """Of each file, where it was measured."""
        found = {}
        for way in self.ways:
            row = self.row(item, way)
            if row is not None:
                runtime, precision = way.name.split()[:2]
                found[f"{runtime} {precision} file"] = row.model.size_bytes / 1e6
        return [
            Line(self.study, item.variant.name, quantity, "MB", None, None, megabytes)
            for quantity, megabytes in found.items()
        ]
