"""Statistics of samples; all of them are functions of a row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_edet.benchmarks.rows.schema import BenchmarkRow

__all__ = ["count", "median_interval", "p50", "p90", "p99", "percentile", "relative_width"]

Z95 = 1.959963984540054


def percentile(samples: Sequence[float], percent: float) -> float:
    """Compute a percentile, linear between the two nearest ranks, as numpy's default; at least one sample.

    Parameters
    ----------
    samples
        Of any unit; at least one.
    percent
        From 0 to 100.

    Returns
    -------
    float
        In the samples' unit.
    """
    ordered = sorted(samples)
    place = (len(ordered) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def p50(row: BenchmarkRow, stage: str = "end_to_end") -> float | None:
    """Compute the median of a stage in ms; None without samples.

    Parameters
    ----------
    row
        Any row.
    stage
        Decode, preprocess, inference, postprocess or end_to_end.

    Returns
    -------
    float | None
        Milliseconds.
    """
    return _of(row, stage, 50)


def p90(row: BenchmarkRow, stage: str = "end_to_end") -> float | None:
    """Compute the 90th percentile of a stage in ms; None without samples.

    Parameters
    ----------
    row
        Any row.
    stage
        Decode, preprocess, inference, postprocess or end_to_end.

    Returns
    -------
    float | None
        Milliseconds.
    """
    return _of(row, stage, 90)


def p99(row: BenchmarkRow, stage: str = "end_to_end") -> float | None:
    """Compute the 99th percentile of a stage in ms; None without samples.

    Parameters
    ----------
    row
        Any row.
    stage
        Decode, preprocess, inference, postprocess or end_to_end.

    Returns
    -------
    float | None
        Milliseconds.
    """
    return _of(row, stage, 99)


def count(row: BenchmarkRow, stage: str = "end_to_end") -> int:
    """Count the samples of a stage.

    Parameters
    ----------
    row
        Any row.
    stage
        Decode, preprocess, inference, postprocess or end_to_end.

    Returns
    -------
    int
        0 without samples.
    """
    return len(row.samples_ms.get(stage, ()))


def _of(row: BenchmarkRow, stage: str, percent: float) -> float | None:
    samples = row.samples_ms.get(stage, ())
    return percentile(samples, percent) if samples else None


def median_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    """Compute the 95 % interval of the median, without an assumption about the distribution.

    Order statistics at ranks n/2 - 0.98 sqrt(n) and n/2 + 1 + 0.98 sqrt(n) (Le Boudec, Performance
    Evaluation, appendix A); neighbouring samples are assumed to be independent. None below 6 samples.

    Parameters
    ----------
    samples
        Of any unit.

    Returns
    -------
    tuple[float, float] | None
        Lower and upper end.
    """
    n = len(samples)
    if n < 6:
        return None
    ordered = sorted(samples)
    half = Z95 * math.sqrt(n) / 2
    low = max(math.floor(n / 2 - half), 1)
    high = min(math.ceil(n / 2 + half) + 1, n)
    return ordered[low - 1], ordered[high - 1]


def relative_width(samples: Sequence[float]) -> float | None:
    """Compute the width of the median's interval relative to the median; None with too few samples.

    Parameters
    ----------
    samples
        Of any unit.

    Returns
    -------
    float | None
        A fraction of the median.
    """
    ends = median_interval(samples)
    middle = percentile(samples, 50) if samples else 0.0
    if ends is None:
        return None
    return (ends[1] - ends[0]) / middle if middle > 0 else 0.0
