"""Statistics of tensors that hold other tensors' values: of pools, resized maps, concatenated channels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_edet.converters.quantize.histograms import Statistics
from edge_edet.network import Graph

__all__ = ["with_passed"]


def with_passed(graph: Graph, statistics: Mapping[str, Statistics]) -> dict[str, Statistics]:
    """The statistics, and those of what only passes values on (a pool's largest ones: at most these)."""
    found = dict(statistics)
    for node in graph.nodes:
        parts = [found[name] for name in node.inputs if name in found]
        if len(parts) < len(node.inputs):
            continue
        if node.op in ("maxpool", "resize"):
            found[node.name] = parts[0]
        elif node.op == "concat" and node.attrs.get("axis") == 3:
            found[node.name] = Statistics(
                np.sum([part.counts for part in parts], axis=0),
                min(part.low for part in parts),
                max(part.high for part in parts),
                np.concatenate([part.channel_low for part in parts]),
                np.concatenate([part.channel_high for part in parts]),
                parts[0].pictures,
            )
    return found
