"""What a model file holds, and where an INT8 model loses against its float model."""

from __future__ import annotations

from edge_edet.benchmarks.accuracy.datasets import is_labelled
from edge_edet.converters.inspect.accuracy import (
    check_classes,
    check_data,
    pictures_and_accuracy,
)
from edge_edet.converters.inspect.checkpoint import checkpoint_facts
from edge_edet.converters.inspect.comparison import compare_and_judge
from edge_edet.converters.inspect.facts import is_integer_file, tensor_dict
from edge_edet.converters.inspect.first_look import check_labelled, look_for_objects
from edge_edet.converters.inspect.inspection import inspect_file
from edge_edet.converters.inspect.pictures import (
    pick_pictures,
    spread_evenly,
)
from edge_edet.converters.inspect.result import Inspection, read_inspectable
from edge_edet.converters.inspect.same_network import check_pair
from edge_edet.converters.inspect.text_report import all_quantizers, all_tensors, lines

__all__ = [
    "Inspection",
    "all_quantizers",
    "all_tensors",
    "check_classes",
    "check_data",
    "check_labelled",
    "check_pair",
    "checkpoint_facts",
    "compare_and_judge",
    "inspect_file",
    "is_integer_file",
    "is_labelled",
    "lines",
    "look_for_objects",
    "pick_pictures",
    "pictures_and_accuracy",
    "read_inspectable",
    "spread_evenly",
    "tensor_dict",
]
