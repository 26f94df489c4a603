"""Reads a model file by its format: the suffix says which."""

from __future__ import annotations

from pathlib import Path

from edge_edet.errors import ModelFileError
from edge_edet.ir_file import read_ir
from edge_edet.model_file import ModelFile
from edge_edet.onnx_file import read_onnx
from edge_edet.tflite_file import read_tflite

__all__ = ["read_model"]


def read_model(path: str | Path) -> ModelFile:
    """The summary of a .tflite, .xml or .onnx. Raises ModelFileError where it is not intact."""
    suffix = Path(path).suffix.lower()
    if suffix == ".xml":
        return read_ir(path)
    if suffix == ".onnx":
        return read_onnx(path)
    if suffix == ".bin" and Path(path).with_suffix(".xml").is_file():
        raise ModelFileError(
            f"{str(path)!r} holds an OpenVINO model's weights: give the .xml beside it"
        )
    return read_tflite(path)
