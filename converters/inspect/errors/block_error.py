"""The error that each block of an INT8 model adds by itself.

The model is cut at the borders of its blocks (Rewritable.cut), and every block gets the float model's
values as its inputs, rounded to the block's own input grids. The error at its outputs is then caused by
the block alone (its weights, biases and inner grids), not by the blocks before it.
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
    """The error at one output tensor of a block that gets exact inputs.

    Attributes
    ----------
    block
        Name of the block, as `network_parts.block_of` gives it.
    tensor
        Name of the output tensor.
    order
        Position among the outputs of all blocks, in execution order.
    own_db
        Power of the signal over power of the error, in dB.
    shift
        Share of the error's power, 0 to 1, that is one constant for each channel.
    """

    block: str
    tensor: str
    order: int
    own_db: float
    shift: float

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, ready for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return asdict(self)


def block_errors(
    integer: Rewritable,
    exact: Rewritable,
    pairs: Sequence[TensorPair],
    pictures: Sequence[Pixels],
    threads: int,
) -> list[BlockError]:
    """Measure the error that each block adds by itself.

    Parameters
    ----------
    integer, exact
        The INT8 model and its float model.
    pairs
        Their paired tensors, from `match_tensors`.
    pictures
        Model inputs, [1, height, width, 3] each.
    threads
        CPU threads of the runtime.

    Returns
    -------
    list of BlockError
        In execution order, one for each tensor that leaves a block.

    Raises
    ------
    BackendError
        Where a model does not run.
    """
    borders, blocks = _borders(integer, pairs)
    if not borders:
        return []
    runner = Runner(integer.cut([t.integer.index for t in borders], blocks), threads)
    reference = exposing(exact, [t.exact.index for t in borders], threads)
    sums = [TensorSums(pair) for pair in borders]
    for pixels in pictures:
        reference.run({reference.inputs[0]: pixels})
        exact_values = [t.of_float(reference.get(t.exact.index)) for t in borders]
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
    """Return the tensors that another block or nothing reads, and the block of each operator."""
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
