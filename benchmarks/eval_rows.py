"""What a detector found in one picture and how long each step took: one line of the state file."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError

if TYPE_CHECKING:
    from edge_edet.benchmarks.datasets.dataset import Picture
    from edge_edet.detector import Detector
    from edge_edet.postprocess import PostprocessConfig
    from edge_edet.preprocess import Placement

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


class Prepared(NamedTuple):
    tensor: npt.NDArray[Any]
    placement: Placement
    step_ms: tuple[float, float]  # read, prepare


def look(
    detector: Detector, pictures: Sequence[Picture], config: PostprocessConfig
) -> Iterator[EvalRow]:
    """Runs the detector on the pictures, in their order.

    While the runtime computes, a thread selects from the picture before and prepares the next one:
    the runtime holds no interpreter lock. Raises InputError where a picture's size is not its
    labels'.
    """
    if not pictures:
        return
    with ThreadPoolExecutor(1, "edge-edet-eval") as pool:
        coming = pool.submit(_prepare, detector, pictures[0])
        pending: Future[EvalRow] | None = None
        for number, picture in enumerate(pictures, 1):
            ready = coming.result()
            if number < len(pictures):
                coming = pool.submit(_prepare, detector, pictures[number])
            start = time.perf_counter()
            outputs = detector.infer(ready.tensor)
            infer_ms = _ms_since(start)
            if pending is not None:
                yield pending.result()
            pending = pool.submit(_select, detector, picture, ready, outputs, infer_ms, config)
        assert pending is not None
        yield pending.result()


def _prepare(detector: Detector, picture: Picture) -> Prepared:
    from edge_edet.image import read_image

    start = time.perf_counter()
    image = read_image(picture.path)
    read_ms = _ms_since(start)
    if picture.size is not None and image.size != picture.size:
        raise InputError(
            f"{str(picture.path)!r} is {image.size[0]} x {image.size[1]}, but its labels are for "
            f"{picture.size[0]} x {picture.size[1]}"
        )
    start = time.perf_counter()
    tensor, placement = detector.prepare(image)
    return Prepared(tensor, placement, (read_ms, _ms_since(start)))


def _select(
    detector: Detector,
    picture: Picture,
    ready: Prepared,
    outputs: dict[str, npt.NDArray[Any]],
    infer_ms: float,
    config: PostprocessConfig,
) -> EvalRow:
    start = time.perf_counter()
    found = detector.select(outputs, ready.placement, config=config)
    steps = (*ready.step_ms, infer_ms, _ms_since(start))
    return EvalRow(picture.id, found.boxes, found.scores, found.classes, steps)


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1e3
