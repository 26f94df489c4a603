"""From raw outputs to boxes: select, decode, clip, suppress. The one place where this is done.

Selection runs on the logits as they come, int8 where the model is: a threshold on the score is a
threshold on the quantized logit, so of 4.4 million logits only those above it are ever decoded.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_edet.detection.postprocess.config import PostprocessConfig
from edge_edet.detection.postprocess.nms import hard_nms, soft_nms
from edge_edet.detection.preprocess import LetterboxTransform

__all__ = [
    "Candidates",
    "Found",
    "QuantizedTensor",
    "decode",
    "from_graph",
    "from_rows",
    "postprocess",
    "select",
]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BLOCK = 2048
TOGETHER = 256  # up to so many boxes all classes at once are faster than one by one
LARGEST_LOGIT = 104.0  # the score of anything below -104 is 0 in float32


class QuantizedTensor(NamedTuple):
    """A raw output: real = scale * (q - zero_point); scale None: the values are real already.

    Attributes
    ----------
    values
        As the runtime returned them.
    scale
        The grid's step; None: the values are real already.
    zero_point
        The integer that stands for 0.0.
    """

    values: npt.NDArray[Any]
    scale: float | None = None
    zero_point: int = 0

    def real(self, part: npt.NDArray[Any]) -> Floats:
        """Dequantize a part of the values, to float32.

        Parameters
        ----------
        part
            Any part of `values`.

        Returns
        -------
        Floats
            Of the same shape.
        """
        if self.scale is None:
            return part.astype(np.float32)
        shifted = part.astype(np.float32) - np.float32(self.zero_point)
        return np.float32(self.scale) * shifted


class Candidates(NamedTuple):
    """What selection leaves, best first; ties in the order of anchors, then of classes."""

    anchors: Ints  # [n] anchor index
    classes: Ints  # [n]
    scores: Floats  # [n]


class Found(NamedTuple):
    """Boxes in pixels of the picture, best first.

    Attributes
    ----------
    boxes
        [n, 4] xmin ymin xmax ymax.
    scores
        [n].
    classes
        [n].
    """

    boxes: Floats  # [n, 4] xmin ymin xmax ymax
    scores: Floats  # [n]
    classes: Ints  # [n]


def postprocess(
    boxes: QuantizedTensor,
    logits: QuantizedTensor,
    anchors: Floats,
    placement: LetterboxTransform,
    config: PostprocessConfig,
) -> Found:
    """Turn the raw outputs of one picture into boxes.

    Parameters
    ----------
    boxes
        Box codes [1, N, 4] ty, tx, th, tw.
    logits
        Class logits [1, N, C].
    anchors
        [N, 4] centre y, centre x, height, width in input pixels.
    placement
        Takes boxes back to the picture.
    config
        What is kept.

    Returns
    -------
    Found
        In pixels of the picture, best first.
    """
    chosen = select(logits, config)
    codes = boxes.real(boxes.values.reshape(-1, 4)[chosen.anchors])
    clipped = placement.to_picture(decode(codes, anchors[chosen.anchors]))
    visible = _has_area(clipped)
    return suppress(clipped[visible], chosen.scores[visible], chosen.classes[visible], config)


def decode(codes: npt.NDArray[Any], anchors: Floats) -> Floats:
    """Decode box codes.

    Parameters
    ----------
    codes
        [n, 4] ty, tx, th, tw.
    anchors
        [n, 4] centre y, centre x, height, width in input pixels.

    Returns
    -------
    array
        [n, 4] float32 xmin ymin xmax ymax in input pixels.

    Notes
    -----
    arXiv 1506.01497 section 3.1.2, as in google/automl efficientdet/tf2/anchors.py `decode_box_outputs`.
    """
    centre = codes[:, :2] * anchors[:, 2:] + anchors[:, :2]  # [n, 2] y x
    # A code beyond 80 would overflow float32's exp: such a box covers everything all the same.
    half = np.exp(np.minimum(codes[:, 2:], np.float32(80))) * anchors[:, 2:] * np.float32(0.5)
    low, high = centre - half, centre + half
    return np.stack([low[:, 1], low[:, 0], high[:, 1], high[:, 0]], axis=1).astype(np.float32)


def select(logits: QuantizedTensor, config: PostprocessConfig) -> Candidates:
    """Return the candidates with a score above the threshold, without decoding the other logits."""
    values = logits.values.reshape(-1, logits.values.shape[-1])  # [N, C]
    num_classes = values.shape[1]
    least = _least_above(logits, config.score_threshold)
    flat = np.zeros(0, np.int64) if least is None else _at_least(values.reshape(-1), least)
    if not config.multi_label and len(flat):
        hit = flat // num_classes  # ascending
        first = np.ones(len(hit), bool)
        np.not_equal(hit[1:], hit[:-1], out=first[1:])
        anchors = hit[first]
        flat = anchors * num_classes + values[anchors].argmax(axis=1)
    limit: int | None = config.candidates
    raw = values.reshape(-1)[flat]
    if config.whole_anchors:
        mine, limit = _of_best_anchors(flat // num_classes, raw, config.candidates), None
        flat, raw = flat[mine], raw[mine]
    order = _descending(raw)[:limit]
    scores = _scores(logits, raw[order])
    above = scores > np.float32(config.score_threshold)
    flat = flat[order][above]
    return Candidates(flat // num_classes, flat % num_classes, scores[above])


def _of_best_anchors(
    hit: Ints, raw: npt.NDArray[Any], candidates: int
) -> npt.NDArray[np.bool_] | slice:
    """Which hits (anchor of each, ascending) are of the anchors with the highest class logits.

    An anchor's highest logit is among its hits: the others need not be read.
    """
    if len(hit) <= candidates:
        return slice(None)
    new = np.ones(len(hit), bool)
    np.not_equal(hit[1:], hit[:-1], out=new[1:])
    first = np.flatnonzero(new)
    order = _descending(np.maximum.reduceat(raw, first))
    best = np.zeros(hit[-1] + 1, bool)
    best[hit[first[order[:candidates]]]] = True
    return best[hit]


def _descending(raw: npt.NDArray[Any]) -> Ints:
    """Return the order from the highest logit down, ties as they come.

    A stable sort of int16 is a radix sort.
    """
    floats = np.issubdtype(raw.dtype, np.floating)
    return np.argsort(-raw if floats else -raw.astype(np.int16), kind="stable")


def _least_above(logits: QuantizedTensor, score_threshold: float) -> Any:
    """Return a raw logit that every score above the threshold reaches; None: no score is above."""
    if logits.scale is not None:
        quantization = logits.values.dtype, logits.scale, logits.zero_point
        return _least_quantized(*quantization, score_threshold)
    if score_threshold >= 1:
        return None
    if score_threshold <= 0:
        return np.float32(-LARGEST_LOGIT)
    logit = math.log(score_threshold) - math.log1p(-score_threshold)
    return np.float32(logit - 1e-3)  # rounding of the float32 sigmoid: checked on the score later


def _scores(logits: QuantizedTensor, raw: npt.NDArray[Any]) -> Floats:
    if logits.scale is None:
        return _sigmoid(raw.astype(np.float32))
    lowest, table = _score_table(raw.dtype, logits.scale, logits.zero_point)
    return table[raw.astype(np.int64) - lowest]


@functools.lru_cache(maxsize=8)
def _least_quantized(
    dtype: np.dtype[Any], scale: float, zero_point: int, score_threshold: float
) -> int | None:
    lowest, table = _score_table(dtype, scale, zero_point)
    above = np.flatnonzero(table > np.float32(score_threshold))
    return lowest + int(above[0]) if len(above) else None


@functools.lru_cache(maxsize=8)
def _score_table(dtype: np.dtype[Any], scale: float, zero_point: int) -> tuple[int, Floats]:
    """Return the smallest value of the type, and the scores of it and of every value above."""
    info = np.iinfo(dtype)
    every = np.arange(info.min, info.max + 1)
    return int(info.min), _sigmoid(QuantizedTensor(every, scale, zero_point).real(every))


def _at_least(values: npt.NDArray[Any], least: Any) -> Ints:
    """Ascending indexes of the values that are at least that.

    Hits are rare: the maxima of blocks say where to look, and cost one pass without writing.
    """
    whole = len(values) // BLOCK * BLOCK
    blocks = values[:whole].reshape(-1, BLOCK)
    near = np.flatnonzero(~(blocks.max(axis=1) < least))  # a NaN hides the block's maximum
    if len(near) > len(blocks) // 4:
        return np.flatnonzero(values >= least)
    row, column = np.divmod(np.flatnonzero(blocks[near] >= least), BLOCK)
    rest = whole + np.flatnonzero(values[whole:] >= least)
    return np.concatenate([near[row] * BLOCK + column, rest])


def _sigmoid(x: Floats) -> Floats:
    with np.errstate(over="ignore"):  # exp of a large -x is inf, and 1 / inf the right 0
        return np.float32(1) / (np.float32(1) + np.exp(-x))


def suppress(boxes: Floats, scores: Floats, classes: Ints, config: PostprocessConfig) -> Found:
    """Suppress class by class; the arrays come best first, and are returned so."""
    if config.nms_method == "hard" and len(boxes) <= TOGETHER:
        stay = hard_nms(boxes, config.iou_threshold, config.per_class, classes)
        stay = stay[: config.max_detections]
        return Found(boxes[stay], scores[stay], classes[stay])
    kept, values = [], []
    for class_id in np.flatnonzero(np.bincount(classes)):
        members = np.flatnonzero(classes == class_id)
        if config.nms_method == "hard":
            stay = hard_nms(boxes[members], config.iou_threshold, config.per_class)
            new = scores[members[stay]]
        else:
            stay, new = soft_nms(
                boxes[members],
                scores[members],
                config.sigma,
                config.score_threshold,
                config.per_class,
            )
        kept.append(members[stay])
        values.append(new)
    if not kept:
        return Found(boxes[:0], scores[:0], classes[:0])
    index, final = np.concatenate(kept), np.concatenate(values)
    order = np.lexsort((index, -final))[: config.max_detections]
    return Found(boxes[index[order]], final[order], classes[index[order]])


def _has_area(boxes: Floats) -> npt.NDArray[np.bool_]:
    """Return False for a box outside of the picture, and for one that is not a number."""
    return (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def from_rows(
    rows: Floats,
    input_size: tuple[int, int],
    placement: LetterboxTransform,
    config: PostprocessConfig,
) -> Found:
    """Read the detections of a graph that gives one row for each, as `from_graph` does.

    rows: [K, 7] image, class, score, xmin, ymin, xmax, ymax; they end before the first of a negative image.

    Parameters
    ----------
    rows
        [K, 7] image, class, score, xmin, ymin, xmax, ymax.
    input_size
        Height and width of the input, in pixels.
    placement
        How the picture lies in the input.
    config
        Threshold and limit.

    Returns
    -------
    Found
        Boxes in pixels of the picture, best first.
    """
    ends = np.flatnonzero(rows[:, 0] < 0)
    count = float(ends[0]) if len(ends) else float(len(rows))
    boxes, classes, scores = rows[:, [4, 3, 6, 5]], rows[:, 1], rows[:, 2]
    return from_graph(boxes, classes, scores, count, input_size, placement, config)


def from_graph(
    boxes: Floats,
    classes: Floats,
    scores: Floats,
    count: float,
    input_size: tuple[int, int],
    placement: LetterboxTransform,
    config: PostprocessConfig,
) -> Found:
    """Read the detections of a graph that suppresses by itself (TFLite_Detection_PostProcess).

    Parameters
    ----------
    boxes
        [K, 4] ymin, xmin, ymax, xmax as fractions of the input.
    classes, scores
        [K].
    count
        How many of the K are valid.
    input_size
        Height and width of the input.
    placement
        Takes boxes back to the picture.
    config
        Its score_threshold and max_detections apply.

    Returns
    -------
    Found
        In pixels of the picture, best first.
    """
    n = max(0, min(int(count), len(scores)))
    height, width = input_size
    order = np.argsort(-scores[:n], kind="stable")
    unit = np.array([width, height, width, height], np.float32)
    picture = placement.to_picture(boxes[:n][order][:, [1, 0, 3, 2]] * unit)
    sure = scores[:n][order]
    good = _has_area(picture) & (sure > np.float32(config.score_threshold))
    part = np.flatnonzero(good)[: config.max_detections]
    return Found(picture[part], sure[part], classes[:n][order][part].astype(np.int64))
