"""YOLO: one `.txt` of labels per picture, in the layouts that tools write."""

from __future__ import annotations

from edge_edet.benchmarks.accuracy.datasets.yolo.index import index_of
from edge_edet.benchmarks.accuracy.datasets.yolo.layout import (
    beside_files,
    declared,
    folder_files,
    label_texts,
)
from edge_edet.benchmarks.accuracy.datasets.yolo.reader import load_yolo

__all__ = ["beside_files", "declared", "folder_files", "index_of", "label_texts", "load_yolo"]
