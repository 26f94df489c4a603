"""Inner tensors of `.tflite` models: exposed as outputs, paired with the float model's, and run."""

from __future__ import annotations

from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.converters.inspect.tflite.graph_index import CROSSINGS, GraphIndex
from edge_edet.converters.inspect.tflite.pairs import (
    LEAST_MATCHED,
    SWISH_CLOSES,
    Floats,
    TensorPair,
    match_tensors,
)
from edge_edet.converters.inspect.tflite.runner import Runner, exposing, passes

__all__ = [
    "CROSSINGS",
    "LEAST_MATCHED",
    "SWISH_CLOSES",
    "Floats",
    "GraphIndex",
    "Rewritable",
    "Runner",
    "TensorPair",
    "exposing",
    "match_tensors",
    "passes",
]
