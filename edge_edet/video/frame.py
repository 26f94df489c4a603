"""One frame of a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Frame"]


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video, upright.

    Attributes
    ----------
    number
        Counted from 0 over all frames of the source, also those that were left out or dropped.
    time_s
        Time stamp of the stream in seconds.
    image
        [height, width, 3] uint8 RGB, turned upright as the file says.
    captured_s
        `time.monotonic()` when the frame came out of the decoder.
    """

    number: int
    time_s: float
    image: npt.NDArray[np.uint8]
    captured_s: float
