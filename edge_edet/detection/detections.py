"""What a detector found in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError

__all__ = ["Detection", "Detections"]


@dataclass(frozen=True)
class Detection:
    """One object in a picture.

    Attributes
    ----------
    box
        xmin, ymin, xmax, ymax in pixels of the picture.
    score
        0 to 1.
    class_id
        Counted from 0.
    label
        The class's name, or "class 11" where it has none.
    """

    box: tuple[float, float, float, float]
    score: float
    class_id: int
    label: str

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict, keys as the fields.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return {
            "box": list(self.box),
            "score": self.score,
            "class_id": self.class_id,
            "label": self.label,
        }


@dataclass(frozen=True, eq=False)
class Detections:
    """The objects of one picture, as a struct of arrays, best first.

    Index it with a slice, a mask or indexes in rising order for a part of it; iterate for single
    `Detection`s.

    Attributes
    ----------
    boxes
        [n, 4] float32 xmin, ymin, xmax, ymax in pixels of the picture.
    scores
        [n] float32, descending.
    classes
        [n] int64, counted from 0.
    labels
        n names.

    Raises
    ------
    InputError
        The arrays do not fit together, are not finite, or are not in order.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.scores)
        shapes = (self.boxes.shape, self.scores.shape, self.classes.shape, len(self.labels))
        if shapes != ((n, 4), (n,), (n,), n):
            raise InputError(
                "boxes, scores, classes and labels must be [n, 4], [n], [n] and n names, "
                f"but got {', '.join(str(s) for s in shapes)}"
            )
        if self.classes.dtype.kind not in "iu":
            raise InputError(f"classes must be integers, but got {self.classes.dtype}")
        if n and not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise InputError("boxes and scores must be finite, but one is NaN or infinite")
        if n and (self.boxes[:, 2:] < self.boxes[:, :2]).any():
            raise InputError("boxes must be xmin ymin xmax ymax, but one has max below min")
        if (self.scores[1:] > self.scores[:-1]).any():
            raise InputError("scores must be descending: sort the arrays by score first")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(
        self, part: slice | Sequence[int] | npt.NDArray[np.bool_] | npt.NDArray[np.int64]
    ) -> Detections:
        if isinstance(part, SupportsIndex) and not isinstance(part, np.ndarray):
            raise InputError(f"index with a slice or mask, or iterate; got the integer {part}")
        index = np.arange(len(self))[part]
        labels = tuple(self.labels[i] for i in index)
        return Detections(self.boxes[index], self.scores[index], self.classes[index], labels)

    def __iter__(self) -> Iterator[Detection]:
        rows = zip(
            self.boxes.tolist(),
            self.scores.tolist(),
            self.classes.tolist(),
            self.labels,
            strict=True,
        )
        for (xmin, ymin, xmax, ymax), score, class_id, label in rows:
            yield Detection((xmin, ymin, xmax, ymax), score, class_id, label)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one JSON-ready dict for each object: box, score, class_id, label.

        Returns
        -------
        list[dict[str, Any]]
            The objects, best first.
        """
        return [detection.to_dict() for detection in self]
