"""Latency on a board that is not there, from published latencies of other models on it."""

from __future__ import annotations

from edge_edet.benchmarks.estimate.features import PRECISIONS, read_features
from edge_edet.benchmarks.estimate.rows import estimate_rows, report, ways_to_estimate

__all__ = ["PRECISIONS", "estimate_rows", "read_features", "report", "ways_to_estimate"]
