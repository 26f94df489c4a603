"""What no single field of a row shows: counts of nothing, impossible times, quantiles out of order.

Each check raises ValueError that begins with the field at fault. The parts of a row call them, so that a
row that was measured, read or imported is checked as a whole before it is believed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

__all__ = ["check_at_least", "check_positive", "check_samples", "check_time"]

SLACK = 1e-4  # tools print six digits
ONE_YEAR_MS = 3.2e10


def check_positive(fields: object, *names: str) -> None:
    """Raise ValueError where a field of an object is not above 0; None is skipped."""
    for name in names:
        value = getattr(fields, name)
        if value is not None and not (is_finite(value) and value > 0):
            raise ValueError(f"{name} must be above 0, but is {value}")


def check_at_least(least: float, fields: object, *names: str) -> None:
    """Raise ValueError where a field of an object is below `least`; None is skipped."""
    for name in names:
        value = getattr(fields, name)
        if value is not None and not (is_finite(value) and value >= least):
            raise ValueError(f"{name} must be at least {least:g}, but is {value}")


def check_time(text: str) -> None:
    """Raise ValueError for what is not ISO 8601; Python 3.10 does not know the Z of UTC."""
    try:
        datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        raise ValueError(
            f"started_at must be a time such as 2026-01-02T03:04:05+00:00, but is {text[:40]!r}"
        ) from None


def check_samples(stage: str, samples: Sequence[float]) -> None:
    """Raise ValueError for impossible ms; a stage may take 0, a whole inference may not."""
    if not all(is_finite(ms) and 0 <= ms <= ONE_YEAR_MS for ms in samples):
        raise ValueError(f"samples_ms.{stage} must not hold negative times, or longer than a year")
    if samples and stage == "end_to_end" and not max(samples) > 0:
        raise ValueError(f"samples_ms.{stage} must not be all 0: nothing takes no time")


def check_order(fields: object, *names: str) -> None:
    """Raise ValueError where fields do not ascend; mean and ends may be rounded differently."""
    there = [(name, getattr(fields, name)) for name in names]
    there = [(name, value) for name, value in there if value is not None]
    for n, (name, value) in enumerate(there):
        for before, smaller in there[:n]:
            if smaller > value + SLACK * abs(value):
                raise ValueError(f"{before} {smaller:g} is above {name} {value:g}")


def is_finite(value: float) -> bool:
    """Whether a number is finite; false for an integer that no float can hold."""
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False
