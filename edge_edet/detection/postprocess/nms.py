"""Non-maximum suppression, hard and soft, exact and without loops in pairs.

Hard goes block by block: the best boxes left are settled among themselves, then those that stay
meet all the rest at once, and what they overlap is never looked at again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_edet.detection.overlap import overlaps, sides_of

__all__ = ["hard_nms", "soft_nms"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BLOCK = 64  # boxes that are settled at a time: 48 to 64 was fastest from 100 to 2000 boxes


def hard_nms(boxes: Floats, iou_threshold: float, keep: int, classes: Ints | None = None) -> Ints:
    """Indexes of the boxes that stay, at most `keep`; boxes [n, 4] come best first.

    A box goes when its overlap with a better one that stays is above the threshold. With classes
    [n] only boxes of one class touch each other, and `keep` counts for each class.

    Parameters
    ----------
    boxes
        [n, 4] xmin ymin xmax ymax, best first.
    iou_threshold
        Overlap above which the lesser box goes, 0 to 1.
    keep
        The most that stay, of each class where classes are given.
    classes
        [n], the class of each box; None: all of one.

    Returns
    -------
    Ints
        Indexes, ascending.
    """
    threshold = np.float32(iou_threshold)
    sides, left = sides_of(boxes), np.arange(len(boxes))
    kept: list[int] = []
    counts: dict[int, int] = {}
    while len(left) and (classes is not None or len(kept) < keep):
        block, rest = sides[:, :BLOCK], sides[:, BLOCK:]
        over = overlaps(block[:, :, None], block[:, None]) > threshold  # [block, block]
        of_block = None if classes is None else classes[left[:BLOCK]]
        if of_block is not None:
            over &= of_block[:, None] == of_block
        ids = [0] * len(over) if of_block is None else of_block.tolist()
        stay = _stay(over, ids, counts, keep)
        kept += left[stay].tolist()
        over = overlaps(block[:, stay, None], rest[:, None]) > threshold  # [stay, rest]
        if of_block is not None and classes is not None:
            over &= of_block[stay, None] == classes[left[BLOCK:]]
        free = np.flatnonzero(~over.any(axis=0))
        sides, left = rest.take(free, axis=1), left[BLOCK:][free]
    return np.array(kept, np.int64)


def _stay(
    over: npt.NDArray[np.bool_], classes: list[int], counts: dict[int, int], keep: int
) -> list[int]:
    """Which of a block stay; over [n, n]. A row is one integer: or-ing it in costs no array call."""
    rows = np.packbits(over, axis=1, bitorder="little")
    gone = 0
    stay: list[int] = []
    for i, class_id in enumerate(classes):
        count = counts.get(class_id, 0)
        if count < keep and not gone >> i & 1:
            stay.append(i)
            counts[class_id] = count + 1
            gone |= int.from_bytes(rows[i].tobytes(), "little")
    return stay


def soft_nms(
    boxes: Floats, scores: Floats, sigma: float, score_threshold: float, keep: int
) -> tuple[Ints, Floats]:
    """Indexes and lowered scores, best first, of the boxes that stay above the threshold.

    Each kept box multiplies the scores of the rest by exp(-iou**2 / sigma). Of equal scores the
    box that comes first wins. Source: arXiv 1704.04503; google/automl efficientdet/nms_np.py
    `soft_nms`, method gaussian, with areas as in its TensorFlow version (no + 1).
    """
    sides = sides_of(boxes)
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
        overlap = overlaps(sides[:, best, None], sides[:, left])
        current[left] *= np.exp(-(overlap * overlap) / np.float32(sigma))
        left = left[current[left] > score_threshold]
    return np.array(kept, np.int64), np.array(values, np.float32)
