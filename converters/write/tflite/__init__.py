"""TensorFlow Lite models."""

from __future__ import annotations

from edge_edet.converters.write.tflite.flatbuffer import AlignedBuffer, schema
from edge_edet.converters.write.tflite.lower import TfliteLowering, write_tflite
from edge_edet.converters.write.tflite.metadata import append_files, standard_metadata
from edge_edet.converters.write.tflite.nms import write_tflite_with_nms

__all__ = [
    "AlignedBuffer",
    "TfliteLowering",
    "append_files",
    "schema",
    "standard_metadata",
    "write_tflite",
    "write_tflite_with_nms",
]
