"""Write frames into an MP4 with their own time stamps."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av
import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError
from edge_edet.output_files import VIDEO_COMMENT

if TYPE_CHECKING:
    from av.video.stream import VideoStream
    from PIL.Image import Image as PilImage

__all__ = ["VideoWriter"]

TICKS = 90_000  # a second in the file's time base, as in MPEG
# x264 plays everywhere; PyAV's wheels have it
CODEC: Literal["libx264"] = "libx264"
OPTIONS = {"preset": "veryfast", "crf": "23"}


class VideoWriter:
    """Write pictures of one size into an MP4. Use as a context manager: leaving it completes the file.

    Parameters
    ----------
    path
        Written in place: give a temporary one.
    comment
        In the file's description, which tells what may be replaced by the same command.

    Raises
    ------
    InputError
        PyAV was built without the encoder.
    """

    def __init__(self, path: Path, *, comment: str = VIDEO_COMMENT):
        if CODEC not in av.codecs_available:
            raise InputError(
                f"this PyAV {av.__version__} has no {CODEC}, which --draw encodes with: "
                "install PyAV's own wheel"
            )
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = comment
        self._stream: VideoStream = self._container.add_stream(CODEC, options=dict(OPTIONS))
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, TICKS)
        self._size: tuple[int, int] | None = None
        self._last = -1
        self._start = 0.0

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def empty(self) -> bool:
        """Whether no picture was added yet."""
        return self._size is None

    def add(self, picture: PilImage, time_s: float) -> None:
        """Append a picture; time_s must not fall. Sides that are odd get one more row or column of black.

        Parameters
        ----------
        picture
            In RGB.
        time_s
            Seconds since the first one; must not fall.

        Raises
        ------
        InputError
            The picture has another size than the first one.
        """
        if self._size is None:
            self._size = picture.size
            self._start = time_s
            self._stream.width, self._stream.height = (side + side % 2 for side in picture.size)
        if picture.size != self._size:
            raise InputError(
                f"the frames change from {self._size[0]} x {self._size[1]} to {picture.size[0]} x "
                f"{picture.size[1]} pixels at {time_s:.2f} s, and one MP4 holds one size: "
                "the drawing ends there"
            )
        frame = av.VideoFrame.from_ndarray(_even(np.asarray(picture)), format="rgb24")
        frame.pts = self._last = max(self._last + 1, round((time_s - self._start) * TICKS))
        frame.time_base = Fraction(1, TICKS)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what is left and complete the file."""
        if self._size is not None:
            self._container.mux(self._stream.encode())
        self._container.close()


def _even(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)))
    return np.ascontiguousarray(pixels)
