"""The operators of the studies in `.tflite`, as functions that extend TfliteLowering."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_edet.converters.write.tflite import TfliteLowering, schema
from edge_edet.errors import InputError
from edge_edet.network import FUSION_EPSILON, Node

__all__ = ["NEXT_TO_NOTHING", "TFLITE_OPERATORS"]

Op = schema.BuiltinOperator
NEXT_TO_NOTHING = 1e-12  # times a mean of the picture is added, to prevent constant folding


def relu(lowering: TfliteLowering, node: Node) -> None:
    """Emit a RELU."""
    inputs = [lowering.index[node.inputs[0]]]
    lowering.emit(Op.RELU, 2 if lowering.integer else 1, node, inputs, None)


def leaky_relu(lowering: TfliteLowering, node: Node) -> None:
    """Emit a LEAKY_RELU."""
    options = schema.LeakyReluOptionsT()
    options.alpha = node.attrs["alpha"]
    version = 2 if lowering.integer else 1
    lowering.emit(Op.LEAKY_RELU, version, node, [lowering.index[node.inputs[0]]], options)


def fusion(lowering: TfliteLowering, node: Node) -> None:
    """Emit a fusion that normalizes its weights at every inference, then adds: float only.

    Raises
    ------
    InputError
        For an INT8 model.
    """
    if lowering.integer:
        raise InputError("fusion weights that are normalized at run time have no INT8: use fp32")
    probe, *inputs = (lowering.index[name] for name in node.inputs)
    weights = _Fusion(lowering, node).raw(probe)
    if node.attrs["stacked"]:
        _Fusion(lowering, node).stacked(weights, inputs)
    else:
        _Fusion(lowering, node).scalars(weights, inputs)


# operator of a study's graph -> the function that emits it
TFLITE_OPERATORS = {"relu": relu, "leaky_relu": leaky_relu, "fusion": fusion}


class _Fusion:
    """The operators of one fusion; shapes with the weights, [1, 1, 1, n], last."""

    def __init__(self, lowering: TfliteLowering, node: Node):
        self.lowering, self.node = lowering, node
        self.count = len(node.inputs) - 1
        self.softmax = node.attrs["method"] == "softmax"

    def emit(
        self,
        code: int,
        name: str,
        inputs: list[int],
        shape: tuple[int, ...],
        options: Any = None,
        version: int = 1,
    ) -> int:
        """Return one float operator; the last one of a node writes the node's own tensor."""
        place = f"{self.node.name}/{name}" if name else self.node.name
        output = self.lowering.writer.tensor(place, shape, "float32")
        if not name:
            self.lowering.index[place] = output
        self.lowering.writer.operator(code, version, inputs, [output], options)
        return int(output)

    def constant(self, name: str, values: Any) -> int:
        return int(self.lowering.constant(f"{self.node.name}/{name}", np.asarray(values)))

    def raw(self, probe: int) -> int:
        """Weights as trained, plus 1e-12 times a mean of the picture: prevents constant folding."""
        one, row = (1, 1, 1, 1), (1, 1, 1, self.count)
        axes = self.constant("channels", np.asarray([3], np.int32))
        value = self.emit(Op.MEAN, "probe", [probe, axes], one, _keeping())
        tiny = self.constant("tiny", np.full(one, NEXT_TO_NOTHING, np.float32))
        value = self.emit(Op.MUL, "nothing", [value, tiny], one, schema.MulOptionsT())
        values = self.constant("weights", self.node.attrs["values"].reshape(row))
        return self.emit(Op.ADD, "raw", [values, value], row, schema.AddOptionsT())

    def positive(self, weights: int) -> int:
        code = Op.EXP if self.softmax else Op.RELU
        return self.emit(
            code,
            "positive",
            [weights],
            (1, 1, 1, self.count),
            schema.ExpOptionsT() if self.softmax else None,
        )

    def total(self, positive: int) -> int:
        axes = self.constant("last", np.asarray([3], np.int32))
        total = self.emit(Op.SUM, "total", [positive, axes], (1, 1, 1, 1), _keeping())
        if self.softmax:
            return total
        epsilon = self.constant("epsilon", np.full((1, 1, 1, 1), FUSION_EPSILON, np.float32))
        options = schema.AddOptionsT()
        return self.emit(Op.ADD, "above zero", [total, epsilon], (1, 1, 1, 1), options)

    def entry(self, row: int, index: int) -> int:
        begin = self.constant(f"begin.{index}", np.asarray([0, 0, 0, index], np.int32))
        size = self.constant("size", np.asarray([1, 1, 1, 1], np.int32))
        return self.emit(
            Op.SLICE, f"entry.{index}", [row, begin, size], (1, 1, 1, 1), schema.SliceOptionsT()
        )

    def scalars(self, weights: int, inputs: list[int]) -> None:
        """Shares first, then one product for each input."""
        positive = self.positive(weights)
        row = (1, 1, 1, self.count)
        shares = self.emit(
            Op.DIV, "shares", [positive, self.total(positive)], row, schema.DivOptionsT()
        )
        self.summed(
            [
                self.emit(
                    Op.MUL,
                    f"part.{i}",
                    [x, self.entry(shares, i)],
                    self.node.shape,
                    schema.MulOptionsT(),
                )
                for i, x in enumerate(inputs)
            ]
        )

    def stacked(self, weights: int, inputs: list[int]) -> None:
        """As google/automl writes it: softmax stacks the inputs, fast divides each of them."""
        positive, shape = self.positive(weights), self.node.shape
        total = self.total(positive)
        if not self.softmax:
            parts = []
            for i, x in enumerate(inputs):
                part = self.emit(
                    Op.MUL,
                    f"product.{i}",
                    [x, self.entry(positive, i)],
                    shape,
                    schema.MulOptionsT(),
                )
                options = schema.DivOptionsT()
                parts.append(self.emit(Op.DIV, f"part.{i}", [part, total], shape, options))
            self.summed(parts)
            return
        row = (1, 1, 1, self.count)
        shares = self.emit(Op.DIV, "shares", [positive, total], row, schema.DivOptionsT())
        options = schema.PackOptionsT()
        options.valuesCount, options.axis = self.count, 4
        stack = self.emit(Op.PACK, "stack", inputs, (*shape, self.count), options)
        wide = self.constant("wide", np.asarray([1, 1, 1, 1, self.count], np.int32))
        options = schema.ReshapeOptionsT()
        options.newShape = [1, 1, 1, 1, self.count]
        shares = self.emit(
            Op.RESHAPE, "wide shares", [shares, wide], (1, 1, 1, 1, self.count), options
        )
        product = self.emit(
            Op.MUL,
            "products",
            [stack, shares],
            (*shape, self.count),
            schema.MulOptionsT(),
            version=1,
        )
        axes = self.constant("stacked", np.asarray([4], np.int32))
        self.emit(Op.SUM, "", [product, axes], shape, _keeping(False))

    def summed(self, parts: list[int]) -> None:
        total = parts[0]
        for i, part in enumerate(parts[1:], 2):
            name = "" if i == len(parts) else f"sum.{i}"
            total = self.emit(Op.ADD, name, [total, part], self.node.shape, schema.AddOptionsT())


def _keeping(keep: bool = True) -> Any:
    options = schema.ReducerOptionsT()
    options.keepDims = keep
    return options
