"""The protocol of an evaluation: an AP is comparable only with APs of the same protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge_edet.detection import PostprocessConfig
from edge_edet.errors import InputError, MissingExtraError
from edge_edet.pictures import check_decode, parse_range
from edge_edet.runtimes import installed_version

__all__ = ["DEFAULT_PROTOCOL", "EVALUATOR", "Protocol", "evaluator_version"]

EVALUATOR = "hotcoco"  # see docs/decisions: bit-identical to pycocotools, 90 times as fast
RESIZING = "as the model file says: longer side kept in proportion, or stretched; PIL bilinear"


@dataclass(frozen=True)
class Protocol:
    """Settings of an evaluation; they are printed and recorded with every AP.

    Attributes
    ----------
    suppression
        "hard" or "soft-gaussian" non-maximum suppression, per class.
    candidates
        Anchors with the highest class scores that enter suppression, each with all of its classes above
        the threshold.
    detections_per_class
        Kept by suppression.
    detections
        Kept per picture; None for no limit.
    min_side_px
        An object counts as ground truth where both sides are longer than this.
    evaluator_detections
        The evaluator considers only this many of each picture and class, the best ones.
    picture_range
        How grey values of more than 8 bits are read, as --range takes it; None: the upper 8 of 16 bits.
    decode
        How JPEG files are decoded, "full" or "scaled", as --decode takes it.

    Raises
    ------
    InputError
        A value is out of range, or `resizing`, `evaluator`, `evaluator_detections` or `version` is not
        the fixed one.
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
    decode: str = "full"

    def __post_init__(self) -> None:
        if self.picture_range is not None:
            parse_range(self.picture_range)
        check_decode(self.decode)
        self.postprocess()  # raises for what the runtime would refuse
        fixed = {field.name: field.default for field in dataclasses.fields(self)}
        for name in ("resizing", "evaluator", "evaluator_detections", "version"):
            if getattr(self, name) != fixed[name]:
                raise InputError(
                    f"protocol: {name} must be {fixed[name]!r}, but got {getattr(self, name)!r}"
                )
        if not 0 <= self.min_side_px < 1e6:
            raise InputError(f"min_side_px must be at least 0, but got {self.min_side_px!r}")

    def postprocess(self) -> PostprocessConfig:
        """Return the part of the protocol that the runtime applies.

        Returns
        -------
        PostprocessConfig
            Thresholds and limits.
        """
        return PostprocessConfig(
            nms_method=self.suppression,
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
        """Return a protocol with other values for some fields.

        Parameters
        ----------
        changes
            Fields with their new values.

        Returns
        -------
        Protocol
            The other protocol.
        """
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict with the installed version of the evaluator.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        plain = {**dataclasses.asdict(self), "evaluator_version": evaluator_version()}
        if self.picture_range is None:  # absent as in older versions, so that keys of runs stay
            del plain["picture_range"]
        if self.decode == "full":  # likewise
            del plain["decode"]
        return plain

    def lines(self) -> Iterator[str]:
        """Yield the lines that are printed above every result.

        Yields
        ------
        str
            A line.
        """
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
        yield f"resizing: {self.resizing}; classes matched {self.class_map}"
        if self.picture_range is not None:
            yield f"range of grey values of more than 8 bits: {self.picture_range}"
        if self.decode == "scaled":
            yield "JPEG files decoded scaled, by libjpeg, to no less than the input takes"
        yield (
            f"evaluator: {self.evaluator} {evaluator_version()}, COCO boxes, best "
            f"{self.evaluator_detections} of each picture and class; objects longer than "
            f"{self.min_side_px:g} px on both sides"
        )


def evaluator_version() -> str:
    """Return the installed version of the evaluator.

    Returns
    -------
    str
        Of hotcoco.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    version = installed_version(EVALUATOR)
    if version is None:
        raise MissingExtraError(
            f"this needs the package {EVALUATOR}: pip install 'edge-edet[bench]'"
        )
    return version


DEFAULT_PROTOCOL = Protocol()
