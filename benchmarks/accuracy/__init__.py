"""Measure COCO's average precision (AP) of a model on labelled pictures."""

from __future__ import annotations

from edge_edet.benchmarks.accuracy.class_mapping import LABELS_ADVICE, class_map, read_class_map
from edge_edet.benchmarks.accuracy.coco_metrics import counted_objects
from edge_edet.benchmarks.accuracy.evaluation import IN_MEMORY, evaluate
from edge_edet.benchmarks.accuracy.protocol import DEFAULT_PROTOCOL, Protocol, evaluator_version
from edge_edet.benchmarks.accuracy.result import compare
from edge_edet.benchmarks.accuracy.text_report import (
    difference_table,
    json_document,
    result_lines,
    summary_table,
)

__all__ = [
    "DEFAULT_PROTOCOL",
    "IN_MEMORY",
    "LABELS_ADVICE",
    "Protocol",
    "class_map",
    "compare",
    "counted_objects",
    "difference_table",
    "evaluate",
    "evaluator_version",
    "json_document",
    "read_class_map",
    "result_lines",
    "summary_table",
]
