"""Inner tensors of `.tflite` models: made readable, paired, and run."""

from __future__ import annotations

from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.converters.inspect.tflite.graph_index import CROSSINGS, Wiring
from edge_edet.converters.inspect.tflite.pairs import (
    LEAST_MATCHED,
    SWISH_CLOSES,
    Floats,
    Twin,
    match,
)
from edge_edet.converters.inspect.tflite.runner import MAX_PASS_BYTES, Runner, exposing, passes

__all__ = [
    "CROSSINGS",
    "LEAST_MATCHED",
    "MAX_PASS_BYTES",
    "SWISH_CLOSES",
    "Floats",
    "Rewritable",
    "Runner",
    "Twin",
    "Wiring",
    "exposing",
    "match",
    "passes",
]
