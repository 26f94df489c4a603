"""The inspection of OpenVINO models (IR), as of `.tflite` in the package above."""

from __future__ import annotations

from edge_edet.converters.inspect.openvino.inspection import inspect_ir, inspect_ir_against

__all__ = ["inspect_ir", "inspect_ir_against"]
