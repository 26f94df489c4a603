"""The time of each stage of one `Detector.detect`, which it observes while that runs as it always does."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from edge_edet.detection import Detector, Stage

__all__ = ["Clock", "StageTimer"]

Clock = Callable[[], float]  # seconds


class StageTimer:
    """Times the stages of a detector's `detect`.

    Parameters
    ----------
    detector
        Used as it is; one timer for each thread.
    clock
        Seconds from any start.
    """

    def __init__(self, detector: Detector, clock: Clock = time.perf_counter):
        self._detector = detector
        self._clock = clock
        self._ends: dict[str, float] = {}

    def __call__(self, encoded: bytes) -> dict[str, float]:
        """Detect objects in one encoded picture and return each stage's time.

        Parameters
        ----------
        encoded
            A JPEG or PNG file.

        Returns
        -------
        dict
            "decode", "preprocess", "inference", "postprocess", "end_to_end" -> milliseconds. The last is the
            sum of the others.

        Raises
        ------
        ImageError, BackendError
            As `Detector.detect`.
        """
        self._ends.clear()
        begin = start = self._clock()
        self._detector.detect(Image.open(io.BytesIO(encoded)), observer=self._note)
        times = {}
        for stage, end in self._ends.items():
            times[stage] = (end - begin) * 1e3
            begin = end
        return times | {"end_to_end": (begin - start) * 1e3}

    def _note(self, stage: Stage) -> None:
        self._ends[stage] = self._clock()
