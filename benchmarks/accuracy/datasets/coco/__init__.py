"""COCO: one `.json` with pictures, objects and categories."""

from __future__ import annotations

from edge_edet.benchmarks.accuracy.datasets.coco.places import choose_file, coco_files
from edge_edet.benchmarks.accuracy.datasets.coco.reader import load_coco

__all__ = ["choose_file", "coco_files", "load_coco"]
