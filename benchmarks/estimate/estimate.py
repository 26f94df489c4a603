"""An estimate, step by step: read the file, fit the board, predict, widen for what was never measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

from edge_edet.benchmarks.estimate.cost_model import (
    Doubles,
    Timing,
    cost,
    fit,
    of_device,
    published_timings,
)
from edge_edet.benchmarks.estimate.features import Features, read_features
from edge_edet.benchmarks.estimate.interval import (
    COVERAGE,
    Fold,
    doublings_outside,
    drift,
    held_out_range,
    leave_one_out,
)
from edge_edet.benchmarks.rows import Estimate
from edge_edet.errors import InputError

__all__ = [
    "MEASURED_BOARDS",
    "MEASURED_THREADS",
    "Board",
    "check_asked",
    "estimate",
    "estimate_features",
    "fitted",
]

MEASURED_BOARDS = ("rpi4", "rpi5", "n100")
MEASURED_THREADS = (1, 2, 3, 4)
SOURCE = (
    "fitted on github.com/NobuoTsukamoto/benchmarks 422e0a08: EfficientDet-Lite0 to Lite4, TensorFlow "
    "Lite 2.18.0 benchmark_model, XNNPACK, means of 50 runs"
)
# Multiply-adds, at the model's own average, that one element of one operator costs which no measured
# model has: likely, least, most. On an x86-64 with AVX512, where both could be timed, swish and
# squeeze-and-excitation of D0 to D2 took 5.4 to 10.3 (docs/decisions/0008).
ELEMENT = (8.0, 2.5, 20.0)
# Of the suppression's time in the measured files, what may belong to operators that stay in a file
# without it: the fit tells them apart only by how they grow.
SUPPRESSION_DOUBT = 1 / 3


def estimate(model_path: str | Path, device_id: str, threads: int) -> Estimate:
    """Estimate the latency of one inference of a `.tflite` on rpi4, rpi5 or n100, with 1 to 4 threads.

    Parameters
    ----------
    model_path
        The file.
    device_id, threads
        The board, and its CPU threads.

    Returns
    -------
    Estimate
        p50_ms stands for the mean that was published. The interval holds the truth in `coverage` of the
        cases, as far as errors on left-out models show, and is wider for operators and sizes that no board
        was timed with.

    Raises
    ------
    InputError
        For another board or thread count.
    ModelFileError
        For a file that is not a float32 or integer `.tflite`, or has operators that nothing is known about.
    """
    check_asked(device_id, threads)
    return estimate_features(read_features(model_path), device_id, threads)


def check_asked(device_id: str, threads: int) -> None:
    """Raise InputError for boards and thread counts without published latencies."""
    if device_id not in MEASURED_BOARDS:
        raise InputError(
            f"no estimate for {device_id!r}: published latencies to estimate from are there for "
            f"{', '.join(MEASURED_BOARDS)}; to measure on the board itself: edge-edet bench "
            f"--board {device_id} --host USER@ADDRESS"
        )
    if type(threads) is not int or threads not in MEASURED_THREADS:
        raise InputError(
            f"no estimate for {threads!r} threads: the published latencies of {device_id} are of "
            f"{MEASURED_THREADS[0]} to {MEASURED_THREADS[-1]}"
        )


def estimate_features(features: Features, device_id: str, threads: int) -> Estimate:
    """Estimate as `estimate` does, from work that was counted already."""
    board = fitted(device_id)
    known = cost(board.coefficients, features, threads)
    low, high = held_out_range(board.folds, features, threads)
    low, high = min(low, known), max(high, known)
    notes = [_scope(board)]

    missing = max(0, features.largest_output - features.suppressed_scores)
    doubt = float(board.coefficients[-1]) * missing * SUPPRESSION_DOUBT
    if missing:
        notes.append(
            f"the measured files suppress boxes inside, on one thread; this one does not, and is "
            f"estimated without: {doubt:.3g} ms of doubt about that are in the upper end"
        )
    elements = sum(features.unmeasured.values())
    average = (known - float(board.coefficients[-1]) * features.suppressed_scores) / (
        features.total_multiply_adds
    )
    likely, least, most = (elements * average * factor for factor in ELEMENT)
    if elements:
        notes.append(_unmeasured(features, likely / (known + likely)))
    outside = doublings_outside(board.timings, features)
    widened = math.exp(board.drift * outside)
    if outside:
        notes.append(_outside(features, board))
    notes.append(
        "not in the interval: another clock rate, heat, other programs, another version of the runtime"
    )
    return Estimate(
        p50_ms=known + likely,
        low_ms=(low + least) / widened,
        high_ms=(high + most + doubt) * widened,
        coverage=COVERAGE,
        source=SOURCE,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class Board:
    """All that is fitted for one board.

    Attributes
    ----------
    timings
        Its published latencies.
    coefficients
        [9] of the fit of all models.
    folds
        The fits without one model each.
    drift
        Error for each doubling of work beyond the measured models, as a logarithm.
    """

    timings: tuple[Timing, ...]
    coefficients: Doubles
    folds: tuple[Fold, ...]
    drift: float

    @property
    def errors(self) -> list[float]:
        """|predicted / measured - 1| of each row, predicted without its model."""
        return [float(e) for fold in self.folds for e in np.abs(np.expm1(-fold.log_errors))]


@cache
def fitted(device_id: str) -> Board:
    """Fit one board; done once in a process."""
    rows = of_device(published_timings(), device_id)
    return Board(tuple(rows), fit(rows), tuple(leave_one_out(rows)), drift(rows))


def _outside(features: Features, board: Board) -> str:
    asked = features.total_multiply_adds / 1e9
    known = [row.features.total_multiply_adds / 1e9 for row in board.timings]
    return (
        f"{asked:.3g} G multiply-adds are outside of the measured {min(known):.3g} to {max(known):.3g} G: "
        f"the interval is wider by {math.expm1(board.drift):.0%} for each doubling"
    )


def _scope(board: Board) -> str:
    models = len({row.model for row in board.timings})
    return (
        f"leave-one-model-out error on {board.timings[0].device}: median {median(board.errors):.1%}, "
        f"largest {max(board.errors):.1%} ({len(board.timings)} rows of {models} models); inference alone"
    )


def _unmeasured(features: Features, share: float) -> str:
    names = sorted(features.unmeasured, key=features.unmeasured.__getitem__, reverse=True)
    named = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    where = " (swish, squeeze-and-excitation)" if "MEAN" in names else ""
    return (
        f"no board was timed with {named}{where}: about {share:.0%} of the estimate are theirs, "
        f"and the interval allows for {ELEMENT[1] / ELEMENT[0]:.2g} to {ELEMENT[2] / ELEMENT[0]:.2g} "
        "times that"
    )
