"""ONNX models."""

from __future__ import annotations

from edge_edet.converters.write.onnx.write import write_onnx

__all__ = ["write_onnx"]
