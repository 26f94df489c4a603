"""Boxes that are not what their format says: fractions, and corners in place of a width and a height.

Both give a data set that runs, and an AP near zero. Azure Machine Learning's export of COCO has
fractions of the picture; scripts write x0 y0 x1 y1.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_edet.benchmarks.accuracy.datasets.dataset import OUTSIDE_PX, outside
from edge_edet.errors import InputError

__all__ = ["refuse_other_boxes"]

Box = tuple[float, float, float, float]
SMALLEST_PX = 8  # a picture of this side could have boxes of one pixel throughout
FEWEST = 2  # one box may be as odd as it is


def refuse_other_boxes(boxes: Sequence[tuple[Box, tuple[int, int] | None]], what: str) -> None:
    """boxes: x y width height, each with its picture's (width, height), None where that is not stated.

    Raises InputError where all boxes are within 0 to 1, and where boxes leave their pictures that would
    all fit if they were corners.
    """
    if len(boxes) < FEWEST:
        return
    first = [f"{value:.6g}" for value in boxes[0][0]]
    if all(0 <= value <= 1 for box, _ in boxes for value in box) and not any(
        size is not None and max(size) < SMALLEST_PX for _, size in boxes
    ):
        raise InputError(
            f"{what} has boxes within 0 to 1, first {' '.join(first)}: these are fractions of the "
            "picture, expected pixels, x y width height"
        )
    if sum(outside(box, size) for box, size in boxes) * 2 > len(boxes) and all(
        _fits_as_corners(box, size) for box, size in boxes
    ):
        raise InputError(
            f"{what} has boxes that reach out of their pictures as x y width height, and all fit as x0 "
            f"y0 x1 y1, first {' '.join(first)}: write width and height in place of x1 and y1"
        )


def _fits_as_corners(box: Box, size: tuple[int, int] | None) -> bool:
    if size is None:
        return False
    x0, y0, x1, y1 = box
    return x0 < x1 <= size[0] + OUTSIDE_PX and y0 < y1 <= size[1] + OUTSIDE_PX
