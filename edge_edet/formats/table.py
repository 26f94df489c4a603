"""The model formats: suffix, names, the runtimes that run each, and the precisions it can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FORMATS", "NAMED_FORMATS", "Format"]


@dataclass(frozen=True)
class Format:
    """One model format.

    Attributes
    ----------
    suffix
        Of its files; of an OpenVINO IR, of the graph.
    name
        In options and rows.
    title
        In texts for people.
    runtimes
        Names of the runtimes that take it (see `edge_edet.runtimes`), the default first; of a
        .tflite, the first one that is installed is the default.
    precisions
        That `convert` writes it in.
    """

    suffix: str
    name: Literal["tflite", "openvino", "onnx"]
    title: str
    runtimes: tuple[str, ...]
    precisions: tuple[str, ...]


_TABLE = (
    Format(
        ".tflite",
        "tflite",
        "TensorFlow Lite",
        ("ai-edge-litert", "tflite-runtime", "tensorflow"),
        ("fp32", "fp16", "int8-dynamic", "int8"),
    ),
    Format(".xml", "openvino", "OpenVINO IR", ("openvino",), ("fp32", "fp16", "int8")),
    Format(".onnx", "onnx", "ONNX", ("onnxruntime", "openvino"), ("fp32",)),
)
FORMATS = {form.suffix: form for form in _TABLE}
NAMED_FORMATS: dict[str, Format] = {form.name: form for form in _TABLE}
