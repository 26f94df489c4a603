"""Raw outputs to detections: select, decode, clip, suppress. The one place where this is done.

Selection runs on the logits as they come, int8 where the model is: a threshold on the score is a
threshold on the quantized logit, so of 4.4 million logits only those above it are ever decoded.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_edet.arguments import check_kind, shown
from edge_edet.detection.anchor_boxes import decode
from edge_edet.detection.nms import hard_nms, soft_nms
from edge_edet.detection.preprocess import Placement
from edge_edet.errors import InputError

__all__ = ["Candidates", "Found", "PostprocessConfig", "Quantized", "postprocess", "select"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

KINDS = ("hard", "soft-gaussian")
MOST = 2**62
BLOCK = 2048
TOGETHER = 256  # up to so many boxes all classes at once are faster than one by one
LARGEST_LOGIT = 104.0  # the score of anything below -104 is 0 in float32


@dataclass(frozen=True)
class PostprocessConfig:
    """The protocol: what is kept of the raw outputs. It moves AP by up to 2.4 on equal weights.

    candidates: the anchors with the highest scores that go on to suppression, each with its best
    class; with multi_label, the pairs of anchor and class; with whole_anchors too, the anchors,
    each with all of its classes. per_class: boxes kept of each class; max_detections: of the
    picture, None for no such limit. iou_threshold is of kind "hard", sigma of "soft-gaussian".
    """

    kind: str = "hard"
    score_threshold: float = 0.3
    iou_threshold: float = 0.5
    sigma: float = 0.5
    candidates: int = 2000
    per_class: int = 100
    max_detections: int | None = 100
    multi_label: bool = False
    whole_anchors: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise InputError(
                f"suppression must be one of {', '.join(KINDS)}, but got {shown(self.kind)}"
            )
        for name in ("multi_label", "whole_anchors"):
            check_kind(getattr(self, name), bool, name, "True or False")
        if self.whole_anchors and not self.multi_label:
            raise InputError("whole_anchors needs multi_label: without it an anchor has one class")
        for name in ("score_threshold", "iou_threshold"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value <= 1):
                raise InputError(f"{name} must be a number from 0 to 1, but got {shown(value)}")
        if not (_is_number(self.sigma) and 0 < self.sigma <= MOST):
            raise InputError(f"sigma must be a positive number, but got {shown(self.sigma)}")
        for name in ("candidates", "per_class", "max_detections"):
            value = getattr(self, name)
            if not (type(value) is int and 0 < value <= MOST) and not (
                name == "max_detections" and value is None
            ):
                raise InputError(f"{name} must be a positive integer, but got {shown(value)}")

    def replace(self, **changes: Any) -> PostprocessConfig:
        """The same with other values. Raises InputError for a name that is none of them."""
        known = [field.name for field in dataclasses.fields(self)]
        if unknown := [name for name in changes if name not in known]:
            raise InputError(f"unknown {unknown[0]!r}: known are {', '.join(known)}")
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


class Quantized(NamedTuple):
    """A raw output: real = scale * (q - zero_point); scale None: the values are real already."""

    values: npt.NDArray[Any]
    scale: float | None = None
    zero_point: int = 0

    def real(self, part: npt.NDArray[Any]) -> Floats:
        if self.scale is None:
            return part.astype(np.float32)
        shifted = part.astype(np.float32) - np.float32(self.zero_point)
        return np.float32(self.scale) * shifted


class Candidates(NamedTuple):
    """What selection leaves, best first, ties by anchor, then by class."""

    anchors: Ints  # [n] anchor index
    classes: Ints  # [n]
    scores: Floats  # [n]


class Found(NamedTuple):
    """Boxes in pixels of the picture, best first."""

    boxes: Floats  # [n, 4] xmin ymin xmax ymax
    scores: Floats  # [n]
    classes: Ints  # [n]


def postprocess(
    boxes: Quantized,
    logits: Quantized,
    rows: Floats,
    placement: Placement,
    config: PostprocessConfig,
) -> Found:
    """Detections of one picture from box codes [N, 4] and class logits [N, C], rows = anchors."""
    chosen = select(logits, config)
    codes = boxes.real(boxes.values.reshape(-1, 4)[chosen.anchors])
    clipped = placement.to_picture(decode(codes, rows[chosen.anchors]))
    visible = _has_area(clipped)
    return suppress(clipped[visible], chosen.scores[visible], chosen.classes[visible], config)


def select(logits: Quantized, config: PostprocessConfig) -> Candidates:
    """The candidates with a score above the threshold, without decoding the rest."""
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
    """The order from the highest logit down, ties as they come.

    A stable sort of int16 is a radix sort.
    """
    floats = np.issubdtype(raw.dtype, np.floating)
    return np.argsort(-raw if floats else -raw.astype(np.int16), kind="stable")


def _least_above(logits: Quantized, score_threshold: float) -> Any:
    """A raw logit that every score above the threshold reaches; None: no score is above."""
    if logits.scale is not None:
        quantization = logits.values.dtype, logits.scale, logits.zero_point
        return _least_quantized(*quantization, score_threshold)
    if score_threshold >= 1:
        return None
    if score_threshold <= 0:
        return np.float32(-LARGEST_LOGIT)
    logit = math.log(score_threshold) - math.log1p(-score_threshold)
    return np.float32(logit - 1e-3)  # rounding of the float32 sigmoid: checked on the score later


def _scores(logits: Quantized, raw: npt.NDArray[Any]) -> Floats:
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
    """The smallest value of the type, and the scores of it and of every value above."""
    info = np.iinfo(dtype)
    every = np.arange(info.min, info.max + 1)
    return int(info.min), _sigmoid(Quantized(every, scale, zero_point).real(every))


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
    """Non-maximum suppression class by class; the arrays come best first, and leave so."""
    if config.kind == "hard" and len(boxes) <= TOGETHER:
        stay = hard_nms(boxes, config.iou_threshold, config.per_class, classes)
        stay = stay[: config.max_detections]
        return Found(boxes[stay], scores[stay], classes[stay])
    kept, values = [], []
    for class_id in np.flatnonzero(np.bincount(classes)):
        members = np.flatnonzero(classes == class_id)
        if config.kind == "hard":
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
    """False for a box that lies outside of the picture, and for one that is not a number."""
    return (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def from_graph(
    boxes: Floats,
    classes: Floats,
    scores: Floats,
    count: float,
    input_size: tuple[int, int],
    placement: Placement,
    config: PostprocessConfig,
) -> Found:
    """Detections of a graph that suppressed by itself (TFLite_Detection_PostProcess).

    boxes [K, 4] ymin xmin ymax xmax as fractions of the input, whose (height, width) is given.
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
