"""The fast solution against the best of all subsets of columns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_edet.benchmarks.estimate.nnls import nnls


def by_subsets(matrix: np.ndarray, target: np.ndarray) -> float:
    """The least squared error of any set of columns whose coefficients are all positive."""
    matrix = matrix / np.linalg.norm(matrix, axis=0)  # lstsq drops columns that are much smaller
    best = float(target @ target)
    for count in range(1, matrix.shape[1] + 1):
        for chosen in itertools.combinations(range(matrix.shape[1]), count):
            part = matrix[:, chosen]
            x = np.linalg.lstsq(part, target, rcond=None)[0]
            if (x >= 0).all():
                best = min(best, float(np.sum((part @ x - target) ** 2)))
    return best


@pytest.mark.parametrize("seed", range(20))
def test_no_set_of_columns_does_better(seed: int) -> None:
    random = np.random.default_rng(seed)
    matrix = random.random((12, 5)) * 10.0 ** random.integers(-9, 9, 5)  # as multiply-adds to ms
    matrix[:, 4] = matrix[:, 3] * (1 + 1e-3 * random.random(12))  # nearly the same column twice
    target = random.normal(0.3, 1, 12)
    x = nnls(matrix, target)
    assert (x >= 0).all()
    error = float(np.sum((matrix @ x - target) ** 2))
    assert error == pytest.approx(by_subsets(matrix, target), rel=1e-6)


def test_planted_coefficients_are_found() -> None:
    matrix = np.random.default_rng(0).random((20, 4))
    planted = np.array([0.0, 3.0, 0.5, 0.0])
    assert nnls(matrix, matrix @ planted) == pytest.approx(planted, abs=1e-9)


@pytest.mark.parametrize(
    ("matrix", "target", "expected"),
    [
        ([[1.0], [1.0]], [-1.0, -2.0], [0.0]),
        ([[0.0, 1.0], [0.0, 1.0]], [2.0, 4.0], [0.0, 3.0]),
        ([[1.0]], [0.0], [0.0]),
    ],
    ids=["only a negative one would fit", "a column of zeros", "nothing to explain"],
)
def test_borders(matrix: list[list[float]], target: list[float], expected: list[float]) -> None:
    assert nnls(np.array(matrix), np.array(target)) == pytest.approx(np.array(expected))
