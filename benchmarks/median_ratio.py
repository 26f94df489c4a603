"""The ratio of two medians and what chance alone makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError

__all__ = ["Ratio", "median_ratio"]

RESAMPLES = 2000
LEVEL = 0.95
CELLS = 4_000_000  # of the largest array held at once

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """second / first, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def beyond_noise(self) -> bool:
        return self.low > 1 or self.high < 1


def median_ratio(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Ratio:
    """Percentile interval by the circular block bootstrap (Politis and Romano, 1992).

    Blocks of about sqrt(n) neighbours are drawn, because slow spells come in a row: drawn one by
    one, they would look like more evidence than they are. The interval is of noise within two runs;
    what changes from one start of a program to the next is not in it.
    """
    if not len(first) or not len(second):
        raise InputError("there are no samples to compare")
    rng = np.random.default_rng(seed)
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not (np.median(a) > 0 and np.median(b) > 0):
        raise InputError("medians of 0 ms have no ratio")
    ratios = _medians(b, rng) / np.maximum(_medians(a, rng), 1e-12)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(float(np.median(b) / np.median(a)), float(low), float(high))


def _medians(samples: Floats, rng: np.random.Generator) -> Floats:
    """[RESAMPLES]"""
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
