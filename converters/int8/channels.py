"""The INT8 of an OpenVINO IR: a step for each input channel of a convolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8.affine import QuantizedWeight
from edge_edet.converters.int8.fitted_swish import Swishes
from edge_edet.network import Array

__all__ = ["LEVELS", "STEM_INPUT", "ChannelQuantized", "ChannelQuantizer"]

LEVELS = 256
STEM_INPUT = "normalized"  # whose integers are the picture's own

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChannelQuantizer:
    """x = step * (q - zero_point), q in [0, 255]; step and zero_point are [channels].

    shared: all channels have one integer zero point, so that padding with zeros stays exact.

    Attributes
    ----------
    step
        [channels], in real units.
    zero_point
        [channels].
    shared
        Whether all channels have one integer zero point.
    """

    step: Doubles
    zero_point: Doubles
    shared: bool

    @property
    def low(self) -> Doubles:
        """Return the real value of the smallest integer."""
        return np.asarray(-self.zero_point * self.step)

    @property
    def high(self) -> Doubles:
        """Return the real value of the largest integer."""
        return np.asarray((LEVELS - 1 - self.zero_point) * self.step)


@dataclass
class ChannelQuantized:
    """Integers of an OpenVINO IR.

    Attributes
    ----------
    quantizers
        Tensor -> what its integer readers see.
    weights
        Convolution -> integers for inputs in steps.
    biases
        Convolution -> float32, one value for each output channel.
    floats
        Convolutions that stay in float, with the reason.
    swishes
        Those that a fitted function stands for.
    """

    quantizers: dict[str, ChannelQuantizer] = field(default_factory=dict)
    weights: dict[str, QuantizedWeight] = field(default_factory=dict)
    biases: dict[str, Array] = field(default_factory=dict)
    floats: dict[str, str] = field(default_factory=dict)
    swishes: Swishes = field(default_factory=dict)

    def stated(self) -> dict[str, Any]:
        """For the manifest's recipe.

        Returns
        -------
        dict[str, Any]
            Plain data, for JSON.
        """
        fitted = {name: found.error_db for name, found in self.swishes.items()}
        return {"float_convolutions": self.floats, "fitted_swishes": fitted}
