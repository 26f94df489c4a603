"""A quantization of a graph: what every tensor's integers mean. Made by recipes, read by writers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.network import Array

Indices = npt.NDArray[np.int64]
INT8_MIN, INT8_MAX = -128, 127
FLOAT16_MAX = 65504.0
GATE_LIMIT = 6.6  # sigmoid(-6.6) * 256 rounds to 0: a saturated gate is exactly 0
FACTOR_STEPS = 127  # factors are int8 constants; taking them on that grid makes them exact
MAX_BIAS = 2**30  # half of int32: the other half is for what the convolution adds to it


@dataclass(frozen=True)
class Affine:
    """real = scale * (q - zero_point) with q in [-128, 127].

    Attributes
    ----------
    scale
        The step, in real units.
    zero_point
        The integer that stands for 0.0.
    """

    scale: float
    zero_point: int

    @classmethod
    def from_range(cls, low: float, high: float) -> Affine:
        """Return the int8 grid that covers [low, high] and has an exact zero.

        Parameters
        ----------
        low
            Smallest value; above 0 it is taken as 0.
        high
            Largest value; below 0 it is taken as 0.

        Returns
        -------
        Affine
            The grid.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(max(high - low, 1e-6) / (INT8_MAX - INT8_MIN)))
        zero_point = round(INT8_MIN - low / scale)
        return cls(scale, int(np.clip(zero_point, INT8_MIN, INT8_MAX)))

    @property
    def low(self) -> float:
        """Return the real value of the smallest integer."""
        return self.scale * (INT8_MIN - self.zero_point)

    @property
    def high(self) -> float:
        """Return the real value of the largest integer."""
        return self.scale * (INT8_MAX - self.zero_point)

    def quantize(self, values: Array) -> npt.NDArray[np.int8]:
        """Return the nearest integers, clipped to [-128, 127].

        Parameters
        ----------
        values
            In real units.

        Returns
        -------
        npt.NDArray[np.int8]
            Of the same shape.
        """
        q = np.rint(values / np.float32(self.scale)) + self.zero_point
        return np.asarray(np.clip(q, INT8_MIN, INT8_MAX), np.int8)

    def dequantize(self, q: npt.NDArray[np.int8]) -> Array:
        """Return the real values of integers: scale * (q - zero_point).

        Parameters
        ----------
        q
            Integers.

        Returns
        -------
        Array
            Of the same shape, float32.
        """
        return (q.astype(np.float32) - self.zero_point) * np.float32(self.scale)


SIGMOID = Affine(1 / 256, INT8_MIN)  # fixed by the TFLite quantization spec for LOGISTIC


@dataclass(frozen=True)
class QuantizedWeight:
    """Symmetric int8 weights in [-127, 127]; scale has one entry per output channel.

    per_tensor: all of them are the same, and are stored once.

    Attributes
    ----------
    values
        Integers from -127 to 127, of the weight's shape.
    scale
        [output channels], the step of each, in real units.
    channel_axis
        Axis of the output channels.
    per_tensor
        Whether all output channels have one scale.
    """

    values: npt.NDArray[np.int8]
    scale: Array
    channel_axis: int
    per_tensor: bool = False

    def dequantize(self) -> Array:
        """Return the real values of integers: scale * (q - zero_point).

        Returns
        -------
        Array
            Of the weight's shape, float32.
        """
        shape = [1] * self.values.ndim
        shape[self.channel_axis] = -1
        return self.values.astype(np.float32) * self.scale.reshape(shape)


@dataclass(frozen=True)
class ChannelGroups:
    """Where the channels of a tensor that was split are.

    Attributes
    ----------
    channels
        Of each group, the numbers of its channels in the float network.
    split_up
        Tensors that are one for each group now, `NAME/group.NUMBER`.
    reordered
        Tensors that have the channels of all groups, one group after the other.
    """

    channels: tuple[Indices, ...]
    split_up: tuple[str, ...]
    reordered: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, for the manifest.

        Returns
        -------
        dict
            The attributes, as lists.
        """
        return {
            "channels": [group.tolist() for group in self.channels],
            "split_up": list(self.split_up),
            "reordered": list(self.reordered),
        }


@dataclass
class Quantized:
    """activations: tensor -> grid; weights: node -> integers; biases: node -> float32 bias.

    float_nodes: what stays in float, for a budget that integers alone cannot meet.

    Attributes
    ----------
    activations
        Grid by tensor.
    weights
        Integers by node.
    biases
        Float32 bias by node.
    float_nodes
        What stays in float, for a budget that integers alone cannot meet.
    groups
        Where the channels of a convolution that was split are, by its name.
    """

    activations: dict[str, Affine]
    weights: dict[str, QuantizedWeight]
    biases: dict[str, Array] = field(default_factory=dict)
    float_nodes: frozenset[str] = frozenset()
    groups: Mapping[str, ChannelGroups] = field(default_factory=dict)


def channel_axis(op: str) -> int:
    """Where the output channels are in a convolution's weight.

    Parameters
    ----------
    op
        Conv or depthwise.

    Returns
    -------
    int
        The axis.
    """
    return 3 if op == "depthwise" else 0


def quantize_weight(
    weight: Array, op: str, least: Array | None = None, *, per_tensor: bool = False
) -> QuantizedWeight:
    """Round to the nearest of [-127, 127], per output channel or per tensor, by absolute maximum.

    least: [channels], scales that are not gone below, see `least_scale`.

    Parameters
    ----------
    weight
        Of a convolution, in float32.
    op
        Conv or depthwise.
    least
        [output channels], scales that are not gone below; None: none.
    per_tensor
        Whether all output channels have one scale.

    Returns
    -------
    QuantizedWeight
        Integers and their scales.
    """
    axis = channel_axis(op)
    other = tuple(i for i in range(weight.ndim) if i != axis)
    scale = (np.abs(weight).max(axis=other) / 127).astype(np.float32)
    scale = np.maximum(scale, np.float32(1e-9) if least is None else np.maximum(least, 1e-9))
    if per_tensor:
        scale = np.full_like(scale, scale.max())
    shape = [1] * weight.ndim
    shape[axis] = -1
    values = np.clip(np.rint(weight / scale.reshape(shape)), -127, 127).astype(np.int8)
    return QuantizedWeight(values, scale, axis, per_tensor)


def least_scale(bias: Array, source: Affine) -> Array:
    """Return the weight scales below which a channel's bias would not fit into its 32 bits.

    Only channels whose weights are next to nothing come near; their bias is all that they say.

    Parameters
    ----------
    bias
        [output channels], in real units.
    source
        Grid of the convolution's input.

    Returns
    -------
    Array
        [output channels].
    """
    return np.asarray(np.abs(bias) / (source.scale * MAX_BIAS), np.float32)


def half(values: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    """Round to float16, with values beyond its range cut off at its largest number.

    Parameters
    ----------
    values
        Of any shape.

    Returns
    -------
    npt.NDArray[np.float16]
        Of the same shape.
    """
    return np.asarray(np.clip(values, -FLOAT16_MAX, FLOAT16_MAX), np.float16)
