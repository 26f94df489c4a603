"""OpenVINO IR models."""

from __future__ import annotations

from edge_edet.converters.write.openvino.input import with_float_input, with_int8_input
from edge_edet.converters.write.openvino.lower import OpenVinoLowering, serialize
from edge_edet.converters.write.openvino.nms import (
    DETECTIONS,
    SuppressingOpenVinoLowering,
    is_suppression,
)

__all__ = [
    "DETECTIONS",
    "OpenVinoLowering",
    "SuppressingOpenVinoLowering",
    "is_suppression",
    "serialize",
    "with_float_input",
    "with_int8_input",
]
