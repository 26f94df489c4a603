"""COCO's average precision of a model on labelled pictures."""

from __future__ import annotations

from edge_edet.benchmarks.accuracy.class_mapping import NAME_THEM, class_map, read_class_map
from edge_edet.benchmarks.accuracy.coco_metrics import counted_objects
from edge_edet.benchmarks.accuracy.evaluation import IN_MEMORY, evaluate
from edge_edet.benchmarks.accuracy.protocol import DEFAULT_PROTOCOL, Protocol, evaluator_version
from edge_edet.benchmarks.accuracy.result import compare
from edge_edet.benchmarks.accuracy.text_report import (
    difference_table,
    document,
    report,
    summary_table,
)

__all__ = [
    "DEFAULT_PROTOCOL",
    "IN_MEMORY",
    "NAME_THEM",
    "Protocol",
    "class_map",
    "compare",
    "counted_objects",
    "difference_table",
    "document",
    "evaluate",
    "evaluator_version",
    "read_class_map",
    "report",
    "summary_table",
]
