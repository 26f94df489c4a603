"""Latency on a board that cannot be reached, from published latencies of other models on it."""

from __future__ import annotations

from edge_edet.benchmarks.estimate.features import PRECISIONS, read_features
from edge_edet.benchmarks.estimate.rows import configs_to_estimate, estimate_rows, report

__all__ = ["PRECISIONS", "configs_to_estimate", "estimate_rows", "read_features", "report"]
