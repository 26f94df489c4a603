"""What each block of an INT8 model adds to the error by itself: it runs on the float twin's values.

The model is taken apart at the borders of its blocks (Rewritable.cut) and every block is fed what
the float twin has there, rounded to the block's own input grids. What differs at its outputs is the
block's doing, its weights, biases and inner grids included, and nothing of the blocks before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_edet.converters.inspect.errors.tensor_error import Pixels, Sums
from edge_edet.converters.inspect.network_parts import block_of
from edge_edet.converters.inspect.tflite import Rewritable, Runner, Twin, exposing, match
from edge_edet.formats.tflite import read_tflite


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
    int8_path: Path, float_path: Path, pictures: Iterable[Pixels], threads: int = 2
) -> list[BlockError]:
    """The blocks in execution order; one entry for each tensor that leaves a block.

    pictures: inputs [1, S, S, 3] uint8. Raises as tensor_error.compare_tensors.
    """
    integer, exact = Rewritable(read_tflite(int8_path)), Rewritable(read_tflite(float_path))
    return errors_of_blocks(integer, exact, match(integer, exact), list(pictures), threads)


def errors_of_blocks(
    integer: Rewritable,
    exact: Rewritable,
    twins: Sequence[Twin],
    pictures: Sequence[Pixels],
    threads: int,
) -> list[BlockError]:
    """The same for models that are open already."""
    borders, blocks = _borders(integer, twins)
    if not borders:
        return []
    runner = Runner(integer.cut([t.integer.index for t in borders], blocks), threads)
    reference = exposing(exact, [t.exact.index for t in borders], threads)
    sums = [Sums(twin) for twin in borders]
    for pixels in pictures:
        reference.run({reference.inputs[0]: pixels})
        exact_values = [reference.get(t.exact.index) for t in borders]
        fed = {runner.inputs[0]: pixels}
        for twin, index, values in zip(borders, runner.inputs[1:], exact_values, strict=True):
            fed[index] = _stored(twin, values)
        runner.run(fed)
        for total, values in zip(sums, exact_values, strict=True):
            total.add(runner.get(total.twin.integer.index), values)
    errors = [total.error(order) for order, total in enumerate(sums)]
    return [BlockError(e.block, e.name, e.order, e.behind_db, e.shift) for e in errors]


def _borders(model: Rewritable, twins: Sequence[Twin]) -> tuple[list[Twin], dict[int, str]]:
    """Tensors that another block reads, or nobody; and the block of each operator."""
    blocks = {
        op.index: block_of(model.model.tensors[op.outputs[0]].name) for op in model.model.operators
    }
    readers: dict[int, set[str]] = {}
    for op in model.model.operators:
        for tensor in op.inputs:
            readers.setdefault(tensor, set()).add(blocks[op.index])
    borders = [t for t in twins if readers.get(t.integer.index, {""}) != {t.block}]
    return borders, blocks


def _stored(twin: Twin, values: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
    if twin.is_integer:
        return twin.quantize(values).astype(twin.integer.dtype)
    return values if twin.factors is None else values / twin.factors
