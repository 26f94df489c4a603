"""A picture's values of more than 8 bits, taken some rows at a time: only those are copied.

A picture may have 170 million pixels. As a whole in float64 its values would take eight times what
the file's 8 bits do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from edge_edet.pictures.stored_values import Stored

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["ImageRows", "Rows", "Scan", "scan", "strips"]

STRIP_PIXELS = 1 << 20
BINS = 1 << 16
Values = npt.NDArray[Any]


class Rows(Protocol):
    """Values [h, w] that are read some rows at a time; a numpy array is one too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        ...

    def __getitem__(self, rows: slice) -> Values: ...


class ImageRows:
    """The values [h, w] of a greyscale image, as its file has them or as Pillow holds them."""

    def __init__(self, image: PilImage, stored: Stored, *, as_stored: bool):
        self.image, self.stored, self.as_stored = image, stored, as_stored
        self.shape = (image.height, image.width)

    def __getitem__(self, rows: slice) -> Values:
        first, last, _ = rows.indices(self.image.height)
        values = np.asarray(self.image.crop((0, first, self.image.width, last)))
        return self.stored.of(values) if self.as_stored else self.stored.unsigned(values)


def strips(values: Rows) -> Iterator[tuple[slice, Values]]:
    """Yield rows and the values in them, from the top, about STRIP_PIXELS at a time."""
    height, width = values.shape
    step = max(1, STRIP_PIXELS // max(1, width))
    for first in range(0, height, step):
        rows = slice(first, min(height, first + step))
        yield rows, values[rows]


class Scan(NamedTuple):
    """Extremes of a picture's values.

    Attributes
    ----------
    least, most
        Of the finite values, NaN where there are none.
    low, high
        Two percentiles of the finite values.
    nans
        How many values are no number.
    """

    least: float
    most: float
    low: float
    high: float
    nans: int


def scan(values: Rows, percentiles: tuple[float, float]) -> Scan:
    """Find the extremes and two percentiles, in one or two passes over the values.

    Percentiles are numpy's, interpolated between the two nearest values. Whole numbers from 0 to 65535 are
    counted; others are sorted, in one copy of their own type.
    """
    least, most, nans, count, whole = math.inf, -math.inf, 0, 0, True
    bins = np.zeros(BINS, np.int64)
    for _, part in strips(values):
        finite = part
        if part.dtype.kind == "f":
            nans += int(np.isnan(part).sum())
            finite = part[np.isfinite(part)]
        if not finite.size:
            continue
        count += finite.size
        least, most = min(least, float(finite.min())), max(most, float(finite.max()))
        whole = whole and least >= 0 and most < BINS and _is_whole(finite)
        if whole:
            bins += np.bincount(finite.astype(np.int64).ravel(), minlength=BINS)
    if not count:
        return Scan(math.nan, math.nan, math.nan, math.nan, nans)
    if whole:
        ends = np.cumsum(bins)
        low, high = (
            _between(p, count, lambda k: float(np.searchsorted(ends, k, "right")))
            for p in percentiles
        )
    else:
        ordered = _finite(values, count)
        ranks = sorted({rank for p in percentiles for rank in _ranks(p, count)[:2]})
        ordered.partition(ranks)
        low, high = (_between(p, count, lambda k: float(ordered[k])) for p in percentiles)
    return Scan(least, most, low, high, nans)


def _is_whole(values: Values) -> bool:
    return values.dtype.kind != "f" or bool((values == np.rint(values)).all())


def _finite(values: Rows, count: int) -> Values:
    """Return the finite values in one row."""
    found: Values | None = None
    start = 0
    for _, part in strips(values):
        finite = part[np.isfinite(part)] if part.dtype.kind == "f" else part.ravel()
        if found is None:
            found = np.empty(count, part.dtype)
        found[start : start + finite.size] = finite
        start += finite.size
    assert found is not None
    return found


def _ranks(percentile: float, count: int) -> tuple[int, int, float]:
    place = (count - 1) * percentile / 100
    below = math.floor(place)
    return below, min(below + 1, count - 1), place - below


def _between(percentile: float, count: int, value_at: Any) -> float:
    below, above, part = _ranks(percentile, count)
    low, high = value_at(below), value_at(above)
    return float(low + (high - low) * part)
