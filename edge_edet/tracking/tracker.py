"""Gives objects their identity: ByteTrack of the package `trackers` (docs/decisions/0017-tracking.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_edet.detection import Detections, Detector, PostprocessConfig
from edge_edet.errors import InputError, MissingExtraError
from edge_edet.optional_packages import install, missing_extra
from edge_edet.tracking.tracked import NO_TRACK, TrackedDetections

__all__ = ["Tracker"]

LOW_SCORE = 0.1  # boxes from this score on continue a track, as in the paper of ByteTrack
LOST_S = 1.0  # an object that is gone for longer is another one when it comes back
RATE = 15.0  # frames a second that the motion model's noise is stated for
TINY_S = 1e-3
LEAST_NUMPY = 2  # of trackers 2.6


class Tracker:
    """Follows the objects of one video: ByteTrack (Zhang et al. 2022, arXiv 2110.06864).

    A box of at least the detector's score threshold begins a track, and has an id from its second frame on.
    Boxes below, down to a score of 0.1, only continue one: they keep an id through bad frames and are not
    returned. A track that finds no box for a second ends. Which class a box has plays no part.

    Parameters
    ----------
    detector
        What finds the boxes; its score threshold is the one above.
    config
        Replaces the detector's own postprocessing.

    Attributes
    ----------
    config
        What to detect with, so that the boxes below the threshold are there.

    Raises
    ------
    InputError
        The config is of another type.
    MissingExtraError
        The package is not installed, or numpy is too old for it: the message has the pip command.
    """

    def __init__(self, detector: Detector, config: PostprocessConfig | None = None):
        if int(np.__version__.partition(".")[0]) < LEAST_NUMPY:
            raise MissingExtraError(
                f"tracking needs numpy {LEAST_NUMPY}, and {np.__version__} is installed, as the extra "
                f"tflite-runtime asks for: {install('litert,track')}"
            )
        if not isinstance(config, PostprocessConfig | None):
            raise InputError(f"config must be a PostprocessConfig, but got {config!r}")
        try:
            import supervision
            from trackers import ByteTrackTracker
        except ImportError as error:
            raise missing_extra(error) or MissingExtraError(
                f"tracking cannot be loaded ({error}): {install('track')}"
            ) from None
        given = config or detector.config
        self._from = given.score_threshold
        lowest = min(self._from, max(LOW_SCORE, detector.layout.built_threshold or 0.0))
        self.config = given.replace(score_threshold=lowest)
        self._boxes: Any = supervision.Detections
        self._tracker: Any = ByteTrackTracker(
            lost_track_buffer=round(30 * LOST_S),  # counted in thirtieths of a second
            frame_rate=RATE,
            track_activation_threshold=self._from,
            high_conf_det_threshold=self._from,
        )
        self._time_s: float | None = None

    def update(self, found: Detections, time_s: float) -> TrackedDetections:
        """Follow the objects into the next frame.

        Parameters
        ----------
        found
            All of the frame, found with `config`.
        time_s
            Its time; one that does not rise counts as a thousandth of a second after the last.

        Returns
        -------
        TrackedDetections
            Those above the score threshold.
        """
        if self._time_s is not None:
            time_s = max(time_s, self._time_s + TINY_S)
        self._time_s = time_s
        boxes = self._boxes(
            xyxy=found.boxes.astype(np.float64),
            confidence=found.scores.astype(np.float64),
            data={"row": np.arange(len(found))},
        )
        ids = np.full(len(found), NO_TRACK, np.int64)
        tracked = self._tracker.update(boxes, timestamp=time_s)
        if len(tracked):
            ids[tracked.data["row"]] = tracked.tracker_id
        whole = TrackedDetections(found.boxes, found.scores, found.classes, found.labels, ids)
        return whole[found.scores > self._from]
