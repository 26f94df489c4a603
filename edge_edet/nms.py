"""Non-maximum suppression of one class's boxes, hard and soft, exact and without loops in pairs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["PAIRWISE_BOXES", "hard_nms", "pairwise_nms", "soft_nms"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

TINY = np.finfo(np.float32).tiny  # two boxes without area have no union; they don't overlap
PAIRWISE_BOXES = 256  # up to here one matrix of all pairs is faster than a pass for each kept box


class Columns(NamedTuple):
    """Boxes by coordinate: numpy is many times faster on rows of n than on n rows of four."""

    xmin: Floats
    ymin: Floats
    xmax: Floats
    ymax: Floats
    area: Floats

    @classmethod
    def of(cls, boxes: Floats) -> Columns:
        xmin, ymin, xmax, ymax = np.ascontiguousarray(boxes.T)
        return cls(xmin, ymin, xmax, ymax, (xmax - xmin) * (ymax - ymin))

    def pick(self, index: Any) -> Columns:
        return Columns(*(column[index] for column in self))


def overlaps(box: Columns, boxes: Columns) -> Floats:
    """Intersection over union of two sets of boxes that broadcast; 0 where there is no union."""
    width = np.minimum(box.xmax, boxes.xmax) - np.maximum(box.xmin, boxes.xmin)
    height = np.minimum(box.ymax, boxes.ymax) - np.maximum(box.ymin, boxes.ymin)
    zero = np.float32(0)
    inter = np.maximum(width, zero) * np.maximum(height, zero)
    union = box.area + boxes.area - inter
    iou: Floats = inter / np.maximum(union, TINY)
    return iou


def hard_nms(boxes: Floats, iou_threshold: float, keep: int) -> Ints:
    """Indexes of the boxes that stay, at most `keep`; boxes [n, 4] come best first.

    A box goes when its overlap with a better one that stays is above the threshold.
    """
    n = len(boxes)
    if n <= PAIRWISE_BOXES:
        return pairwise_nms(boxes, np.zeros(n, np.int64), iou_threshold, keep)
    columns = Columns.of(boxes)
    threshold = np.float32(iou_threshold)
    kept: list[int] = []
    left = np.arange(n)
    while len(left) and len(kept) < keep:
        best, left = left[0], left[1:]
        kept.append(int(best))
        columns, rest = columns.pick(0), columns.pick(np.s_[1:])
        stay = ~(overlaps(columns, rest) > threshold)
        left, columns = left[stay], rest.pick(stay)
    return np.array(kept, np.int64)


def pairwise_nms(boxes: Floats, classes: Ints, iou_threshold: float, per_class: int) -> Ints:
    """The same for few boxes, all classes [n] at once: at most `per_class` of each stay."""
    columns = Columns.of(boxes)
    over = overlaps(columns.pick(np.s_[:, None]), columns) > np.float32(iou_threshold)  # [n, n]
    over &= classes[:, None] == classes
    gone = np.zeros(len(boxes), bool)
    kept: list[int] = []
    counts: dict[int, int] = {}
    for i, class_id in enumerate(classes.tolist()):
        count = counts.get(class_id, 0)
        if count < per_class and not gone[i]:
            kept.append(i)
            counts[class_id] = count + 1
            gone |= over[i]
    return np.array(kept, np.int64)


def soft_nms(
    boxes: Floats, scores: Floats, sigma: float, score_threshold: float, keep: int
) -> tuple[Ints, Floats]:
    """Indexes and lowered scores, best first, of the boxes that stay above the threshold.

    Each kept box multiplies the scores of the rest by exp(-iou**2 / sigma). Of equal scores the
    box that comes first wins. Source: arXiv 1704.04503; google/automl efficientdet/nms_np.py
    `soft_nms`, method gaussian, with areas as in its TensorFlow version (no + 1).
    """
    columns = Columns.of(boxes)
    current = scores.astype(np.float32)
    left = np.arange(len(boxes))
    left = left[current > score_threshold]
    kept: list[int] = []
    values: list[np.float32] = []
    while len(left) and len(kept) < keep:
        at = int(np.argmax(current[left]))
        best = left[at]
        kept.append(int(best))
        values.append(current[best])
        left = np.delete(left, at)
        overlap = overlaps(columns.pick(best), columns.pick(left))
        current[left] *= np.exp(-(overlap * overlap) / np.float32(sigma))
        left = left[current[left] > score_threshold]
    return np.array(kept, np.int64), np.array(values, np.float32)
