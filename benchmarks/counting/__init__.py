"""Rows of counted instructions, for `edge-edet bench --count`."""

from __future__ import annotations

from edge_edet.benchmarks.counting.lines import count_lines
from edge_edet.benchmarks.counting.rows import MOST_ERROR, count_rows, to_count
from edge_edet.benchmarks.counting.table import read_table

__all__ = ["MOST_ERROR", "count_lines", "count_rows", "read_table", "to_count"]
