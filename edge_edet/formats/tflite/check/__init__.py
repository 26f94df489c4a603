"""Check a `.tflite` before a C++ runtime sees it: a table of operators, and their rules."""

from __future__ import annotations

from edge_edet.formats.tflite.check.call import Operand
from edge_edet.formats.tflite.check.check import GraphParts, OperatorParts, check_graphs

__all__ = ["GraphParts", "Operand", "OperatorParts", "check_graphs"]
