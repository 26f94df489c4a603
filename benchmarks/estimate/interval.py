"""How far an estimate may be off: from the errors of the fit on models that it has not seen.

Each model is left out in turn, in all its rows, and predicted from the others. An estimate's 90 %
interval takes the predictions of all these fits, each moved by the errors that it made: CV+ of
Barber et al., Predictive inference with the jackknife+, 2021, on logarithms. Where the fits disagree
about a file, the interval widens by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.benchmarks.estimate.cost_model import Timing, cost, fit
from edge_edet.benchmarks.estimate.features import Features

__all__ = ["COVERAGE", "Fold", "doublings_outside", "drift", "held_out_range", "leave_one_out"]

COVERAGE = 0.9
FEWEST = 3  # models, to see how a fit of them does on larger and smaller ones
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fold:
    """A fit without one model, and its errors on that model.

    Attributes
    ----------
    model
        The model that was left out.
    coefficients
        [9] of the fit.
    held_out
        The rows of that model.
    log_errors
        [rows] log(measured / predicted).
    """

    model: str
    coefficients: Doubles
    held_out: tuple[Timing, ...]
    log_errors: Doubles


def leave_one_out(timings: Sequence[Timing]) -> list[Fold]:
    """Make one fold for each model in one board's timings."""
    return [_fold(timings, (model,)) for model in dict.fromkeys(row.model for row in timings)]


def _fold(timings: Sequence[Timing], left_out: Sequence[str]) -> Fold:
    coefficients = fit(row for row in timings if row.model not in left_out)
    held_out = tuple(row for row in timings if row.model in left_out)
    predicted = [cost(coefficients, row.features, row.threads) for row in held_out]
    errors = np.log([row.mean_ms for row in held_out]) - np.log(predicted)
    return Fold(" ".join(left_out), coefficients, held_out, errors)


def held_out_range(folds: Sequence[Fold], features: Features, threads: int) -> tuple[float, float]:
    """Compute (low, high) ms that hold the truth of a similar model in COVERAGE of the cases."""
    lows, highs = [], []
    for fold in folds:
        predicted = math.log(cost(fold.coefficients, features, threads))
        lows += list(predicted - np.abs(fold.log_errors))
        highs += list(predicted + np.abs(fold.log_errors))
    rank = min(math.ceil(COVERAGE * (len(highs) + 1)), len(highs))
    return math.exp(sorted(lows)[len(lows) - rank]), math.exp(sorted(highs)[rank - 1])


def doublings_outside(timings: Sequence[Timing], features: Features) -> float:
    """Count how often the work must be doubled, or halved, to get from the measured models to it."""
    asked = math.log2(features.total_multiply_adds)
    known = [math.log2(row.features.total_multiply_adds) for row in timings]
    return max(0.0, asked - max(known), min(known) - asked)


def drift(timings: Sequence[Timing]) -> float:
    """Compute the error for each doubling outside, as a logarithm.

    It is measured with fits of the FEWEST smallest and the FEWEST largest models: COVERAGE of the rows
    outside of such a fit were closer than that.
    """
    size = {row.model: row.features.total_multiply_adds for row in timings}
    ordered = sorted(size, key=size.__getitem__)
    slopes: list[float] = []
    for left_out in (ordered[FEWEST:], ordered[:-FEWEST]):
        fold = _fold(timings, left_out)
        inside = [row for row in timings if row.model not in left_out]
        for row, error in zip(fold.held_out, fold.log_errors, strict=True):
            slopes.append(abs(error) / doublings_outside(inside, row.features))
    return float(np.quantile(slopes, COVERAGE))
