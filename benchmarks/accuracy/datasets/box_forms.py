"""Refuse COCO boxes that are fractions of the picture, or corners instead of width and height.

Such data would load without an error and give an AP near zero. Azure Machine Learning exports COCO
with fractions; scripts often write x0 y0 x1 y1.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_edet.benchmarks.accuracy.datasets.dataset import OUTSIDE_PX, outside
from edge_edet.errors import InputError

__all__ = ["refuse_other_boxes"]

Box = tuple[float, float, float, float]
SMALLEST_PX = 8  # in pictures smaller than this, all boxes may measure one pixel
FEWEST = 2  # a single odd box proves nothing


def refuse_other_boxes(boxes: Sequence[tuple[Box, tuple[int, int] | None]], what: str) -> None:
    """Check the boxes of a data set.

    Parameters
    ----------
    boxes
        (x y width height, size) of each box; size is its picture's (width, height), None if not stated.
    what
        The file, for messages.

    Raises
    ------
    InputError
        All boxes are within 0 to 1, or most leave their pictures while all would fit as corners.
    """
    if len(boxes) < FEWEST:
        return
    first = [f"{value:.6g}" for value in boxes[0][0]]
    if all(0 <= value <= 1 for box, _ in boxes for value in box) and not any(
        size is not None and max(size) < SMALLEST_PX for _, size in boxes
    ):
        raise InputError(
            f"{what} has boxes within 0 to 1, first {' '.join(first)}: these look like fractions of the "
            "picture, but expected pixels, x y width height"
        )
    if sum(outside(box, size) for box, size in boxes) * 2 > len(boxes) and all(
        _fits_as_corners(box, size) for box, size in boxes
    ):
        raise InputError(
            f"{what} has boxes that leave their pictures as x y width height, but all fit as x0 y0 x1 "
            f"y1, first {' '.join(first)}: write width and height instead of x1 and y1"
        )


def _fits_as_corners(box: Box, size: tuple[int, int] | None) -> bool:
    if size is None:
        return False
    x0, y0, x1, y1 = box
    return x0 < x1 <= size[0] + OUTSIDE_PX and y0 < y1 <= size[1] + OUTSIDE_PX
