"""How much boxes overlap, and which boxes of two sets are the same object."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["iou_matrix", "match_boxes", "overlaps", "sides_of"]

Floats = npt.NDArray[Any]

TINY = np.finfo(np.float32).tiny  # two boxes without area have no union; they don't overlap


def sides_of(boxes: Floats) -> Floats:
    """Turn boxes into rows, on which numpy is many times faster than on rows of four.

    Parameters
    ----------
    boxes
        [n, 4] xmin, ymin, xmax, ymax, float32 or float64.

    Returns
    -------
    ndarray
        [5, n] xmin, ymin, xmax, ymax, area, in the type of the boxes.
    """
    sides = np.empty((5, len(boxes)), boxes.dtype)
    sides[:4] = boxes.T
    np.multiply(sides[2] - sides[0], sides[3] - sides[1], out=sides[4])
    return sides


def overlaps(some: Floats, others: Floats) -> Floats:
    """Compute the intersection over union (IoU) of two sets of sides.

    Parameters
    ----------
    some, others
        [5, ...] as `sides_of` gives them, of one type, with shapes that broadcast.

    Returns
    -------
    ndarray
        The broadcast shape without its first axis; 0 where there is no union.
    """
    zero = some.dtype.type(0)
    width = np.minimum(some[2], others[2])
    scratch = np.maximum(some[0], others[0])
    np.maximum(np.subtract(width, scratch, out=width), zero, out=width)
    height = np.minimum(some[3], others[3])
    np.maximum(some[1], others[1], out=scratch)
    np.maximum(np.subtract(height, scratch, out=height), zero, out=height)
    inter = np.multiply(width, height, out=width)
    union = np.subtract(np.add(some[4], others[4], out=scratch), inter, out=scratch)
    iou: Floats = np.divide(inter, np.maximum(union, TINY, out=union), out=inter)
    return iou


def iou_matrix(first: Floats, second: Floats) -> npt.NDArray[np.float64]:
    """Compute the intersection over union (IoU) of every box with every other.

    Parameters
    ----------
    first, second
        [n, 4] and [m, 4] xmin, ymin, xmax, ymax.

    Returns
    -------
    ndarray
        [n, m] float64; 0 where there is no union.
    """
    wide = [sides_of(boxes.astype(np.float64)) for boxes in (first, second)]
    return np.asarray(overlaps(wide[0][:, :, None], wide[1][:, None]), np.float64)


def match_boxes(
    first: Floats,
    first_classes: npt.NDArray[Any],
    second: Floats,
    second_classes: npt.NDArray[Any],
    least_iou: float,
) -> list[tuple[int, int, float]]:
    """Pair the boxes of two sets that have one class and overlap, each box at most once.

    The pair with the largest IoU goes first, so the order of the boxes within a set does not matter.

    Parameters
    ----------
    first, second
        [n, 4] and [m, 4] xmin, ymin, xmax, ymax.
    first_classes, second_classes
        [n] and [m] class ids.
    least_iou
        Pairs below it are no pairs; above 0 and up to 1.

    Returns
    -------
    list of (int, int, float)
        Index into first, index into second, IoU; the largest IoU first.
    """
    iou = iou_matrix(first, second)
    iou[first_classes[:, None] != second_classes[None]] = 0.0
    pairs: list[tuple[int, int, float]] = []
    for flat in np.argsort(-iou, axis=None, kind="stable"):
        i, j = divmod(int(flat), iou.shape[1])
        if iou[i, j] < least_iou:
            break
        if all(i != a and j != b for a, b, _ in pairs):
            pairs.append((i, j, float(iou[i, j])))
    return pairs
