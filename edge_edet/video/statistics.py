"""How a stream does: frames per second, delay from capture to boxes, frames dropped."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

__all__ = ["StreamStatistics"]

RECENT = 1000  # frames that the percentiles are taken over: memory stays bounded
RECENT_RATE_S = 5.0  # seconds that the rate is taken over


@dataclass
class StreamStatistics:
    """Counts and times of a running stream.

    Attributes
    ----------
    frames
        Frames that were inferred on.
    dropped
        Frames of a live source that came while the detector was busy, and were replaced by a newer one.
    objects
        Detections in all frames.
    last_delay_s
        Time until the last frame's boxes were there: from its capture; of a file, whose frames are prepared
        ahead, that of its inference and of selecting the boxes.
    """

    frames: int = 0
    dropped: int = 0
    objects: int = 0
    last_delay_s: float = 0.0
    _begun: float = field(default_factory=time.monotonic)
    _delays: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    _ends: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def add(self, taken_s: float, objects: int) -> None:
        """Count a frame whose boxes are there now; the delay began at taken_s of `time.monotonic()`.

        Parameters
        ----------
        taken_s
            Seconds of `time.monotonic()` when the frame was taken.
        objects
            How many were found.
        """
        now = time.monotonic()
        self.last_delay_s = now - taken_s
        self.frames += 1
        self.objects += objects
        self._delays.append(self.last_delay_s)
        self._ends.append(now)

    def rate(self) -> float:
        """Frames per second over the last seconds, 0 before the second frame.

        Returns
        -------
        float
            Frames per second.
        """
        ends = [one for one in self._ends if one >= self._ends[-1] - RECENT_RATE_S]
        return (len(ends) - 1) / (ends[-1] - ends[0]) if len(ends) > 1 else 0.0

    def total_rate(self) -> float:
        """Frames per second since the start.

        Returns
        -------
        float
            Frames per second.
        """
        if not self._ends:
            return 0.0
        return self.frames / max(self._ends[-1] - self._begun, 1e-9)

    def delay_ms(self, percent: float) -> float:
        """Percentile of the delays in ms, over the last 1000 frames.

        Parameters
        ----------
        percent
            From 0 to 100.

        Returns
        -------
        float
            Milliseconds.
        """
        return 1e3 * float(np.percentile(self._delays, percent)) if self._delays else 0.0
