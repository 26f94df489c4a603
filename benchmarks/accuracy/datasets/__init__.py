"""Labelled pictures from COCO, Pascal VOC and YOLO files, in one form."""

from __future__ import annotations

from edge_edet.benchmarks.accuracy.datasets.dataset import Category, Dataset, Picture
from edge_edet.benchmarks.accuracy.datasets.load import load_dataset

__all__ = ["Category", "Dataset", "Picture", "load_dataset"]
