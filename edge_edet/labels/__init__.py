"""Class names: COCO's, and those of label files."""

from __future__ import annotations

from edge_edet.labels.coco import COCO_LABELS, class_names
from edge_edet.labels.file import LabelFile, check_names, parse_label_text, read_label_file

__all__ = [
    "COCO_LABELS",
    "LabelFile",
    "check_names",
    "class_names",
    "parse_label_text",
    "read_label_file",
]
