"""Run a detector on labelled pictures: the detections and times of each are a row of the state file."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_edet.errors import ImageError, InputError
from edge_edet.pictures import Finding

if TYPE_CHECKING:
    from edge_edet.benchmarks.accuracy.datasets import Picture
    from edge_edet.detection import Detector, LetterboxTransform, PostprocessConfig

__all__ = ["STEPS", "EvalRow", "Unread", "run_detector"]

MAX_CLASSES = 100_000
STEPS = ("read", "prepare", "infer", "select")  # file to pixels, to tensor, to outputs, to boxes


@dataclass(frozen=True, eq=False)
class EvalRow:
    """The detections of one picture, the highest score first.

    Attributes
    ----------
    picture
        Its id.
    boxes
        [n, 4] float32 xmin ymin xmax ymax in pixels.
    scores
        [n] float32, 0 to 1.
    classes
        [n] class ids of the model.
    step_ms
        Time of each of STEPS.
    findings
        What was unusual about the picture's file.
    padding
        Share of the input that lies beside the picture, 0 to 1; None in rows of before this was kept.
    """

    picture: int
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    step_ms: tuple[float, ...]
    findings: tuple[Finding, ...] = ()
    padding: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict; a float32 is its shortest decimal, which reads back to the same bits."""
        return {
            "picture": self.picture,
            "boxes": [float(str(value)) for value in self.boxes.ravel()],
            "scores": [float(str(value)) for value in self.scores],
            "classes": self.classes.tolist(),
            "step_ms": [round(ms, 3) for ms in self.step_ms],
            **({"findings": [list(one) for one in self.findings]} if self.findings else {}),
            **({"padding": round(self.padding, 6)} if self.padding is not None else {}),
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any], num_classes: int | None = None) -> EvalRow:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        num_classes
            Of the model; None where it is unknown.

        Raises
        ------
        ValueError, TypeError, KeyError, OverflowError
            The dict is not one of `to_dict`.
        """
        optional = {"run", "findings", "padding"}
        if set(row) - optional != {"picture", "boxes", "scores", "classes", "step_ms"}:
            raise ValueError("it has other keys than a row")
        for name in ("boxes", "scores", "step_ms"):
            if not all(type(value) in (int, float) for value in row[name]):
                raise ValueError(f"{name} must be numbers")
        with np.errstate(
            over="ignore"
        ):  # values beyond float32 become infinite and are refused below
            scores = np.array(row["scores"], np.float32)
            boxes = np.array(row["boxes"], np.float32).reshape(len(scores), 4)
        steps = tuple(float(ms) for ms in row["step_ms"])
        findings = tuple(Finding(*map(str, one)) for one in row.get("findings", ()))
        if type(row["picture"]) is not int or abs(row["picture"]) >= 2**53:
            raise ValueError("picture must be an id")
        if not (np.isfinite(boxes).all() and (boxes[:, 2:] >= boxes[:, :2]).all()):
            raise ValueError("a box must be xmin ymin xmax ymax")
        if not ((scores >= 0) & (scores <= 1)).all() or (scores[1:] > scores[:-1]).any():
            raise ValueError("scores must be from 0 to 1, the highest first")
        most = MAX_CLASSES if num_classes is None else num_classes
        if len(row["classes"]) != len(scores) or not all(
            type(value) is int and 0 <= value < most for value in row["classes"]
        ):
            raise ValueError(f"classes must be {len(scores)} numbers from 0 to {most - 1}")
        if len(steps) != len(STEPS) or not all(0 <= ms < math.inf for ms in steps):
            raise ValueError(f"step_ms must be {len(STEPS)} times")
        padding = row.get("padding")
        if padding is not None and not (type(padding) in (int, float) and 0 <= padding <= 1):
            raise ValueError("padding must be a share from 0 to 1")
        ids = np.array(row["classes"], np.int64)
        return cls(row["picture"], boxes, scores, ids, steps, findings, padding)


class Unread(NamedTuple):
    """The id of a picture that cannot be read and is left out, and the reason."""

    picture: int
    reason: str


class Prepared(NamedTuple):
    """A picture as the model takes it, with the transform that maps boxes back."""

    picture: int  # its id
    tensor: npt.NDArray[Any]
    placement: LetterboxTransform
    step_ms: tuple[float, float]  # read, prepare
    findings: tuple[Finding, ...]


class Inferred(NamedTuple):
    """What the model gave for a picture."""

    picture: int  # its id
    outputs: dict[str, npt.NDArray[Any]]
    placement: LetterboxTransform
    step_ms: tuple[float, float, float]  # read, prepare, infer
    findings: tuple[Finding, ...]


def run_detector(
    detector: Detector,
    pictures: Sequence[Picture],
    config: PostprocessConfig,
    *,
    strict: bool = True,
) -> Iterator[EvalRow | Unread]:
    """Run the detector on the pictures, in their order.

    While the runtime computes, the next picture is prepared, and the detections of the one before are
    selected.

    Parameters
    ----------
    strict
        A picture that cannot be read is an error; else it is an `Unread`.

    Raises
    ------
    InputError
        A picture's size differs from the size that its labels state.
    ImageError
        A picture cannot be read, and `strict` is set.
    """
    from edge_edet.detection import ahead

    def prepare(picture: Picture) -> Prepared | Unread:
        return _prepare(detector, picture, strict)

    def infer(ready: Prepared | Unread) -> Inferred | Unread:
        if isinstance(ready, Unread):
            return ready
        start = time.perf_counter()
        outputs = detector.infer(ready.tensor)
        steps = (*ready.step_ms, _ms_since(start))
        return Inferred(ready.picture, outputs, ready.placement, steps, ready.findings)

    results = ahead(pictures, prepare, infer)
    try:
        for one in results:
            yield one if isinstance(one, Unread) else _select(detector, one, config)
    finally:
        results.close()


def _prepare(detector: Detector, picture: Picture, strict: bool) -> Prepared | Unread:
    start = time.perf_counter()
    try:
        read = detector.read(picture.path)
    except ImageError as error:
        if strict:
            raise
        return Unread(picture.id, str(error))
    read_ms = _ms_since(start)
    if picture.size is not None and read.size != picture.size:
        raise InputError(
            f"{str(picture.path)!r} is {read.size[0]} x {read.size[1]}, but its labels are for "
            f"{picture.size[0]} x {picture.size[1]}: give the pictures in the size of their labels"
        )
    start = time.perf_counter()
    tensor, placement = detector.prepare(read)
    return Prepared(picture.id, tensor, placement, (read_ms, _ms_since(start)), read.findings)


def _select(detector: Detector, one: Inferred, config: PostprocessConfig) -> EvalRow:
    start = time.perf_counter()
    found = detector.select(one.outputs, one.placement, config=config)
    steps = (*one.step_ms, _ms_since(start))
    padding = round(one.placement.padding(detector.layout.input_size), 6)
    return EvalRow(
        one.picture, found.boxes, found.scores, found.classes, steps, one.findings, padding
    )


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1e3
