"""OpenVINO IR models."""

from __future__ import annotations

from edge_edet.converters.write.openvino.input import with_float_input
from edge_edet.converters.write.openvino.lower import OpenVinoLowering, serialize

__all__ = ["OpenVinoLowering", "serialize", "with_float_input"]
