"""Read what a `.tflite` states about itself."""

from __future__ import annotations

from edge_edet.formats.tflite.file import OperatorInfo, TfliteModel, parse_tflite, read_tflite
from edge_edet.formats.tflite.metadata import (
    IDENTIFIER,
    METADATA_KEY,
    StandardMetadata,
    read_metadata,
)
from edge_edet.formats.tflite.schema import EDGE_TPU, ITEM_BITS, SUPPRESSION

__all__ = [
    "EDGE_TPU",
    "IDENTIFIER",
    "ITEM_BITS",
    "METADATA_KEY",
    "SUPPRESSION",
    "OperatorInfo",
    "StandardMetadata",
    "TfliteModel",
    "parse_tflite",
    "read_metadata",
    "read_tflite",
]
