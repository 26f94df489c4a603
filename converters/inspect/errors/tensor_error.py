"""The error of every tensor of an INT8 model against its float model, on pictures.

Two errors are kept apart. The *total* is what the running INT8 model shows; most of it is inherited
from the tensors before. A tensor's *own* error is what its grid alone does to the float model's
values, seen behind the activation that reads it: what lies below -8 before a swish is lost on no
one. `harm` is the own error's power as a part of the signal's, with its mean counted extra as in
converters/quantize/ranges.py; sorted by it, the tensor that spoils a network stands before those that it
spoilt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from edge_edet.converters.inspect.errors.error_sums import (
    ACTIVATIONS,
    MAX_DB,
    Doubles,
    ErrorSums,
    decibels,
)
from edge_edet.converters.inspect.tflite import (
    Floats,
    Rewritable,
    TensorPair,
    exposing,
    passes,
)

MAX_SAMPLES = 1 << 15  # values of one tensor and picture; all of the network's outputs are taken
Pixels = npt.NDArray[Any]  # uint8, or float32 with the same values


@dataclass(frozen=True)
class TensorError:
    """One tensor over all pictures. Ratios are powers in dB; shares are of the values, 0 to 1.

    sqnr_db: the total error; behind_db: the same behind the activation; own_db: the own error
    behind the activation. below, above: values of the float model beyond the grid's ends;
    reach_db: what a grid from the smallest to the largest value would leave of the
    own error; grid_used: steps of the grid that occur; shift: part of the total error that is one constant
    for each channel; dead: the INT8 tensor never changes and the float one does.
    """

    name: str
    block: str
    order: int
    operator: str
    dtype: str
    scale: float | None
    zero_point: int | None
    reader: str
    carried: bool
    sqnr_db: float
    behind_db: float
    own_db: float
    reach_db: float
    harm: float
    cosine: float
    mean_error: float
    below: float
    above: float
    grid_used: float
    shift: float
    dead: bool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def by_harm(errors: Iterable[TensorError]) -> list[TensorError]:
    """Own errors first, largest first; tensors that only carry another one's integers last."""
    return sorted(errors, key=lambda e: (e.carried, -e.harm, e.order))


def tensor_errors(
    integer: Rewritable,
    exact: Rewritable,
    pairs: Sequence[TensorPair],
    pictures: Sequence[Pixels],
    threads: int,
) -> list[TensorError]:
    """The errors of the pairs, in their order."""
    outputs = {integer.model.tensors[i].name for i in integer.model.outputs}
    errors: list[TensorError] = []
    for group in passes([pair.size_bytes for pair in pairs]):
        part = [pairs[i] for i in group]
        sums = [TensorSums(t, all_values=t.name in outputs) for t in part]
        left = exposing(integer, [t.integer.index for t in part], threads)
        right = exposing(exact, [t.exact.index for t in part], threads)
        for pixels in pictures:
            left.run({left.inputs[0]: pixels})
            right.run({right.inputs[0]: pixels})
            for total in sums:
                total.add(left.get(total.pair.integer.index), right.get(total.pair.exact.index))
        errors += [total.error(i) for total, i in zip(sums, group, strict=True)]
    return errors


