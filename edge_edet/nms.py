"""Non-maximum suppression of one class's boxes, hard and soft, exact and without loops in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["hard_nms", "iou", "soft_nms"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

PAIRWISE_BOXES = 256  # up to here one matrix of all pairs is faster than a pass for each kept box


def iou(box: Floats, boxes: Floats, box_area: Any, areas: Floats) -> Floats:
    """[..., n] intersection over union of box [..., 4] with boxes [n, 4], xmin ymin xmax ymax."""
    low = np.maximum(box[..., :2], boxes[:, :2])
    high = np.minimum(box[..., 2:], boxes[:, 2:])
    sides = np.maximum(high - low, np.float32(0))
    inter = sides[..., 0] * sides[..., 1]
    union = box_area + areas - inter
    # Two boxes without area have no union; they don't overlap.
    overlap: Floats = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return overlap


def hard_nms(boxes: Floats, iou_threshold: float, keep: int) -> Ints:
    """Indexes of the boxes that stay, at most `keep`; boxes [n, 4] come best first.

    A box goes when its overlap with a better one that stays is above the threshold.
    """
    n = len(boxes)
    areas = _areas(boxes)
    threshold = np.float32(iou_threshold)
    kept: list[int] = []
    if n <= PAIRWISE_BOXES:
        over = iou(boxes[:, None, :], boxes, areas[:, None], areas) > threshold  # [n, n]
        gone = np.zeros(n, bool)
        for i in range(n):
            if not gone[i]:
                kept.append(i)
                if len(kept) == keep:
                    break
                gone |= over[i]
        return np.array(kept, np.int64)
    left = np.arange(n)
    while len(left) and len(kept) < keep:
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[~(iou(boxes[best], boxes[left], areas[best], areas[left]) > threshold)]
    return np.array(kept, np.int64)


def soft_nms(
    boxes: Floats, scores: Floats, sigma: float, score_threshold: float, keep: int
) -> tuple[Ints, Floats]:
    """Indexes and lowered scores, best first, of the boxes that stay above the threshold.

    Each kept box multiplies the scores of the rest by exp(-iou**2 / sigma). Of equal scores the
    box that comes first wins. Source: arXiv 1704.04503; google/automl efficientdet/nms_np.py
    `soft_nms`, method gaussian, with areas as in its TensorFlow version (no + 1).
    """
    areas = _areas(boxes)
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
        overlap = iou(boxes[best], boxes[left], areas[best], areas[left])
        current[left] *= np.exp(-(overlap * overlap) / np.float32(sigma))
        left = left[current[left] > score_threshold]
    return np.array(kept, np.int64), np.array(values, np.float32)


def _areas(boxes: Floats) -> Floats:
    areas: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
