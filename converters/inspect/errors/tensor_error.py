"""The error of every tensor of an INT8 model against its float model, on pictures.

Two errors are measured. The *total* error is that of the running INT8 model; most of it is inherited
from the tensors before. A tensor's *own* error is caused by its grid alone: the float model's values are
rounded to the grid and compared after the activation that reads them (values below -8 are irrelevant
before a swish, which maps them to almost 0). `harm` is the power of the own error relative to the
signal's, with the mean error weighted more, as in converters/quantize/ranges.py. Sorted by harm, the
tensor that spoils a network comes before those that it spoils.
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

MAX_SAMPLES = 1 << 15  # values of one tensor and picture; of the network's outputs all are taken
Pixels = npt.NDArray[Any]  # uint8, or float32 with the same values


@dataclass(frozen=True)
class TensorError:
    """The errors of one tensor over all pictures.

    Every `_db` is the power of the signal over the power of an error, in dB; shares are from 0 to 1.

    Attributes
    ----------
    name, block, operator
        The tensor, its block in the network, and the operator that writes it.
    order
        Position among the compared tensors, in execution order.
    dtype
        Of the INT8 model's tensor.
    scale, zero_point
        Its grid; None where it has none, or one for each channel.
    reader
        The activation that alone reads it: "swish", "sigmoid", or "" for none.
    carried
        Whether its integers are those of another tensor, so that the own error is not its own.
    sqnr_db
        The total error.
    behind_db
        The total error after the activation.
    own_db
        The own error after the activation.
    reach_db
        The own error that a grid from the smallest to the largest value would have.
    harm
        Power of the own error relative to the signal's, with the mean error weighted more.
    cosine, mean_error
        Of the total error, see `ErrorSums`.
    below, above
        Share of the float model's values beyond the lower and the upper end of the grid.
    grid_used
        Share of the grid's steps that occur.
    shift
        Share of the total error's power that is one constant for each channel.
    dead
        Whether the INT8 tensor never changes although the float model's does.
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
        """Return the attributes, ready for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return asdict(self)


def by_harm(errors: Iterable[TensorError]) -> list[TensorError]:
    """Sort errors by harm, the largest first; tensors that carry another one's integers come last.

    Parameters
    ----------
    errors
        One for each tensor.

    Returns
    -------
    list[TensorError]
        Sorted.
    """
    return sorted(errors, key=lambda e: (e.carried, -e.harm, e.order))


def tensor_errors(
    integer: Rewritable,
    exact: Rewritable,
    pairs: Sequence[TensorPair],
    pictures: Sequence[Pixels],
    threads: int,
) -> list[TensorError]:
    """Measure the error of every paired tensor.

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
    list of TensorError
        In the order of `pairs`.

    Raises
    ------
    BackendError
        Where a model does not run.
    """
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
                pair = total.pair
                exact_values = pair.of_float(right.get(pair.exact.index))
                total.add(left.get(pair.integer.index), exact_values)
        errors += [total.error(i) for total, i in zip(sums, group, strict=True)]
    return errors


class Pair(Protocol):
    """What an error is measured on: one tensor of an INT8 model and of its float model, in any format.

    Arrays have their channels last. `TensorPair` is the one of `.tflite`, `IrTensorPair` that of OpenVINO.
    """

    @property
    def name(self) -> str:
        """Name of the tensor, the same in both models."""

    @property
    def block(self) -> str:
        """Block of the network that it belongs to."""

    @property
    def operator(self) -> str:
        """Kind of the operator that writes it in the INT8 model."""

    @property
    def reader(self) -> str:
        """The activation that alone reads it: "swish", "sigmoid", or "" for none."""

    @property
    def carried(self) -> bool:
        """Whether its integers are those of another tensor."""

    @property
    def dtype(self) -> str:
        """Type of its values in the INT8 model."""

    @property
    def is_integer(self) -> bool:
        """Whether it has a grid, of `levels` steps."""

    @property
    def levels(self) -> int:
        """Steps of the grid."""

    @property
    def scale(self) -> float | None:
        """Width of a step; None where channels differ."""

    @property
    def zero_point(self) -> int | None:
        """The integer that stands for 0; None where channels differ."""

    def dequantize(self, integers: npt.NDArray[Any]) -> Floats:
        """Convert the running INT8 model's values to the float model's units."""
        ...

    def steps(self, integers: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Convert the running INT8 model's values to steps of the grid, from 0."""
        ...

    def rounded(self, values: Floats) -> Floats:
        """Round the float model's values to the grid."""
        ...

    def beyond(self, values: Floats) -> tuple[int, int]:
        """Count the float model's values below the grid, and above it."""
        ...

    def plain_error(self, low: Doubles, high: Doubles) -> float:
        """Estimate the mean square error of a grid over just [low, high], both [channels]."""
        ...


P = TypeVar("P", bound=Pair)


class TensorSums(Generic[P]):
    """The sums over the pictures for one tensor, from which its `TensorError` follows.

    Parameters
    ----------
    pair
        The tensor in both models.
    all_values
        Take all values, not a sample of about MAX_SAMPLES for each picture.
    """

    def __init__(self, pair: P, all_values: bool = False):
        self.pair = pair
        self.limit = MAX_SAMPLES if not all_values else 2**62
        self.n = self.below = self.above = 0
        self.total = self.own = self.after = ErrorSums()
        self.seen = np.zeros(pair.levels if pair.is_integer else 1, np.bool_)
        self.y_low, self.y_high = math.inf, -math.inf
        self.low: Doubles = np.zeros(1)  # extremes of the float model, [channels]
        self.high: Doubles = np.zeros(1)
        self.channel_error: Doubles | float = 0.0

    def behind(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Apply the activation that reads the tensor.

        Parameters
        ----------
        values
            In real units.

        Returns
        -------
        npt.NDArray[Any]
            Of the same shape.
        """
        return ACTIVATIONS[self.pair.reader](values)

    def add(self, integers: npt.NDArray[Any], exact: npt.NDArray[np.float32]) -> None:
        """Add one picture: the values of the running INT8 model and of the float model, channels last.

        Parameters
        ----------
        integers
            Of the INT8 model, [..., channels].
        exact
            Of the float model, [..., channels].
        """
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
        """Compute the errors of all pictures so far; `order` is passed on.

        Parameters
        ----------
        order
            Place of the tensor in the network.

        Returns
        -------
        TensorError
            The errors.
        """
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
    """Return [positions, channels]: every k-th position of a large tensor, so that all columns occur."""
    flat = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
    step = -(-flat.size // limit)
    width = values.shape[-2] if values.ndim > 2 else 1
    while step > 1 and math.gcd(step, width) != 1:
        step += 1
    return flat[::step]
