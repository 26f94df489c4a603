"""Draw the rows of benchmarks as one self-contained page of figures."""

from __future__ import annotations

from edge_edet.benchmarks.report.text_limits import cut_texts
from edge_edet.benchmarks.report.write import write_report

__all__ = ["cut_texts", "write_report"]
