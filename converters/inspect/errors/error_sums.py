"""Sums over pairs of an exact and a quantized value, and the error measures computed from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.quantize import MEAN_ERROR_WEIGHT, sigmoid

MAX_DB = 120.0
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ErrorSums:
    """Sums over pairs of an exact value x and its quantized value y, with the error e = y - x.

    Attributes
    ----------
    n
        Number of pairs.
    sum_x, sum_xx, sum_yy, sum_xy
        Sums of x, x², y² and x·y.
    sum_e, sum_ee
        Sums of e and e².
    """

    n: int = 0
    sum_x: float = 0.0
    sum_xx: float = 0.0
    sum_yy: float = 0.0
    sum_xy: float = 0.0
    sum_e: float = 0.0
    sum_ee: float = 0.0

    def plus(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> ErrorSums:
        """Add the pairs of two arrays of any one shape; the sums are kept in float64."""
        a, b = x.reshape(-1).astype(np.float64), y.reshape(-1).astype(np.float64)
        e = b - a
        return ErrorSums(
            self.n + a.size,
            self.sum_x + float(a.sum()),
            self.sum_xx + _dot(a, a),
            self.sum_yy + _dot(b, b),
            self.sum_xy + _dot(a, b),
            self.sum_e + float(e.sum()),
            self.sum_ee + _dot(e, e),
        )

    @property
    def power(self) -> float:
        """Mean square of the exact values."""
        return float(self.sum_xx / max(self.n, 1))

    @property
    def variance(self) -> float:
        """Variance of the exact values."""
        return float(max(self.power - (self.sum_x / max(self.n, 1)) ** 2, 0.0))

    @property
    def error(self) -> float:
        """Mean square error."""
        return float(self.sum_ee / max(self.n, 1))

    @property
    def mean_error(self) -> float:
        """Mean of y - x: the bias that quantization adds."""
        return float(self.sum_e / max(self.n, 1))

    @property
    def cosine(self) -> float:
        """Cosine similarity of x and y; where one of them is all zero, 1 if both are, else 0."""
        norm = math.sqrt(self.sum_xx * self.sum_yy)
        return float(self.sum_xy / norm) if norm > 0 else float(self.sum_xx == self.sum_yy)

    @property
    def harm(self) -> float:
        """Power of the error, relative to the signal's, with the mean error weighted more.

        The weight is the one that ranges are chosen with, see converters/quantize/ranges.py.
        """
        error = self.error + MEAN_ERROR_WEIGHT * self.mean_error**2
        return float(error / self.power) if self.power > 0 else 0.0


def _dot(a: Doubles, b: Doubles) -> float:
    return float(np.einsum("i,i->", a, b))  # BLAS threads wait for each other on busy cores


def decibels(signal: float, error: float) -> float:
    """Convert a ratio of powers to decibels: 10 log10(signal / error), clipped to ±MAX_DB.

    Parameters
    ----------
    signal
        Sum of squares, or mean.
    error
        Of the same kind.

    Returns
    -------
    float
        DB.
    """
    if error <= 0:
        return MAX_DB
    return max(-MAX_DB, min(MAX_DB, 10 * math.log10(max(signal, 1e-300) / error)))


ACTIVATIONS: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "": lambda x: x,
    "sigmoid": sigmoid,
    "swish": lambda x: x * sigmoid(x),
}
