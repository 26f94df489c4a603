"""What an AP is measured under. An AP without its protocol is not comparable with any other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge_edet.detection import PostprocessConfig
from edge_edet.errors import InputError, MissingExtraError
from edge_edet.pictures import parse_range
from edge_edet.runtimes import installed_version

__all__ = ["DEFAULT_PROTOCOL", "EVALUATOR", "Protocol", "evaluator_version"]

EVALUATOR = "hotcoco"  # see docs/decisions: equal to pycocotools in every bit, 90 times as fast
RESIZING = "as the model file says: longer side kept in proportion, or stretched; PIL bilinear"


@dataclass(frozen=True)
class Protocol:
    """Frozen, printed with every AP and recorded beside it.

    candidates: anchors with the highest class scores that go on to suppression, each with all of
    its classes above the threshold;
    detections_per_class: kept by suppression; detections: kept of the picture, None for no limit;
    evaluator_detections: the best of a picture and class that the evaluator looks at.
    min_side_px: an object counts as ground truth where both sides are longer than this.
    picture_range: how grey of more than 8 bits is read, as --range takes it; None: the upper 8 of 16 bits.
    """

    suppression: str = "hard"
    score_threshold: float = 0.02
    iou_threshold: float = 0.5
    sigma: float = 0.5
    candidates: int = 2000
    detections_per_class: int = 100
    detections: int | None = None
    min_side_px: float = 1.0
    resizing: str = RESIZING
    class_map: str = "by name"
    evaluator: str = EVALUATOR
    evaluator_detections: int = 100
    version: int = 1
    picture_range: str | None = None

    def __post_init__(self) -> None:
        if self.picture_range is not None:
            parse_range(self.picture_range)
        self.postprocess()  # refuses what the runtime would
        fixed = {field.name: field.default for field in dataclasses.fields(self)}
        for name in ("resizing", "evaluator", "evaluator_detections", "version"):
            if getattr(self, name) != fixed[name]:
                raise InputError(
                    f"protocol: {name} must be {fixed[name]!r}, but got {getattr(self, name)!r}"
                )
        if not 0 <= self.min_side_px < 1e6:
            raise InputError(f"min_side_px must be at least 0, but got {self.min_side_px!r}")

    def postprocess(self) -> PostprocessConfig:
        """The runtime's part of it."""
        return PostprocessConfig(
            kind=self.suppression,
            score_threshold=self.score_threshold,
            iou_threshold=self.iou_threshold,
            sigma=self.sigma,
            candidates=self.candidates,
            per_class=self.detections_per_class,
            max_detections=self.detections,
            multi_label=True,
            whole_anchors=True,
        )

    def replace(self, **changes: Any) -> Protocol:
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with the evaluator's installed version."""
        plain = {**dataclasses.asdict(self), "evaluator_version": evaluator_version()}
        if self.picture_range is None:  # as before there were ranges: the same key of a run
            del plain["picture_range"]
        return plain

    def lines(self) -> Iterator[str]:
        """What is printed above every result."""
        kind = f"{self.suppression}, per class"
        shape = (
            f"IoU {self.iou_threshold:g}" if self.suppression == "hard" else f"sigma {self.sigma:g}"
        )
        limit = "" if self.detections is None else f", {self.detections} per picture"
        yield (
            f"protocol: score > {self.score_threshold:g}, the best {self.candidates:,} anchors with "
            f"all their classes, {kind}, {shape}, {self.detections_per_class} kept per class{limit}, "
            "clipped"
        )
        yield f"resizing: {self.resizing}; classes {self.class_map}"
        if self.picture_range is not None:
            yield f"range of grey with more than 8 bits: {self.picture_range}"
        yield (
            f"evaluator: {self.evaluator} {evaluator_version()}, COCO boxes, best "
            f"{self.evaluator_detections} of each picture and class; objects longer than "
            f"{self.min_side_px:g} px on both sides"
        )


def evaluator_version() -> str:
    version = installed_version(EVALUATOR)
    if version is None:
        raise MissingExtraError(
            f"this needs the package {EVALUATOR}: pip install 'edge-edet[bench]'"
        )
    return version


DEFAULT_PROTOCOL = Protocol()
