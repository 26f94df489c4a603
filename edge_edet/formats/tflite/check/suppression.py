"""Rules of what suppresses overlapping boxes."""

from __future__ import annotations

import math

from edge_edet.errors import ModelFileError
from edge_edet.formats.flexbuffer import read_numbers
from edge_edet.formats.tflite.check.call import Call, agree

__all__ = ["RULES"]

NEEDED_OPTIONS = (
    "max_detections",
    "max_classes_per_detection",
    "nms_score_threshold",
    "nms_iou_threshold",
    "num_classes",
    "y_scale",
    "x_scale",
    "h_scale",
    "w_scale",
)
MOST_ROWS = 100_000


def suppression(call: Call) -> None:
    boxes, scores = call.given(0).shape, call.given(1).shape
    if boxes is not None and scores is not None and not agree(boxes, (scores[0], 4)):
        call.input_fails(0, f"[{scores[0]}, 4]")


def detections(call: Call) -> None:
    """TFLite_Detection_PostProcess. Source: tensorflow/lite/kernels/detection_postprocess.cc."""
    codes, scores, anchors = (call.given(i) for i in range(3))
    try:
        options = read_numbers(call.custom, "its options")
    except ModelFileError as error:
        call.fail(str(error))
    missing = [name for name in NEEDED_OPTIONS if name not in options]
    if missing:
        call.fail(f"its options lack {', '.join(missing)}")
    classes = int(_between(call, options, "num_classes", 1, MOST_ROWS))
    rows = int(_between(call, options, "max_detections", 1, MOST_ROWS))
    each = _between(call, options, "max_classes_per_detection", 1, MOST_ROWS)
    if rows * each > 10 * MOST_ROWS:
        call.fail(f"it gives {rows} boxes of {each:g} classes, more than {10 * MOST_ROWS} rows")
    if "detections_per_class" in options:
        _between(call, options, "detections_per_class", 1, MOST_ROWS)
    _between(call, options, "nms_score_threshold", -1e9, 1e9)
    _between(call, options, "nms_iou_threshold", 1e-9, 1)
    for name in NEEDED_OPTIONS[-4:]:
        _between(call, options, name, 1e-6, 1e6)
    n, number, width = codes.dims(3)
    if n not in (1, -1) or 0 <= width < 4 or number == 0:
        call.input_fails(0, "[1, anchors, 4]")
    if not agree(scores.shape, (1, number, -1)):
        call.input_fails(1, f"[1, {number}, classes]")
    background = scores.dims(3)[2] - classes
    if scores.known and background not in (0, 1):
        call.input_fails(1, f"{classes} classes, or one more")
    if not agree(anchors.dims(2)[:1], (number,)) or 0 <= anchors.dims(2)[1] < 4:
        call.input_fails(2, f"[{number}, 4]")
    if anchors.dtype != codes.dtype:
        call.fail(f"its anchors are {anchors.dtype}, its boxes {codes.dtype}")
    for operand in (codes, scores, anchors):
        if operand.dtype == "uint8" and len(operand.scales) != 1:
            call.fail(f"{operand.name!r} of uint8 has {len(operand.scales)} scales, expected one")


def _between(call: Call, options: dict[str, float], name: str, least: float, most: float) -> float:
    value = options[name]
    if not (math.isfinite(value) and least <= value <= most):
        call.fail(f"its {name} is {value:g}, expected {least:g} to {most:g}")
    return value


RULES = {
    "suppression": suppression,
    "detections": detections,
}
