"""Read model files of every format from untrusted bytes."""

from __future__ import annotations

from edge_edet.formats.flexbuffer import read_numbers
from edge_edet.formats.json_fields import Fields
from edge_edet.formats.model_file import (
    ModelFile,
    TensorInfo,
    described,
    files_of,
    open_model,
    read_failed,
    sha256_of,
)
from edge_edet.formats.onnx import OnnxModel
from edge_edet.formats.onnx_external import find_external
from edge_edet.formats.openvino_ir import BIN_SHA256_KEY, IrModel, read_ir
from edge_edet.formats.protobuf import fields, signed, varint
from edge_edet.formats.read import read_model
from edge_edet.formats.table import FORMATS, NAMED_FORMATS, Format

__all__ = [
    "BIN_SHA256_KEY",
    "FORMATS",
    "NAMED_FORMATS",
    "Fields",
    "Format",
    "IrModel",
    "ModelFile",
    "OnnxModel",
    "TensorInfo",
    "described",
    "fields",
    "files_of",
    "find_external",
    "open_model",
    "read_failed",
    "read_ir",
    "read_model",
    "read_numbers",
    "sha256_of",
    "signed",
    "varint",
]
