"""The error of every tensor of an INT8 model against its float twin, on pictures.

Two errors are kept apart. The *total* is what the running INT8 model shows; most of it is inherited
from the tensors before. A tensor's *own* error is what its grid alone does to the float twin's
values, seen behind the activation that reads it: what lies below -8 before a swish is lost on no
one. `harm` is the own error's power as a part of the signal's, with its mean counted extra as in
converters/ranges.py; sorted by it, the tensor that spoils a network stands before those that it
spoilt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.inspect.moments import ACTIVATIONS, MAX_DB, Doubles, Moments, decibels
from edge_edet.converters.inspect.rewrite import Rewritable
from edge_edet.converters.inspect.tensor_values import exposing, passes
from edge_edet.converters.inspect.twins import Twin, match
from edge_edet.tflite_file import read_tflite

MAX_SAMPLES = 1 << 15  # values of one tensor and picture; all of the network's outputs are taken
SWISH_CLOSES = -8.0  # swish(-8) is -0.003
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TensorError:
    """One tensor over all pictures. Ratios are powers in dB; shares are of the values, 0 to 1.

    sqnr_db: the total error; behind_db: the same behind the activation; own_db: the own error
    behind the activation. below, above: values of the float twin beyond the grid's ends;
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


def compare_tensors(int8_path: Path, float_path: Path, pictures: Iterable[Pixels],
                    threads: int = 2) -> list[TensorError]:  # fmt: skip
    """Every tensor that both files compute, most harmful first.

    pictures: inputs [1, S, S, 3] uint8, read again for each pass. Raises InputError where the files
    are not twins, BackendError where one does not run.
    """
    integer, exact = Rewritable(read_tflite(int8_path)), Rewritable(read_tflite(float_path))
    errors = compare(integer, exact, match(integer, exact), list(pictures), threads)
    return by_harm(errors)


def by_harm(errors: Iterable[TensorError]) -> list[TensorError]:
    """Own errors first, largest first; tensors that only carry another one's integers last."""
    return sorted(errors, key=lambda e: (e.carried, -e.harm, e.order))


def compare(integer: Rewritable, exact: Rewritable, twins: Sequence[Twin],
            pictures: Sequence[Pixels], threads: int) -> list[TensorError]:  # fmt: skip
    """The errors of the twins, in their order."""
    outputs = {integer.model.tensors[i].name for i in integer.model.outputs}
    errors: list[TensorError] = []
    for group in passes([(twin.integer, twin.exact) for twin in twins]):
        part = [twins[i] for i in group]
        sums = [Sums(t, all_values=t.name in outputs) for t in part]
        left = exposing(integer, [t.integer.index for t in part], threads)
        right = exposing(exact, [t.exact.index for t in part], threads)
        for pixels in pictures:
            left.run({left.inputs[0]: pixels})
            right.run({right.inputs[0]: pixels})
            for total in sums:
                total.add(left.get(total.twin.integer.index), right.get(total.twin.exact.index))
        errors += [total.error(i) for total, i in zip(sums, group, strict=True)]
    return errors


class Sums:
    """What is added up over the pictures for one tensor."""

    def __init__(self, twin: Twin, all_values: bool = False):
        self.twin = twin
        self.limit = 1 << 62 if all_values else MAX_SAMPLES
        self.behind = ACTIVATIONS[twin.reader]
        self.n = self.below = self.above = 0
        self.total = self.own = self.after = Moments()
        low, high = twin.limits if twin.is_integer else (0, 0)
        self.seen = np.zeros(high - low + 1, np.bool_)
        self.y_low, self.y_high = math.inf, -math.inf
        self.real_low = self.real_high = 0.0
        self.channel_error: Doubles | float = 0.0

    def add(self, integers: npt.NDArray[Any], exact: npt.NDArray[np.float32]) -> None:
        twin = self.twin
        q, x = _sampled(integers, self.limit), _sampled(exact, self.limit)
        y = twin.dequantize(q)
        self.n += x.size
        self.total = self.total.plus(x, y)
        self.channel_error = self.channel_error + (y - x).sum(axis=0, dtype=np.float64)
        fx = self.behind(x)
        self.after = self.after.plus(fx, self.behind(y))
        self.y_low, self.y_high = min(self.y_low, float(y.min())), max(self.y_high, float(y.max()))
        if twin.is_integer:
            self.seen[q.astype(np.int64) - twin.limits[0]] = True
            ideal = twin.quantize(x)
            self.own = self.own.plus(fx, self.behind(twin.dequantize(ideal)))
            real = x if twin.factors is None else x / twin.factors
            self.real_low = min(self.real_low, float(real.min()))
            self.real_high = max(self.real_high, float(real.max()))
            scale, zero = twin.integer.scales[0], twin.integer.zero_points[0]
            low, high = twin.limits
            self.below += int((real < (low - zero - 0.5) * scale).sum())
            self.above += int((real > (high - zero + 0.5) * scale).sum())

    def error(self, order: int) -> TensorError:
        twin, t = self.twin, self.total
        n = max(self.n, 1)
        channels = np.atleast_1d(np.asarray(self.channel_error))
        shift = float(
            np.square(channels).sum() * channels.size / n
        )  # each channel has n / C values
        varies = t.variance > 1e-12 * (1 + t.power)
        return TensorError(
            name=twin.name, block=twin.block, order=order, operator=twin.operator,
            dtype=twin.integer.dtype,
            scale=twin.integer.scales[0] if twin.is_integer else None,
            zero_point=twin.integer.zero_points[0] if twin.is_integer else None,
            reader=twin.reader, carried=twin.carried or not twin.is_integer,
            sqnr_db=decibels(t.power, t.error), behind_db=decibels(self.after.power, self.after.error),
            own_db=decibels(self.own.power, self.own.error) if twin.is_integer else MAX_DB,
            reach_db=decibels(self.own.power, self.plain_error()) if twin.is_integer else MAX_DB,
            harm=self.own.harm if twin.is_integer else 0.0,
            cosine=t.cosine, mean_error=t.mean_error,
            below=self.below / n, above=self.above / n,
            grid_used=float(self.seen.mean()),
            shift=min(1.0, shift / (t.sum_ee or 1.0)),
            dead=self.y_low == self.y_high and varies,
        )  # fmt: skip

    def plain_error(self) -> float:
        """Mean square of the rounding to a grid over all that was seen; a swish closes at -8."""
        low = max(self.real_low, SWISH_CLOSES) if self.twin.reader == "swish" else self.real_low
        least, most = self.twin.limits
        step = (self.real_high - low) / (most - least)
        factors = self.twin.factors
        gain = 1.0 if factors is None else float(np.square(factors, dtype=np.float64).mean())
        return step**2 / 12 * gain


def _sampled(values: npt.NDArray[Any], limit: int) -> npt.NDArray[Any]:
    """[positions, channels], of a large tensor every k-th position, all columns in turn."""
    flat = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
    step = -(-flat.size // limit)
    width = values.shape[-2] if values.ndim > 2 else 1
    while step > 1 and math.gcd(step, width) != 1:
        step += 1
    return flat[::step]
