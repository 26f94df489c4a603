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
    """coefficients: [4, C] float16, the a, b, c, d of each channel; error_db: signal over error.

    Attributes
    ----------
    coefficients
        [4, channels], the a, b, c, d of each.
    error_db
        Signal over error, in dB.
    """

    coefficients: npt.NDArray[np.float16]
    error_db: float


Swishes = Mapping[str, FittedSwish]


def swish(x: Array) -> Array:
    """Return x * sigmoid(x) in float32.

    Parameters
    ----------
    x
        Of any shape.

    Returns
    -------
    Array
        Of the same shape.
    """
    return np.asarray(x / (1 + np.exp(-np.maximum(x, -80.0))), np.float32)


def hard_swish(x: Array) -> Array:
    """Return x * clip(x / 6 + 1/2, 0, 1), arXiv 1905.02244 section 5.2.

    Parameters
    ----------
    x
        Of any shape.

    Returns
    -------
    Array
        Of the same shape.
    """
    return np.asarray(x * np.clip(x / 6 + 0.5, 0, 1), np.float32)


def applied(coefficients: npt.NDArray[Any], x: Array) -> Array:
    """Return what the fitted function makes of x [C, N].

    Parameters
    ----------
    coefficients
        [4, channels].
    x
        [channels, N].

    Returns
    -------
    Array
        [channels, N].
    """
    a, b, c, d = coefficients.astype(np.float32)[:, :, None]
    return np.asarray(c * hard_swish(a * x + b) + d, np.float32)
