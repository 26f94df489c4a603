"""What each block of an INT8 model adds to the error by itself: it runs on the float model's values.

The model is taken apart at the borders of its blocks (Rewritable.cut) and every block is fed what
the float model has there, rounded to the block's own input grids. What differs at its outputs is the
block's doing, its weights, biases and inner grids included, and nothing of the blocks before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_edet.converters.inspect.errors.tensor_error import Pixels, TensorSums
from edge_edet.converters.inspect.network_parts import block_of
from edge_edet.converters.inspect.tflite import (
    Rewritable,
    Runner,
    TensorPair,
    exposing,
)


@dataclass(frozen=True)
class BlockError:
    """The error at a block's output tensor: its power against the signal's, in dB.

    own_db: fed exact values; shift: part of that error which is one constant for each channel.
    """

    block: str
    tensor: str
    order: int
    own_db: float
    shift: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def block_errors(
    integer: Rewritable,
    exact: Rewritable,
    pairs: Sequence[TensorPair],
    pictures: Sequence[Pixels],
    threads: int,
) -> list[BlockError]:
    """The same for models that are open already."""
    borders, blocks = _borders(integer, pairs)
    if not borders:
        return []
    runner = Runner(integer.cut([t.integer.index for t in borders], blocks), threads)
    reference = exposing(exact, [t.exact.index for t in borders], threads)
    sums = [TensorSums(pair) for pair in borders]
    for pixels in pictures:
        reference.run({reference.inputs[0]: pixels})
        exact_values = [reference.get(t.exact.index) for t in borders]
        fed = {runner.inputs[0]: pixels}
        for pair, index, values in zip(borders, runner.inputs[1:], exact_values, strict=True):
            fed[index] = _stored(pair, values)
        runner.run(fed)
        for total, values in zip(sums, exact_values, strict=True):
            total.add(runner.get(total.pair.integer.index), values)
    errors = [total.error(order) for order, total in enumerate(sums)]
    return [BlockError(e.block, e.name, e.order, e.behind_db, e.shift) for e in errors]


def _borders(
    model: Rewritable, pairs: Sequence[TensorPair]
) -> tuple[list[TensorPair], dict[int, str]]:
    """Tensors that another block reads, or nobody; and the block of each operator."""
    blocks = {
        op.index: block_of(model.model.tensors[op.outputs[0]].name) for op in model.model.operators
    }
    readers: dict[int, set[str]] = {}
    for op in model.model.operators:
        for tensor in op.inputs:
            readers.setdefault(tensor, set()).add(blocks[op.index])
    borders = [t for t in pairs if readers.get(t.integer.index, {""}) != {t.block}]
    return borders, blocks


def _stored(pair: TensorPair, values: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
    if pair.is_integer:
        return pair.quantize(values).astype(pair.integer.dtype)
    return values if pair.factors is None else values / pair.factors
