"""The operator `TFLite_Detection_PostProcess`: what it is built with.

Every TFLite runtime has it, and the Task Library and MediaPipe expect its four outputs.
Source: tensorflow/lite/kernels/detection_postprocess.cc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_edet.detection import PostprocessConfig, anchors
from edge_edet.errors import InputError
from edge_edet.network import Array
from edge_edet.variants import Variant

OPERATOR = "TFLite_Detection_PostProcess"
OUTPUTS = {  # role -> tensor, in the order of the operator's outputs
    "boxes": "detection_boxes",
    "classes": "detection_classes",
    "scores": "detection_scores",
    "count": "num_detections",
}
# Built in for good, so low: whoever runs the model can only raise it. Accuracy, which wants every
# faint box, is measured on models without in-graph suppression.
SCORE_THRESHOLD = 0.05
IOU_THRESHOLD = PostprocessConfig.iou_threshold
MAX_DETECTIONS = 100
MAX_OUTPUT_BOXES = 100_000  # what a manifest may state
DISTANCE = 4.0  # of neighbouring classes, in images: only boxes of 12 images' height would overlap


@dataclass(frozen=True)
class Suppression:
    """What the operator is built with; a value that it would refuse raises InputError."""

    score_threshold: float = SCORE_THRESHOLD
    iou_threshold: float = IOU_THRESHOLD
    max_detections: int = MAX_DETECTIONS

    def __post_init__(self) -> None:
        if not 0 <= self.score_threshold <= 1:
            raise InputError(
                f"score_threshold must be a number from 0 to 1, but got {self.score_threshold!r}"
            )
        if not 0 < self.iou_threshold <= 1:
            raise InputError(
                f"iou_threshold must be above 0 and at most 1, but got {self.iou_threshold!r}"
            )
        count = self.max_detections
        if type(count) is not int or not 1 <= count <= MAX_OUTPUT_BOXES:
            raise InputError(
                f"max_detections must be an integer from 1 to {MAX_OUTPUT_BOXES}, but got {count!r}"
            )

    def custom_options(self, num_classes: int) -> bytes:
        """Return the operator's flexbuffer; scales of 1 are box codes as docs/manifest.md has them.

        Not use_regular_nms, the operator's own class-by-class mode: on more than one thread it
        never looks at the class whose number is the thread count (LiteRT up to 2.3.0, `next_col` in
        NonMaxSuppressionMultiClassRegularHelper; tensorflow issue 56058). The other mode suppresses
        across classes: see class_places.
        """
        from flatbuffers import flexbuffers

        builder = flexbuffers.Builder()
        with builder.Map():
            builder.Int("max_detections", self.max_detections)
            builder.Int("max_classes_per_detection", 1)
            builder.Int("detections_per_class", self.max_detections)
            builder.Bool("use_regular_nms", False)
            builder.Float("nms_score_threshold", self.score_threshold)
            builder.Float("nms_iou_threshold", self.iou_threshold)
            builder.Int("num_classes", num_classes)
            for scale in ("y_scale", "x_scale", "h_scale", "w_scale"):
                builder.Float(scale, 1.0)
        return bytes(builder.Finish())


def relative_anchors(variant: Variant) -> Array:
    """Return [N, 4] float32 centre y, centre x, height, width of the anchors as fractions of the input."""
    height, width = variant.input_size
    sides = np.array([height, width, height, width], np.float32)
    return np.asarray(anchors(variant) / sides, np.float32)


def class_places(num_classes: int) -> Array:
    """[C, 4] y x y x, in images: boxes moved by their class's row overlap those of no other class.

    The places form a square: far from zero, floats become coarse.
    """
    side = math.ceil(math.sqrt(num_classes))
    row, column = np.divmod(np.arange(num_classes), side)
    return (np.stack([row, column, row, column], axis=1) * DISTANCE).astype(np.float32)
