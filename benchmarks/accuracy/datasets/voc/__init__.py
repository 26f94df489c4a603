"""Pascal VOC: one `.xml` for each picture."""

from __future__ import annotations

from edge_edet.benchmarks.accuracy.datasets.voc.reader import load_voc

__all__ = ["load_voc"]
