"""Bootstrap intervals of an AP: how much it depends on the choice of pictures.

As many pictures as there are get drawn with replacement. The detections of a picture stay matched as
they were and count as often as the picture was drawn, so nothing is run or matched twice. The interval
covers the choice of pictures, not another training or other labels.

It is the basic bootstrap interval, 2 * AP - (97.5 and 2.5 percentile). AP is biased upwards on few
pictures, and more so on resamples, where pictures repeat; plain percentiles would therefore lie too
high. On random data, the percentile interval of samples of 60 or 200 pictures held the AP of 3,000
pictures in 55 to 76 of 100 cases, the basic interval in 98 or 99.

Models are compared on the same draws (paired): a draw that is hard for one model is mostly hard for
the other, and this part of the variation cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.benchmarks.accuracy.coco_metrics import ClassMatches

__all__ = ["Interval", "draws", "interval", "mean_ap", "resampled_ap"]

RECALLS = np.linspace(0.0, 1.0, 101)  # COCOeval's recThrs
LEVEL = 0.95
CELLS = 4_000_000  # of the largest array that is held at once

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float

    def to_list(self) -> list[float]:
        """Return [low, high], as JSON has it."""
        return [self.low, self.high]


def draws(pictures: int, resamples: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw pictures with replacement.

    Returns
    -------
    [resamples, pictures] int64
        How often each picture was drawn; the same seed gives the same draws.
    """
    rng = np.random.default_rng(seed)
    weights = np.zeros((resamples, pictures), np.int64)
    for row in weights:
        row += np.bincount(rng.integers(0, pictures, pictures), minlength=pictures)
    return weights


def resampled_ap(
    matches: Sequence[ClassMatches], weights: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Accumulate the AP of every resample from the matches of the evaluation.

    Parameters
    ----------
    matches
        One per class.
    weights
        [resamples, pictures] of `draws`. A row of ones gives COCOeval's own AP.

    Returns
    -------
    [resamples, classes, 10] float64
        AP of each class at each IoU threshold, 0.50 to 0.95; NaN where a class has no objects.
    """
    table = np.full((len(weights), len(matches), 10), np.nan)
    for k, match in enumerate(matches):
        total = weights @ match.objects
        step = max(1, CELLS // max(len(match.pictures), 1))
        for start in range(0, len(weights), step):
            part = slice(start, start + step)
            table[part, k] = _class_ap(match, weights[part], total[part])
    return table


def _class_ap(
    match: ClassMatches, weights: npt.NDArray[np.int64], objects: npt.NDArray[np.int64]
) -> Floats:
    """Return [resamples, 10]; only correct detections raise recall, so only they are visited."""
    often = weights[:, match.pictures].astype(np.float64)  # [resamples, n]
    result = np.zeros((len(weights), 10))
    counted: tuple[bytes, Floats] = (b"", often)
    for t in range(10):
        counts = ~match.ignored[t]
        if counted[0] != counts.tobytes():  # mostly equal to that of the threshold before
            counted = (counts.tobytes(), np.cumsum(often * counts, axis=1))
        correct = np.flatnonzero(match.matched[t] & counts)
        if not len(correct):
            continue
        hits = np.cumsum(often[:, correct], axis=1)
        precision = hits / np.maximum(counted[1][:, correct], 1)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recall = hits / np.maximum(objects, 1)[:, None]
        reached = np.searchsorted(RECALLS, recall, side="right")  # recall points reached so far
        result[:, t] = (envelope * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(RECALLS)
    result[objects == 0] = np.nan
    return result


def interval(
    values: Floats, estimate: float | None, limits: tuple[float, float] = (0.0, 1.0)
) -> Interval | None:
    """Return the basic bootstrap interval of one number.

    Parameters
    ----------
    values
        [resamples] the number in each resample; NaN ones (no object of the class was drawn) are left
        out.
    estimate
        The number on all pictures; None where there was nothing to measure, which gives None.
    limits
        What the number cannot exceed.
    """
    measured = values[np.isfinite(values)]
    if estimate is None or not len(measured):
        return None
    low, high = np.quantile(measured, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    ends = np.clip([2 * estimate - high, 2 * estimate - low], *limits)
    return Interval(float(ends[0]), float(ends[1]))


def mean_ap(table: Floats, thresholds: slice = slice(None)) -> Floats:
    """Average over the classes that have objects, as COCOeval does.

    Parameters
    ----------
    table
        [resamples, classes, 10] of `resampled_ap`.
    thresholds
        The IoU thresholds to average over; by default all ten.

    Returns
    -------
    [resamples] float64
    """
    part = table[:, :, thresholds].mean(axis=2)
    measured = np.isfinite(part)
    count = measured.sum(axis=1)
    total = np.where(measured, part, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
