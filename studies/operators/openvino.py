"""The operators of the studies in an OpenVINO IR, as functions that extend OpenVinoLowering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_edet.network import FUSION_EPSILON, Node
from edge_edet.studies.operators.tflite import NEXT_TO_NOTHING

if TYPE_CHECKING:
    from edge_edet.converters.write.openvino import OpenVinoLowering

__all__ = ["OPENVINO_OPERATORS"]

Made = Any  # an openvino.Node


def relu(lowering: OpenVinoLowering, node: Node) -> Made:
    """Return a Relu."""
    from openvino import opset13 as op

    return op.relu(lowering.tensors[node.inputs[0]])


def leaky_relu(lowering: OpenVinoLowering, node: Node) -> Made:
    """Return a PRelu with one slope."""
    from openvino import opset13 as op

    slope = lowering.constant(f"{node.name}/alpha", [node.attrs["alpha"]])
    return op.prelu(lowering.tensors[node.inputs[0]], slope)


def fusion(lowering: OpenVinoLowering, node: Node) -> Made:
    """Return a fusion that normalizes its weights at every inference; as in `.tflite`."""
    from openvino import opset13 as op

    probe, *inputs = (lowering.tensors[name] for name in node.inputs)
    softmax = node.attrs["method"] == "softmax"

    def named(made: Made, name: str) -> Made:
        return lowering.named(made, f"{node.name}/{name}")

    def constant(name: str, values: Any, dtype: Any = np.float32) -> Made:
        return lowering.constant(f"{node.name}/{name}", values, dtype)

    axis = constant("axis", [1], np.int64)
    value = named(op.reduce_mean(probe, axis, True), "probe")
    value = named(op.multiply(value, constant("tiny", NEXT_TO_NOTHING)), "nothing")
    row = lowering.per_channel(f"{node.name}/weights", node.attrs["values"])  # [1, n, 1, 1]
    raw = named(op.add(row, value), "raw")
    positive = named(op.exp(raw) if softmax else op.relu(raw), "positive")
    total = named(op.reduce_sum(positive, axis, True), "total")
    if not softmax:
        total = named(op.add(total, constant("epsilon", FUSION_EPSILON)), "above zero")
    stacked = node.attrs["stacked"]
    divided = stacked and not softmax
    shares = positive if divided else named(op.divide(positive, total), "shares")
    if stacked and softmax:
        last = constant("last", -1, np.int64)
        parts = [named(op.unsqueeze(x, last), f"wide.{i}") for i, x in enumerate(inputs)]
        stack = named(op.concat(parts, 4), "stack")
        wide = constant("wide", [1, 1, 1, 1, len(inputs)], np.int64)
        shares = named(op.reshape(shares, wide, False), "wide shares")
        return op.reduce_sum(named(op.multiply(stack, shares), "products"), last, False)
    channel = named(op.constant(1, np.int64), "channel")  # a scalar
    split = named(op.split(shares, channel, len(inputs)), "entries")
    parts = [named(op.multiply(x, split.output(i)), f"product.{i}") for i, x in enumerate(inputs)]
    if divided:
        parts = [named(op.divide(x, total), f"part.{i}") for i, x in enumerate(parts)]
    result = parts[0]
    for i, part in enumerate(parts[1:], 2):
        added = op.add(result, part)
        result = added if i == len(parts) else named(added, f"sum.{i}")
    return result


# operator of a study's graph -> the function that builds it
OPENVINO_OPERATORS = {"relu": relu, "leaky_relu": leaky_relu, "fusion": fusion}
