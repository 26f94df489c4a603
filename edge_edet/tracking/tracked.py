"""Detections with the identity of each object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.detection import Detections
from edge_edet.errors import InputError

__all__ = ["NO_TRACK", "TrackedDetections"]

NO_TRACK = -1


@dataclass(frozen=True, eq=False)
class TrackedDetections(Detections):
    """The objects of one frame, best first; an object has the same id in every frame.

    Attributes
    ----------
    ids
        [n] int64 from 0; -1 for a box that no track has, such as an object in its first frame.

    Raises
    ------
    InputError
        As `Detections`; or there is not one id for each box.
    """

    ids: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ids.shape != self.scores.shape or self.ids.dtype.kind not in "iu":
            raise InputError(
                f"ids must be {len(self)} integers, one for each box, but got {self.ids.dtype} "
                f"{self.ids.shape}"
            )

    def __getitem__(
        self, part: slice | Sequence[int] | npt.NDArray[np.bool_] | npt.NDArray[np.int64]
    ) -> TrackedDetections:
        some = super().__getitem__(part)
        ids = self.ids[np.arange(len(self))[part]]
        return TrackedDetections(some.boxes, some.scores, some.classes, some.labels, ids)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one JSON-ready dict for each object, with its track_id; null where it has none.

        Returns
        -------
        list[dict[str, Any]]
            The objects, best first.
        """
        return [
            {**one, "track_id": None if track == NO_TRACK else track}
            for one, track in zip(super().to_dicts(), self.ids.tolist(), strict=True)
        ]

    def named(self) -> Detections:
        """Return the detections with the ids in the labels, as they are drawn: "#3 dog".

        Returns
        -------
        Detections
            The same boxes.
        """
        labels = tuple(
            label if track == NO_TRACK else f"#{track} {label}"
            for label, track in zip(self.labels, self.ids.tolist(), strict=True)
        )
        return Detections(self.boxes, self.scores, self.classes, labels)
