"""From a picture to boxes: input tensor, inference, decoding, suppression."""

from __future__ import annotations

from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.detections import Detection, Detections
from edge_edet.detection.detector import Detector, Observer, Stage
from edge_edet.detection.info import DetectorInfo, padding_note
from edge_edet.detection.loading import load
from edge_edet.detection.model_layout import ModelLayout, layout_of
from edge_edet.detection.overlap import iou_matrix, match_boxes
from edge_edet.detection.postprocess import PostprocessConfig
from edge_edet.detection.preprocess import LetterboxTransform, as_levels, letterbox, stretch
from edge_edet.detection.raw_outputs import RAW, RawOutputs
from edge_edet.detection.tiles import TiledDetector
from edge_edet.detection.working_ahead import ahead

__all__ = [
    "RAW",
    "Detection",
    "Detections",
    "Detector",
    "DetectorInfo",
    "LetterboxTransform",
    "ModelLayout",
    "Observer",
    "PostprocessConfig",
    "RawOutputs",
    "Stage",
    "TiledDetector",
    "ahead",
    "anchors",
    "as_levels",
    "iou_matrix",
    "layout_of",
    "letterbox",
    "load",
    "match_boxes",
    "padding_note",
    "stretch",
]
