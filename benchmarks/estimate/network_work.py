"""The work of one inference, counted in our graph: for formats whose operators are not read."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from edge_edet.benchmarks.estimate.features import FLOAT, INT8, PRECISIONS, Features
from edge_edet.errors import ModelFileError
from edge_edet.variants import Variant

if TYPE_CHECKING:
    from edge_edet.network import Node

__all__ = ["network_features"]

MOVING = ("conv", "depthwise", "add", "maxpool", "resize", "concat", "normalize")
FREE = ("reshape",)
# node -> the operators of a .tflite that it becomes
OTHERS = {
    "swish": ("LOGISTIC", "MUL"),
    "sigmoid": ("LOGISTIC",),
    "mul": ("MUL",),
    "scale": ("MUL",),
    "mean": ("MEAN",),
}
ITEM_BYTES = {FLOAT: 4, INT8: 1}


def network_features(variant: Variant, precision: str) -> Features:
    """Count what `read_features` counts in the `.tflite` of a network, without precision conversions.

    Parameters
    ----------
    variant
        The network.
    precision
        fp32, fp16 (which computes in float32) or int8.

    Raises
    ------
    ModelFileError
        For another precision, and for a network with operations that nothing is known about.
    """
    from edge_edet.network import build_network, node_multiply_adds

    kind = {"fp32": FLOAT, "fp16": FLOAT, "int8": INT8}.get(precision)
    if kind is None:
        raise ModelFileError(
            f"no estimate for {precision}: the published latencies are of fp32 and int8; measure it on "
            "the board with --host"
        )
    graph = build_network(variant)
    sizes = {graph.input_name: math.prod(graph.input_shape)}
    multiply_adds = moved = 0
    unmeasured: Counter[str] = Counter()
    for node in graph.nodes:
        sizes[node.name] = math.prod(node.shape)
        elements = max(_read(node, sizes), sizes[node.name])
        if node.op in MOVING:
            multiply_adds += node_multiply_adds(node)
            moved += _read(node, sizes) + sizes[node.name]
        elif node.op in OTHERS:
            unmeasured.update(dict.fromkeys(OTHERS[node.op], elements))
        elif node.op not in FREE:
            raise ModelFileError(
                f"no estimate for a network with the operation {node.op!r}: the published latencies say "
                "nothing about that; measure it on the board with --host"
            )
    counts = dict.fromkeys(PRECISIONS, 0)
    return Features(
        counts | {kind: multiply_adds},
        counts | {kind: moved * ITEM_BYTES[kind]},
        0,
        max(sizes[name] for name in graph.outputs.values()),
        len(graph.nodes),
        dict(unmeasured),
    )


def _read(node: Node, sizes: dict[str, int]) -> int:
    return sum(sizes[name] for name in node.inputs)
