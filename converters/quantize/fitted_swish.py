"""The hard swish that stands for a swish in an INT8 graph: its function, and its coefficients in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.network import Array


@dataclass(frozen=True)
class FittedSwish:
    """coefficients: [4, C] float16, the a, b, c, d of each channel; error_db: signal over error."""

    coefficients: npt.NDArray[np.float16]
    error_db: float


Swishes = Mapping[str, FittedSwish]


def swish(x: Array) -> Array:
    return np.asarray(x / (1 + np.exp(-np.maximum(x, -80.0))), np.float32)


def hard_swish(x: Array) -> Array:
    return np.asarray(x * np.clip(x / 6 + 0.5, 0, 1), np.float32)


def applied(coefficients: npt.NDArray[Any], x: Array) -> Array:
    """What the fitted function makes of x [C, N]."""
    a, b, c, d = coefficients.astype(np.float32)[:, :, None]
    return np.asarray(c * hard_swish(a * x + b) + d, np.float32)


def pack(swishes: Swishes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a calibration record, all tensors one after the other."""
    values = list(swishes.values())
    return {
        "swish_channels": np.asarray([f.coefficients.shape[1] for f in values], np.int32),
        "swish_db": np.asarray([f.error_db for f in values], np.float32),
        "swish": np.concatenate(
            [np.zeros((4, 0), np.float16), *(f.coefficients for f in values)], axis=1
        ),
    }


def unpack(names: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, FittedSwish]:
    """The inverse of `pack`. Raises ValueError where the arrays do not fit together."""
    channels, errors, values = arrays["swish_channels"], arrays["swish_db"], arrays["swish"]
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        raise ValueError("the fitted swishes must be a list of different names")
    if {channels.shape, errors.shape} != {(len(names),)} or (channels < 1).any():
        raise ValueError(f"{channels.size} fitted swishes do not fit {len(names)} names")
    if values.shape != (4, int(channels.sum())):
        raise ValueError(f"{values.shape} coefficients do not fit {int(channels.sum())} channels")
    if not (np.isfinite(values).all() and np.isfinite(errors).all()):
        raise ValueError("a fitted swish is not finite")
    parts = np.split(values, np.cumsum(channels)[:-1], axis=1)
    return {
        str(name): FittedSwish(part, round(float(error), 1))
        for name, part, error in zip(names, parts, errors, strict=False)
    }
