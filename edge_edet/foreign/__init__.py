"""Detectors that other tools made, with TFLite_Detection_PostProcess in the graph."""

from __future__ import annotations

from edge_edet.foreign.detection_model import MODEL_MAKER, read_foreign, stored_precision
from edge_edet.foreign.options import InputOptions, add_input_arguments, input_options

__all__ = [
    "MODEL_MAKER",
    "InputOptions",
    "add_input_arguments",
    "input_options",
    "read_foreign",
    "stored_precision",
]
