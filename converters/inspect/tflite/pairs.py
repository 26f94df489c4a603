"""Pairs the tensors of an INT8 model with those of its float model, and says what the integers mean.

A tensor of the equalized INT8 file holds each channel divided by a factor (converters/quantize/equalize.py);
the factors are a constant of the file, `.../swish/factors`, and are multiplied back here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.converters.inspect.network_parts import block_of
from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.converters.inspect.tflite.graph_index import GraphIndex
from edge_edet.errors import InputError
from edge_edet.formats import TensorInfo

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
LEAST_MATCHED = 0.5
SWISH_CLOSES = -8.0  # swish(-8) is -0.003
INTEGERS = ("int8", "uint8", "int16")


@dataclass(frozen=True)
class TensorPair:
    """One tensor in both files.

    reader: what alone reads it, "swish" or "sigmoid" (of class logits: the score), else "".
    carried: its integers are those of another tensor, so that their error is not its own.
    """

    name: str
    integer: TensorInfo
    exact: TensorInfo
    operator: str
    reader: str = ""
    carried: bool = False
    factors: Floats | None = None

    @property
    def block(self) -> str:
        return block_of(self.name)

    @property
    def is_integer(self) -> bool:
        return self.integer.dtype in INTEGERS and len(self.integer.scales) == 1

    @property
    def size_bytes(self) -> int:
        """Bytes of both tensors."""
        bytes_each = (4 if t.dtype == "float32" else 1 for t in (self.integer, self.exact))
        return int(np.prod(self.exact.shape)) * sum(bytes_each)

    @property
    def limits(self) -> tuple[int, int]:
        info = np.iinfo(self.integer.dtype)
        return int(info.min), int(info.max)

    @property
    def dtype(self) -> str:
        return self.integer.dtype

    @property
    def levels(self) -> int:
        low, high = self.limits
        return high - low + 1

    @property
    def scale(self) -> float | None:
        return self.integer.scales[0] if self.is_integer else None

    @property
    def zero_point(self) -> int | None:
        return self.integer.zero_points[0] if self.is_integer else None

    def quantize(self, values: Floats) -> npt.NDArray[np.int64]:
        """Float values [..., channels] to the integers that stand for them."""
        scale, zero = self.integer.scales[0], self.integer.zero_points[0]
        divided = values if self.factors is None else values / self.factors
        q = np.rint(divided / np.float32(scale or 1)) + zero
        return np.asarray(np.clip(q, *self.limits), np.int64)

    def dequantize(self, integers: npt.NDArray[np.integer]) -> Floats:
        """Integers to the float model's units."""
        if not self.is_integer:
            values = integers.astype(np.float32)
        else:
            zero, scale = self.integer.zero_points[0], np.float32(self.integer.scales[0])
            values = (integers.astype(np.float32) - np.float32(zero)) * scale
        return values if self.factors is None else values * self.factors

    def steps(self, integers: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Integers counted from the least one."""
        return integers.astype(np.int64) - self.limits[0]

    def rounded(self, values: Floats) -> Floats:
        return self.dequantize(self.quantize(values))

    def beyond(self, values: Floats) -> tuple[int, int]:
        """How many float values lie half a step or more below the grid, and above."""
        real = values if self.factors is None else values / self.factors
        scale, zero = self.integer.scales[0], self.integer.zero_points[0]
        low, high = self.limits
        below = int((real < (low - zero - 0.5) * scale).sum())
        return below, int((real > (high - zero + 0.5) * scale).sum())

    def plain_error(self, low: Doubles, high: Doubles) -> float:
        """Mean square of the rounding to one grid over all of [low, high]; a swish closes at -8."""
        factors = np.ones(1) if self.factors is None else self.factors.astype(np.float64)
        least, most = float((low / factors).min()), float((high / factors).max())
        if self.reader == "swish":
            least = max(least, SWISH_CLOSES)
        step = (most - least) / (self.levels - 1)
        return step**2 / 12 * float(np.square(factors).mean())


def match_tensors(integer: Rewritable, exact: Rewritable) -> list[TensorPair]:
    """The tensors that both files compute, in execution order.

    Raises InputError where the files are not the same network.
    """
    model, other = integer.model, exact.model
    by_name = {t.name: t for op in other.operators for t in (other.tensors[i] for i in op.outputs)}
    graph = GraphIndex(integer)
    factors = graph.factors({t.name for t in other.tensors})
    ordered = graph.sorted_by_score()
    pairs, unequal = [], []
    for op in model.operators:
        for index in op.outputs:
            tensor = model.tensors[index]
            other_tensor = by_name.get(tensor.name)
            if other_tensor is None or other_tensor.dtype != "float32" or index in ordered:
                continue
            if graph.is_input_itself(op):
                continue
            if other_tensor.shape != tensor.shape:
                unequal.append(f"{tensor.name} {list(tensor.shape)} and {list(other_tensor.shape)}")
                continue
            pairs.append(
                TensorPair(
                    tensor.name,
                    tensor,
                    other_tensor,
                    op.name,
                    graph.reader(index),
                    graph.is_carried(op),
                    factors.get(index),
                )
            )
    computed = {t for op in model.operators for t in op.outputs} - ordered
    if unequal or len(pairs) < LEAST_MATCHED * len(computed):
        found = (
            f"they differ at {unequal[0]}"
            if unequal
            else (
                f"only {len(pairs)} of its {len(computed)} tensors have one of the same name there"
            )
        )
        raise InputError(
            f"{str(other.path)!r} is not the float model of {str(model.path)!r}: {found}; convert "
            "both from the same weights"
        )
    return pairs
