"""What a detector found in one picture and how long each step took: one line of the state file."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError

if TYPE_CHECKING:
    from edge_edet.benchmarks.datasets.dataset import Picture
    from edge_edet.detector import Detector
    from edge_edet.postprocess import PostprocessConfig

__all__ = ["STEPS", "EvalRow", "look"]

STEPS = ("read", "prepare", "infer", "select")  # file to pixels, to tensor, to outputs, to boxes


@dataclass(frozen=True, eq=False)
class EvalRow:
    """picture: its id; boxes [n, 4] float32 xmin ymin xmax ymax; classes: the model's class ids."""

    picture: int
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    step_ms: tuple[float, ...]  # as STEPS

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; float32 as its shortest decimal text, which reads back to the same bits."""
        return {
            "picture": self.picture,
            "boxes": [float(str(value)) for value in self.boxes.ravel()],
            "scores": [float(str(value)) for value in self.scores],
            "classes": self.classes.tolist(),
            "step_ms": [round(ms, 3) for ms in self.step_ms],
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> EvalRow:
        """Raises ValueError, TypeError or KeyError for what `to_dict` did not write."""
        scores = np.array(row["scores"], np.float32)
        boxes = np.array(row["boxes"], np.float32).reshape(len(scores), 4)
        classes = np.array(row["classes"], np.int64)
        steps = tuple(float(ms) for ms in row["step_ms"])
        good = type(row["picture"]) is int and classes.shape == scores.shape
        finite = bool(np.isfinite(boxes).all() and np.isfinite(scores).all())
        if not (good and finite and len(steps) == len(STEPS) and all(map(math.isfinite, steps))):
            raise ValueError("no row of an evaluation")
        return cls(row["picture"], boxes, scores, classes, steps)


def look(detector: Detector, picture: Picture, config: PostprocessConfig) -> EvalRow:
    """Runs the detector on the picture. Raises InputError where its size is not the labels'."""
    from edge_edet.image import read_image

    clock = [time.perf_counter()]
    image = read_image(picture.path)
    if picture.size is not None and image.size != picture.size:
        raise InputError(
            f"{str(picture.path)!r} is {image.size[0]} x {image.size[1]}, but its labels are for "
            f"{picture.size[0]} x {picture.size[1]}"
        )
    clock.append(time.perf_counter())
    tensor, placement = detector.prepare(image)
    clock.append(time.perf_counter())
    outputs = detector.infer(tensor)
    clock.append(time.perf_counter())
    found = detector.select(outputs, placement, config=config)
    clock.append(time.perf_counter())
    steps = tuple((end - start) * 1e3 for start, end in itertools.pairwise(clock))
    return EvalRow(picture.id, found.boxes, found.scores, found.classes, steps)
