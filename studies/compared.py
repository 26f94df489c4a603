"""Medians of measured rows, and ratios of them with their intervals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edge_edet.benchmarks.rows import BenchmarkRow, median_interval, median_ratio, percentile
from edge_edet.files import to_json
from edge_edet.studies.items import Item, Way
from edge_edet.studies.lines import Line

__all__ = ["Measured"]

STAGE = "inference"
Rounds = dict[int, BenchmarkRow]


class Measured:
    """The rows of a study, one for each round, found by network and way.

    Of rows by different protocols those count whose protocol was used last.
    """

    def __init__(self, study: str, rows: Sequence[BenchmarkRow], ways: Sequence[Way]):
        self.study, self.ways = study, tuple(ways)
        self._rows: dict[tuple[Any, ...], dict[str, Rounds]] = {}
        for row in rows:
            model = row.model
            key = model.variant, model.format, model.precision, row.asked.threads
            protocol = {name: value for name, value in row.protocol.items() if name != "round"}
            rounds = self._rows.setdefault(key, {})
            name = json.dumps(to_json(protocol), sort_keys=True)
            again = rounds.pop(name, {}) | {int(row.protocol.get("round", 1)): row}
            rounds[name] = again

    def rounds(self, item: Item, way: Way) -> dict[str, Rounds]:
        """Protocol -> its rounds, the newest protocol last."""
        key = item.variant.name, way.target, way.precision, way.threads
        return self._rows.get(key, {})

    def rows(self, item: Item, way: Way) -> list[BenchmarkRow]:
        by_protocol = self.rounds(item, way)
        return list(by_protocol[list(by_protocol)[-1]].values()) if by_protocol else []

    def latency(
        self,
        item: Item,
        way: Way,
        published: float | None = None,
        source: str | None = None,
        note: str = "",
    ) -> Line:
        """The median of all rounds' samples."""
        samples = [ms for row in self.rows(item, way) for ms in row.samples_ms.get(STAGE, ())]
        low, high = median_interval(samples) or (None, None)
        middle = percentile(samples, 50) if samples else None
        return Line(
            self.study,
            item.variant.name,
            way.name,
            "ms",
            published,
            source,
            middle,
            low,
            high,
            len(samples) or None,
            note,
        )

    def ratio(self, first: Item, second: Item, way: Way, **told: Any) -> Line:
        """second / first; told: model, quantity, published, source, note.

        The median of the rounds' ratios: within a round the two were measured one after the other. The
        interval spans those of the rounds.
        """
        pairs = self._pairs(first, second, way)
        found = [median_ratio(a, b) for a, b in pairs]
        fields: dict[str, Any] = {"published": None, "source": None, "ours": None, **told}
        if found:
            fields |= {
                "ours": percentile([one.value for one in found], 50),
                "low": min(one.low for one in found),
                "high": max(one.high for one in found),
                "n": sum(min(len(a), len(b)) for a, b in pairs),
            }
        return Line(study=self.study, unit="x", **fields)

    def _pairs(
        self, first: Item, second: Item, way: Way
    ) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
        """Samples of both in each round of the newest protocol that both were measured by."""
        one, other = self.rounds(first, way), self.rounds(second, way)
        protocol = next((name for name in reversed(one) if name in other), None)
        if protocol is None:
            return []
        pairs = [
            (row.samples_ms.get(STAGE, ()), other[protocol][n].samples_ms.get(STAGE, ()))
            for n, row in sorted(one[protocol].items())
            if n in other[protocol]
        ]
        return [pair for pair in pairs if all(pair)]

    def sizes(self, item: Item) -> list[Line]:
        """Of each file, where it was measured."""
        found = {}
        for way in self.ways:
            for row in self.rows(item, way):
                runtime, precision = way.name.split()[:2]
                found[f"{runtime} {precision} file"] = row.model.size_bytes / 1e6
        return [
            Line(self.study, item.variant.name, quantity, "MB", None, None, megabytes)
            for quantity, megabytes in found.items()
        ]
