"""What one inference costs on a board: nine coefficients, fitted on the published latencies.

    ms = sum over float32 and int8 of  macs * (a / threads + b * (threads - 1))
                                     + bytes * (c / threads + d)
       + suppressed scores * e

a and c are work that threads share, d is memory that they do not share, b is what more threads take from
each other (the fourth one makes float32 slower on rpi4), e is the suppression inside of the measured
files, which runs on one thread and in float32 whatever the network does. None of them is negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from edge_edet.benchmarks.estimate.features import PRECISIONS, Features
from edge_edet.benchmarks.estimate.nnls import nnls
from edge_edet.benchmarks.published import read_rows

__all__ = ["COEFFICIENTS", "Timing", "cost", "fit", "published_timings", "terms"]

Doubles = npt.NDArray[np.float64]
_PARTS = ("macs / threads", "macs * (threads - 1)", "bytes / threads", "bytes")
COEFFICIENTS = (*(f"{p} {part}" for p in PRECISIONS for part in _PARTS), "suppressed scores")


@dataclass(frozen=True)
class Timing:
    """One published latency, and the work of its model."""

    device: str
    model: str
    precision: str
    threads: int
    mean_ms: float
    features: Features


@cache
def published_timings() -> tuple[Timing, ...]:
    """Read all rows of board_latency.csv, with the work of their models from lite_work.csv."""
    work = {(row["model"], row["precision"]): _features(row) for row in read_rows("lite_work")}
    return tuple(
        Timing(
            row["device"],
            row["model"],
            row["precision"],
            int(row["threads"]),
            float(row["mean_ms"]),
            work[row["model"], row["precision"]],
        )
        for row in read_rows("board_latency")
    )


def _features(row: dict[str, str]) -> Features:
    """Of the measured file: the network's, and the suppression of all its scores."""
    macs, moved = dict.fromkeys(PRECISIONS, 0), dict.fromkeys(PRECISIONS, 0)
    macs[row["precision"]] = int(row["multiply_adds"])
    moved[row["precision"]] = int(row["bytes_moved"])
    return Features(macs, moved, int(row["scores"]), 0, int(row["operators"]))


def terms(features: Features, threads: int) -> Doubles:
    """Compute [9] what the coefficients are multiplied with, in the order of COEFFICIENTS."""
    found: list[float] = []
    for precision in PRECISIONS:
        macs, moved = features.multiply_adds[precision], features.bytes_moved[precision]
        found += [macs / threads, macs * (threads - 1), moved / threads, moved]
    return np.array([*found, features.suppressed_scores], np.float64)


def fit(timings: Iterable[Timing]) -> Doubles:
    """Fit the coefficients of one board.

    Relative errors count, so that small and large models weigh the same.

    Returns
    -------
    array of float64
        [9] ms for each unit, in the order of COEFFICIENTS.
    """
    rows = list(timings)
    measured = np.array([row.mean_ms for row in rows])
    matrix = np.stack([terms(row.features, row.threads) for row in rows])
    return nnls(matrix / measured[:, None], np.ones(len(rows)))


def cost(coefficients: Doubles, features: Features, threads: int) -> float:
    """Compute the ms of one inference, without operators that no published model has."""
    return float(coefficients @ terms(features, threads))


def of_device(timings: Sequence[Timing], device: str) -> list[Timing]:
    """Select the timings of one board."""
    return [row for row in timings if row.device == device]
