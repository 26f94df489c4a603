"""How operators that only the studies use are written: the product's writers do not know them."""

from __future__ import annotations

from edge_edet.studies.operators.openvino import OPENVINO_OPERATORS
from edge_edet.studies.operators.tflite import TFLITE_OPERATORS

__all__ = ["OPENVINO_OPERATORS", "TFLITE_OPERATORS"]
