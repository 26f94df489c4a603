"""The ratio of two medians, and its interval under chance alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.arguments import check_seed
from edge_edet.errors import InputError

__all__ = ["Ratio", "median_ratio", "ratio_of_runs"]

RESAMPLES = 2000
LEVEL = 0.95
CELLS = 4_000_000  # of the largest array held at once

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """Ratio of the second to the first, with its 95 % interval.

    Attributes
    ----------
    value
        Second divided by first.
    low
        Lower end of the interval.
    high
        Upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval excludes 1."""
        return self.low > 1 or self.high < 1


def median_ratio(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Ratio:
    """Compare two runs by the noise within them; changes from one start to the next are not in it.

    Parameters
    ----------
    first
        Samples in their order.
    second
        Samples in their order, of the same unit.
    seed
        Of the bootstrap.

    Returns
    -------
    Ratio
        Of the medians.
    """
    return ratio_of_runs([first], [second], seed)


def ratio_of_runs(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], seed: int = 0
) -> Ratio:
    """Compare the median over runs of each run's median; percentile interval by the bootstrap.

    Within a run, blocks of about sqrt(n) neighbours are drawn (circular block bootstrap, Politis and
    Romano, 1992), because slow spells come in a row: drawn one by one, they would look like more
    evidence than they are. Of several runs, runs are drawn first.

    Parameters
    ----------
    first
        Samples of each run, in their order.
    second
        Samples of each run, in their order, of the same unit.
    seed
        Of the bootstrap.

    Returns
    -------
    Ratio
        Of the medians.

    Raises
    ------
    InputError
        Without samples, or for medians of 0 ms.
    """
    if not all(map(len, (first, second, *first, *second))):
        raise InputError("there are no samples to compare")
    check_seed(seed)
    rng = np.random.default_rng(seed)
    a, b = (float(np.median([np.median(run) for run in runs])) for runs in (first, second))
    if not (a > 0 and b > 0):
        raise InputError("medians of 0 ms have no ratio")
    drawn = [_of_runs(runs, rng) for runs in (first, second)]
    low, high = np.quantile(
        drawn[1] / np.maximum(drawn[0], 1e-12), [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    )
    return Ratio(b / a, float(low), float(high))


def _of_runs(runs: Sequence[Sequence[float]], rng: np.random.Generator) -> Floats:
    """[RESAMPLES] medians over runs."""
    medians = np.stack([_medians(np.asarray(run, np.float64), rng) for run in runs])
    chosen = rng.integers(0, len(runs), medians.shape)  # of one run: that one
    result: Floats = np.median(np.take_along_axis(medians, chosen, axis=0), axis=0)
    return result


def _medians(samples: Floats, rng: np.random.Generator) -> Floats:
    """[RESAMPLES] medians of resampled runs."""
    n = len(samples)
    size = max(1, round(n**0.5))
    blocks = -(-n // size)
    step = max(1, CELLS // n)
    medians = []
    for start in range(0, RESAMPLES, step):
        starts = rng.integers(0, n, (min(step, RESAMPLES - start), blocks, 1))
        places = (starts + np.arange(size)) % n
        medians.append(np.median(samples[places.reshape(len(starts), -1)[:, :n]], axis=1))
    return np.concatenate(medians)
