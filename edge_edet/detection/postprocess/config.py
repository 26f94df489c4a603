"""What is kept of a model's raw outputs: the postprocessing protocol."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_edet.arguments import check_kind, shown
from edge_edet.errors import InputError

__all__ = ["PostprocessConfig", "check_config", "check_in_graph"]

NMS_METHODS = ("hard", "soft-gaussian")
MOST = 2**62


@dataclass(frozen=True)
class PostprocessConfig:
    """How raw outputs become detections. It moves AP by up to 2.4 points on equal weights.

    Attributes
    ----------
    nms_method
        "hard" or "soft-gaussian" non-maximum suppression, class by class.
    score_threshold
        Only higher scores are kept, 0 to 1.
    iou_threshold
        For "hard": a box goes when it overlaps a better one by more, 0 to 1.
    sigma
        For "soft-gaussian": scores are multiplied by exp(-iou ** 2 / sigma).
    candidates
        How many of the best anchors go on to suppression, each with its best class; with multi_label, how
        many pairs of anchor and class; with whole_anchors too, how many anchors, each with all of its
        classes.
    per_class
        Most boxes kept of one class.
    max_detections
        Most boxes kept of the picture; None for no limit.

    Raises
    ------
    InputError
        A value is of another type, or out of range.
    """

    nms_method: str = "hard"
    score_threshold: float = 0.3
    iou_threshold: float = 0.5
    sigma: float = 0.5
    candidates: int = 2000
    per_class: int = 100
    max_detections: int | None = 100
    multi_label: bool = False
    whole_anchors: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.nms_method, str) or self.nms_method not in NMS_METHODS:
            raise InputError(
                f"suppression must be one of {', '.join(NMS_METHODS)}, but got {shown(self.nms_method)}"
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
        """Return a copy with other values.

        Parameters
        ----------
        changes
            Fields with their new values.

        Returns
        -------
        PostprocessConfig
            The copy.

        Raises
        ------
        InputError
            For an unknown name, and a value out of its range.
        """
        known = [field.name for field in dataclasses.fields(self)]
        if unknown := [name for name in changes if name not in known]:
            raise InputError(f"unknown {unknown[0]!r}: known are {', '.join(known)}")
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict, keys as the fields; nms_method is "kind", as rows and states have it.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        fields = dataclasses.asdict(self)
        return {"kind": fields.pop("nms_method"), **fields}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def check_config(config: object) -> None:
    """Raise InputError for what is neither a PostprocessConfig nor None.

    Parameters
    ----------
    config
        What was given.

    Raises
    ------
    InputError
        For what is neither a PostprocessConfig nor None.
    """
    check_kind(config, PostprocessConfig, "config", "a PostprocessConfig", none=True)


def check_in_graph(config: PostprocessConfig, built: float | None) -> None:
    """Raise InputError for a threshold below the one that the graph's own suppression was built with.

    What the graph has dropped cannot be had back. built: None where the file does not state it.

    Parameters
    ----------
    config
        What is asked for.
    built
        The threshold inside of the graph, 0 to 1; None: the file does not state it.

    Raises
    ------
    InputError
        For a threshold below the graph's.
    """
    if built is not None and config.score_threshold < built:
        raise InputError(
            f"score_threshold {config.score_threshold:g} is below {built:g}, which this model's "
            "own suppression was built with: use a model converted with --nms none"
        )