class Paired(Protocol):
    """A tensor of an INT8 model beside its float model, of whatever format. Channels come last.

    is_integer: whether it has a grid of `levels` steps; scale, zero_point: None where channels differ.
    """

    @property
    def name(self) -> str: ...
    @property
    def block(self) -> str: ...
    @property
    def operator(self) -> str: ...
    @property
    def reader(self) -> str: ...
    @property
    def carried(self) -> bool: ...
    @property
    def dtype(self) -> str: ...
    @property
    def is_integer(self) -> bool: ...
    @property
    def levels(self) -> int: ...
    @property
    def scale(self) -> float | None: ...
    @property
    def zero_point(self) -> int | None: ...

    def dequantize(self, integers: npt.NDArray[Any]) -> Floats:
        """What the running model has there, in the float model's units."""
        ...

    def steps(self, integers: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The same in steps of the grid, from 0."""
        ...

    def rounded(self, values: Floats) -> Floats:
        """The float model's values through the grid."""
        ...

    def beyond(self, values: Floats) -> tuple[int, int]:
        """How many of the float model's values lie below the grid, and above."""
        ...

    def plain_error(self, low: Doubles, high: Doubles) -> float:
        """Mean square of rounding to a grid over just [low, high], both [channels]."""
        ...


P = TypeVar("P", bound=Paired)


class TensorSums(Generic[P]):
    """What is added up over the pictures for one tensor."""

    def __init__(self, pair: P, all_values: bool = False):
        self.pair = pair
        self.limit = MAX_SAMPLES if not all_values else 2**62
        self.n = self.below = self.above = 0
        self.total = self.own = self.after = ErrorSums()
        self.seen = np.zeros(pair.levels if pair.is_integer else 1, np.bool_)
        self.y_low, self.y_high = math.inf, -math.inf
        self.low: Doubles = np.zeros(1)  # of the float model, by channel
        self.high: Doubles = np.zeros(1)
        self.channel_error: Doubles | float = 0.0

    def behind(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return ACTIVATIONS[self.pair.reader](values)

    def add(self, integers: npt.NDArray[Any], exact: npt.NDArray[np.float32]) -> None:
        """One picture: what the running model has there, and the float model's values."""
        pair = self.pair
        q, x = _sampled(integers, self.limit), _sampled(exact, self.limit)
        y = pair.dequantize(q)
        self.n += x.size
        self.total = self.total.plus(x, y)
        self.channel_error = self.channel_error + (y - x).sum(axis=0, dtype=np.float64)
        fx = self.behind(x)
        self.after = self.after.plus(fx, self.behind(y))
        self.y_low, self.y_high = min(self.y_low, float(y.min())), max(self.y_high, float(y.max()))
        self.low = np.minimum(self.low, x.min(axis=0))
        self.high = np.maximum(self.high, x.max(axis=0))
        if pair.is_integer:
            self.seen[pair.steps(q)] = True
            self.own = self.own.plus(fx, self.behind(pair.rounded(x)))
            below, above = pair.beyond(x)
            self.below += below
            self.above += above

    def error(self, order: int) -> TensorError:
        pair, t = self.pair, self.total
        n = max(self.n, 1)
        channels = np.atleast_1d(np.asarray(self.channel_error))
        shift = float(
            np.square(channels).sum() * channels.size / n
        )  # each channel has n / C values
        varies = t.variance > 1e-12 * (1 + t.power)
        plain = pair.plain_error(self.low, self.high) if pair.is_integer else 0.0
        return TensorError(
            name=pair.name,
            block=pair.block,
            order=order,
            operator=pair.operator,
            dtype=pair.dtype,
            scale=pair.scale,
            zero_point=pair.zero_point,
            reader=pair.reader,
            carried=pair.carried or not pair.is_integer,
            sqnr_db=decibels(t.power, t.error),
            behind_db=decibels(self.after.power, self.after.error),
            own_db=decibels(self.own.power, self.own.error) if pair.is_integer else MAX_DB,
            reach_db=decibels(self.own.power, plain) if pair.is_integer else MAX_DB,
            harm=self.own.harm if pair.is_integer else 0.0,
            cosine=t.cosine,
            mean_error=t.mean_error,
            below=self.below / n,
            above=self.above / n,
            grid_used=float(self.seen.mean()),
            shift=min(1.0, shift / (t.sum_ee or 1.0)),
            dead=self.y_low == self.y_high and varies,
        )


def _sampled(values: npt.NDArray[Any], limit: int) -> npt.NDArray[Any]:
    """[positions, channels], of a large tensor every k-th position, all columns in turn."""
    flat = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
    step = -(-flat.size // limit)
    width = values.shape[-2] if values.ndim > 2 else 1
    while step > 1 and math.gcd(step, width) != 1:
        step += 1
    return flat[::step]
