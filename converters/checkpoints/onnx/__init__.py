"""Read ONNX exports of effdet back into canonical weights."""

from __future__ import annotations

from edge_edet.converters.checkpoints.onnx.effdet import open_effdet_onnx, read_effdet_onnx

__all__ = ["open_effdet_onnx", "read_effdet_onnx"]
