"""Medians of a study's measured rows, and their ratios with intervals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edge_edet.benchmarks.rows import BenchmarkRow, median_interval, median_ratio, percentile
from edge_edet.files import to_json
from edge_edet.studies.study_networks import RunConfig, StudyNetwork
from edge_edet.studies.table_lines import TableLine

__all__ = ["MeasuredRows"]

STAGE = "inference"
Rounds = dict[int, BenchmarkRow]


class MeasuredRows:
    """The rows of a study, one per round, by network and configuration.

    Where rows have different protocols, those of the protocol that was used last count.
    """

    def __init__(self, study: str, rows: Sequence[BenchmarkRow], configs: Sequence[RunConfig]):
        self.study, self.configs = study, tuple(configs)
        self._rows: dict[tuple[Any, ...], dict[str, Rounds]] = {}
        for row in rows:
            model = row.model
            key = model.variant, model.format, model.precision, row.asked.threads
            protocol = {name: value for name, value in row.protocol.items() if name != "round"}
            rounds = self._rows.setdefault(key, {})
            name = json.dumps(to_json(protocol), sort_keys=True)
            again = rounds.pop(name, {}) | {int(row.protocol.get("round", 1)): row}
            rounds[name] = again

    def rounds(self, network: StudyNetwork, config: RunConfig) -> dict[str, Rounds]:
        """Return protocol -> its rounds, the newest protocol last."""
        key = network.variant.name, config.target, config.precision, config.threads
        return self._rows.get(key, {})

    def rows(self, network: StudyNetwork, config: RunConfig) -> list[BenchmarkRow]:
        """Return the rows of the newest protocol, one per round."""
        by_protocol = self.rounds(network, config)
        return list(by_protocol[list(by_protocol)[-1]].values()) if by_protocol else []

    def latency(
        self,
        network: StudyNetwork,
        config: RunConfig,
        published: float | None = None,
        source: str | None = None,
        note: str = "",
    ) -> TableLine:
        """Return the table line of a latency: the median of the samples of all rounds, in ms."""
        samples = [ms for row in self.rows(network, config) for ms in row.samples_ms.get(STAGE, ())]
        low, high = median_interval(samples) or (None, None)
        middle = percentile(samples, 50) if samples else None
        return TableLine(
            self.study,
            network.variant.name,
            config.name,
            "ms",
            published,
            source,
            middle,
            low,
            high,
            len(samples) or None,
            note,
        )

    def ratio(
        self, first: StudyNetwork, second: StudyNetwork, config: RunConfig, **fields: Any
    ) -> TableLine:
        """Return the table line of a ratio of latencies, second / first.

        It is the median of the ratios of the rounds, as within a round the two were measured one after
        the other; the interval spans the intervals of all rounds.

        Parameters
        ----------
        fields
            Other fields of the line: model, quantity, published, source, note.
        """
        pairs = self._pairs(first, second, config)
        found = [median_ratio(a, b) for a, b in pairs]
        fields = {"published": None, "source": None, "ours": None, **fields}
        if found:
            fields |= {
                "ours": percentile([one.value for one in found], 50),
                "low": min(one.low for one in found),
                "high": max(one.high for one in found),
                "n": sum(min(len(a), len(b)) for a, b in pairs),
            }
        return TableLine(study=self.study, unit="x", **fields)

    def _pairs(
        self, first: StudyNetwork, second: StudyNetwork, config: RunConfig
    ) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
        """Return the samples of both in each round of the newest protocol that both have."""
        one, other = self.rounds(first, config), self.rounds(second, config)
        protocol = next((name for name in reversed(one) if name in other), None)
        if protocol is None:
            return []
        pairs = [
            (row.samples_ms.get(STAGE, ()), other[protocol][n].samples_ms.get(STAGE, ()))
            for n, row in sorted(one[protocol].items())
            if n in other[protocol]
        ]
        return [pair for pair in pairs if all(pair)]

    def sizes(self, network: StudyNetwork) -> list[TableLine]:
        """Return a table line with the size of each file that was measured, in MB."""
        found = {}
        for config in self.configs:
            for row in self.rows(network, config):
                runtime, precision = config.name.split()[:2]
                found[f"{runtime} {precision} file"] = row.model.size_bytes / 1e6
        return [
            TableLine(self.study, network.variant.name, quantity, "MB", None, None, megabytes)
            for quantity, megabytes in found.items()
        ]
