"""Pairs the tensors of an INT8 model with those of its float model, and converts integers to real values.

In an equalized INT8 file, each channel of a tensor is divided by a factor (converters/quantize/equalize.py).
The factors are a constant of the file, `.../swish/factors`; values are multiplied by them here.

Where channels were split into groups (converters/quantize/split.py), a tensor holds some of the float model's
channels, or all in another order, as the manifest says. Here everything is in the INT8 model's order.
"""

from __future__ import annotations

from collections.abc import Mapping
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
Indices = npt.NDArray[np.int64]
LEAST_MATCHED = 0.5
SWISH_CLOSES = -8.0  # swish(-8) is -0.003
INTEGERS = ("int8", "uint8", "int16")


@dataclass(frozen=True)
class TensorPair:
    """One tensor in the INT8 model and in its float model; arrays have their channels last.

    Attributes
    ----------
    name
        In the INT8 model; the same in the float model, but for tensors that were split.
    integer, exact
        The tensor in the INT8 model, and in the float model.
    operator
        Kind of the operator that writes it in the INT8 model.
    reader
        The activation that alone reads it: "swish", "sigmoid" (of class logits: the score), or "".
    carried
        Whether its integers are those of another tensor, so that their error is not its own.
    factors
        [channels] by which the float values are divided in the INT8 model; None for none.
    channels
        The float model's channels that the INT8 tensor holds, in its order; None: all in the same order.
    """

    name: str
    integer: TensorInfo
    exact: TensorInfo
    operator: str
    reader: str = ""
    carried: bool = False
    factors: Floats | None = None
    channels: Indices | None = None

    @property
    def block(self) -> str:
        """Block of the network that it belongs to."""
        return block_of(self.name)

    @property
    def is_integer(self) -> bool:
        """Whether the INT8 model holds integers there, with one grid for all channels."""
        return self.integer.dtype in INTEGERS and len(self.integer.scales) == 1

    @property
    def size_bytes(self) -> int:
        """Bytes of both tensors."""
        bytes_each = (4 if t.dtype == "float32" else 1 for t in (self.integer, self.exact))
        return int(np.prod(self.exact.shape)) * sum(bytes_each)

    @property
    def limits(self) -> tuple[int, int]:
        """Least and largest integer of its type."""
        info = np.iinfo(self.integer.dtype)
        return int(info.min), int(info.max)

    @property
    def dtype(self) -> str:
        """Type of its values in the INT8 model."""
        return self.integer.dtype

    @property
    def levels(self) -> int:
        """Number of steps of the grid."""
        low, high = self.limits
        return high - low + 1

    @property
    def scale(self) -> float | None:
        """Width of a step; None without a grid."""
        return self.integer.scales[0] if self.is_integer else None

    @property
    def zero_point(self) -> int | None:
        """Integer that stands for 0; None without a grid."""
        return self.integer.zero_points[0] if self.is_integer else None

    def of_float(self, values: Floats) -> Floats:
        """Pick what the INT8 tensor stands for out of the float model's tensor.

        Parameters
        ----------
        values
            Of the float model, [..., channels].

        Returns
        -------
        ndarray
            Of the same shape but for the last axis, in the INT8 tensor's order.
        """
        return values if self.channels is None else np.ascontiguousarray(values[..., self.channels])

    def quantize(self, values: Floats) -> npt.NDArray[np.int64]:
        """Convert float values [..., channels] to integers, clipped to the grid.

        Parameters
        ----------
        values
            In the float model's units.

        Returns
        -------
        npt.NDArray[np.int64]
            Of the same shape.
        """
        scale, zero = self.integer.scales[0], self.integer.zero_points[0]
        divided = values if self.factors is None else values / self.factors
        q = np.rint(divided / np.float32(scale or 1)) + zero
        return np.asarray(np.clip(q, *self.limits), np.int64)

    def dequantize(self, integers: npt.NDArray[np.integer]) -> Floats:
        """Convert integers [..., channels] to the float model's units; float values keep theirs.

        Parameters
        ----------
        integers
            Of the INT8 model.

        Returns
        -------
        Floats
            Of the same shape.
        """
        if not self.is_integer:
            values = integers.astype(np.float32)
        else:
            zero, scale = self.integer.zero_points[0], np.float32(self.integer.scales[0])
            values = (integers.astype(np.float32) - np.float32(zero)) * scale
        return values if self.factors is None else values * self.factors

    def steps(self, integers: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Count integers from the least one of their type.

        Parameters
        ----------
        integers
            Of the INT8 model.

        Returns
        -------
        npt.NDArray[np.int64]
            From 0 up.
        """
        return integers.astype(np.int64) - self.limits[0]

    def rounded(self, values: Floats) -> Floats:
        """Round float values [..., channels] to the grid.

        Parameters
        ----------
        values
            In the float model's units.

        Returns
        -------
        Floats
            Of the same shape.
        """
        return self.dequantize(self.quantize(values))

    def beyond(self, values: Floats) -> tuple[int, int]:
        """Count the float values half a step or more below the grid, and above it.

        Parameters
        ----------
        values
            In the float model's units.

        Returns
        -------
        tuple[int, int]
            Below, above.
        """
        real = values if self.factors is None else values / self.factors
        scale, zero = self.integer.scales[0], self.integer.zero_points[0]
        low, high = self.limits
        below = int((real < (low - zero - 0.5) * scale).sum())
        return below, int((real > (high - zero + 0.5) * scale).sum())

    def plain_error(self, low: Doubles, high: Doubles) -> float:
        """Estimate the mean square error of one grid over all of [low, high], both [channels].

        It is step²/12, as of a uniform distribution. Before a swish the grid begins at SWISH_CLOSES.

        Parameters
        ----------
        low
            Of each channel, in real units.
        high
            Of each channel, in real units.

        Returns
        -------
        float
            In squared real units.
        """
        factors = np.ones(1) if self.factors is None else self.factors.astype(np.float64)
        least, most = float((low / factors).min()), float((high / factors).max())
        if self.reader == "swish":
            least = max(least, SWISH_CLOSES)
        step = (most - least) / (self.levels - 1)
        return step**2 / 12 * float(np.square(factors).mean())


def match_tensors(
    integer: Rewritable, exact: Rewritable, recipe: object = None
) -> list[TensorPair]:
    """Pair the tensors that both models compute, by name.

    Parameters
    ----------
    integer, exact
        The INT8 model and its float model.
    recipe
        The manifest's `recipe` object, which says where channels were split; None: there is none.

    Returns
    -------
    list of TensorPair
        In execution order, without what is sorted by score and the picture itself.

    Raises
    ------
    InputError
        Where shapes differ, or most names: the files are not of the same network.
    """
    model, other = integer.model, exact.model
    by_name = {t.name: t for op in other.operators for t in (other.tensors[i] for i in op.outputs)}
    graph = GraphIndex(integer)
    factors = graph.factors({t.name for t in other.tensors})
    ordered, held = graph.sorted_by_score(), channels_held(recipe)
    pairs, unequal = [], []
    for op in model.operators:
        for index in op.outputs:
            tensor = model.tensors[index]
            name, channels = held.get(tensor.name, (tensor.name, None))
            other_tensor = by_name.get(name)
            if other_tensor is None or other_tensor.dtype != "float32" or index in ordered:
                continue
            if graph.is_input_itself(op):
                continue
            shape = other_tensor.shape
            if channels is not None and channels.max(initial=0) < shape[-1]:
                shape = (*shape[:-1], channels.size)
            if shape != tensor.shape:
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
                    channels,
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


def channels_held(recipe: object) -> dict[str, tuple[str, Indices]]:
    """Read from the manifest's recipe which tensors hold other channels than those of their name.

    Parameters
    ----------
    recipe
        The manifest's `recipe` object; anything else splits nothing.

    Returns
    -------
    dict
        Tensor -> the float model's tensor, and its channels in the INT8 tensor's order.
    """
    stated = recipe.get("channel_groups") if isinstance(recipe, Mapping) else None
    found: dict[str, tuple[str, Indices]] = {}
    for groups in stated.values() if isinstance(stated, Mapping) else ():
        try:
            channels = [np.asarray(group, np.int64) for group in groups["channels"]]
            order = np.concatenate(channels)
            if (
                order.size == 0
                or order.ndim != 1
                or (np.sort(order) != np.arange(order.size)).any()
            ):
                continue
            for name in map(str, groups["reordered"]):
                found |= {f"{name}{end}": (f"{name}{end}", order) for end in ("", "/sigmoid")}
            for name in map(str, groups["split_up"]):
                for number, group in enumerate(channels):
                    here = f"{name}/group.{number}"
                    found |= {f"{here}{end}": (f"{name}{end}", group) for end in ("", "/sigmoid")}
        except (KeyError, TypeError, ValueError, OverflowError):
            continue  # a manifest can be edited: what does not read as groups pairs nothing
    return found
