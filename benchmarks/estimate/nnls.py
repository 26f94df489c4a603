"""Least squares with coefficients that are not negative: no operator takes negative time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
ROUNDS = 1000


def nnls(matrix: Doubles, target: Doubles) -> Doubles:
    """Find x [k] >= 0 with the least |matrix [n, k] @ x - target [n]|.

    The active set method of Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23.
    Columns are scaled to 1 first; one that is all zero gets 0.

    Raises
    ------
    ArithmeticError
        Where there is no solution after ROUNDS rounds.
    """
    size = np.linalg.norm(matrix, axis=0)
    size[size == 0] = 1.0
    a = matrix / size
    x = np.zeros(a.shape[1])
    free = np.zeros(a.shape[1], bool)
    gradient = a.T @ target
    smallest = 1e-10 * max(float(np.abs(gradient).max(initial=0.0)), 1e-300)
    for _ in range(ROUNDS):
        if free.all() or gradient[~free].max() <= smallest:
            return np.asarray(x / size)
        free[np.argmax(np.where(free, -np.inf, gradient))] = True
        x = _step(a, target, x, free)
        gradient = a.T @ (target - a @ x)
    raise ArithmeticError(f"no solution after {ROUNDS} rounds")


def _step(a: Doubles, target: Doubles, x: Doubles, free: npt.NDArray[np.bool_]) -> Doubles:
    """Find the best x within the free columns; those that would turn negative are fixed at 0 again."""
    while True:
        best = np.zeros_like(x)
        best[free] = np.linalg.lstsq(a[:, free], target, rcond=None)[0]
        if (best[free] > 0).all():
            return best
        negative = free & (best <= 0)
        share = float((x[negative] / (x[negative] - best[negative])).min())
        x = x + share * (best - x)
        free &= x > 1e-12 * x.max(initial=0.0)
