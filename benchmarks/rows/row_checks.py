"""What no single field of a row shows: counts of nothing, times that are none, quantiles out of order.

Each check raises ValueError that begins with the field at fault; rows.py calls them, so that a row
that was measured, read or imported is checked as a whole before it is believed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_edet.benchmarks.rows.schema import (
        Accuracy,
        Estimate,
        EstimatedWhole,
        Summary,
        Sustain,
    )

__all__ = [
    "check_accuracy",
    "check_at_least",
    "check_ends",
    "check_estimate",
    "check_positive",
    "check_samples",
    "check_summary",
    "check_sustain",
    "check_time",
]

SLACK = 1e-4  # tools print six digits
ONE_YEAR_MS = 3.2e10


def check_positive(fields: object, *names: str) -> None:
    """Of an object; a field that is None is not looked at."""
    for name in names:
        value = getattr(fields, name)
        if value is not None and not (_is_finite(value) and value > 0):
            raise ValueError(f"{name} must be above 0, but is {value}")


def check_at_least(least: float, fields: object, *names: str) -> None:
    for name in names:
        value = getattr(fields, name)
        if value is not None and not (_is_finite(value) and value >= least):
            raise ValueError(f"{name} must be at least {least:g}, but is {value}")


def check_time(text: str) -> None:
    """ISO 8601; Python 3.10 does not know the Z of UTC."""
    try:
        datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        raise ValueError(
            f"started_at must be a time such as 2026-01-02T03:04:05+00:00, but is {text[:40]!r}"
        ) from None


def check_samples(stage: str, samples: Sequence[float]) -> None:
    """In ms. A stage may be too short for the clock; a whole inference is not."""
    if not all(_is_finite(ms) and 0 <= ms <= ONE_YEAR_MS for ms in samples):
        raise ValueError(f"samples_ms.{stage} must not hold negative times, or longer than a year")
    if samples and stage == "end_to_end" and not max(samples) > 0:
        raise ValueError(f"samples_ms.{stage} must not be all 0: nothing takes no time")


def check_summary(summary: Summary, stages: Sequence[str]) -> None:
    if summary.stage not in stages:
        raise ValueError(f"stage {summary.stage[:40]!r} is no stage: known are {', '.join(stages)}")
    check_at_least(1, summary, "n")
    check_positive(summary, "mean_ms")
    check_at_least(0, summary, "std_ms", "min_ms", "max_ms", "p50_ms", "p90_ms")
    _check_order(summary, "min_ms", "mean_ms", "max_ms")
    _check_order(summary, "min_ms", "p50_ms", "p90_ms", "max_ms")
    low, high, spread = summary.min_ms, summary.max_ms, summary.std_ms
    if low is not None and high is not None and spread is not None:
        most = (high - low) / 2 * math.sqrt(summary.n / max(summary.n - 1, 1))
        if spread > most + SLACK * high:
            raise ValueError(
                f"std_ms {spread:g} is more than can be between min_ms {low:g} and max_ms {high:g}"
            )


def check_ends(estimate: Estimate | EstimatedWhole) -> None:
    check_positive(estimate, "p50_ms", "low_ms", "high_ms")
    _check_order(estimate, "low_ms", "p50_ms", "high_ms")


def check_estimate(estimate: Estimate) -> None:
    check_ends(estimate)
    check_positive(estimate, "coverage")
    if estimate.coverage > 1:
        raise ValueError(f"coverage must be at most 1, but is {estimate.coverage:g}")


def check_sustain(sustain: Sustain) -> None:
    check_positive(sustain, "seconds")
    numbers = [minute.minute for minute in sustain.minutes]
    if numbers and (numbers[0] < 1 or numbers != sorted(set(numbers))):
        raise ValueError(f"minutes must be numbered upwards from 1, but are {numbers[:10]}")
    for minute in sustain.minutes:
        if not all(_is_finite(ms) and 0 <= ms <= ONE_YEAR_MS for ms in minute.samples_ms):
            raise ValueError(f"minutes: samples_ms of minute {minute.minute} must be times")


def check_accuracy(accuracy: Accuracy) -> None:
    for name, value in accuracy.numbers.items():
        if value is not None and not -1 <= value <= 1:  # -1: COCOeval found nothing to find
            raise ValueError(f"numbers.{name} must be from 0 to 1, but is {value}")
    for name, ends in accuracy.intervals.items():
        if ends is not None and not -1 <= ends[0] <= ends[1] <= 1:
            raise ValueError(f"intervals.{name} must be low to high, 0 to 1, but is {list(ends)}")
    check_at_least(1, accuracy, "pictures")
    _check_counts("notes", accuracy.notes)


def _check_counts(what: str, counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        if count < 0:
            raise ValueError(f"{what}: {name[:40]!r} must be a count, but is {count}")


def _check_order(fields: object, *names: str) -> None:
    """Upwards, where they are there; mean and ends may be of different roundings."""
    there = [(name, getattr(fields, name)) for name in names]
    there = [(name, value) for name, value in there if value is not None]
    for n, (name, value) in enumerate(there):
        for before, smaller in there[:n]:
            if smaller > value + SLACK * abs(value):
                raise ValueError(f"{before} {smaller:g} is above {name} {value:g}")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False
