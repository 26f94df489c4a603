"""Load labelled pictures from COCO, Pascal VOC and YOLO files into one form."""

from __future__ import annotations

from edge_edet.benchmarks.accuracy.datasets.dataset import Category, Dataset, Objects, Picture
from edge_edet.benchmarks.accuracy.datasets.load import is_labelled, load_dataset

__all__ = ["Category", "Dataset", "Objects", "Picture", "is_labelled", "load_dataset"]
