"""Open a source with PyAV (FFmpeg) and decode it frame by frame, with errors in one line."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.video.frame import Frame
from edge_edet.video.source import VideoSource

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Decoded", "Decoder"]

OPEN_S, READ_S = 10.0, 10.0  # the longest wait for an answer, and for the next packet
LOST_S = 1.0  # a file that ends earlier than it says by this much is cut off


@dataclass(frozen=True)
class Decoded:
    """A frame that is decoded and not yet turned into an array; fields as in `Frame`."""

    number: int
    time_s: float
    picture: VideoFrame
    captured_s: float

    def frame(self) -> Frame:
        """Convert to RGB by the frame's own colour space, and turn it upright."""
        array: npt.NDArray[np.uint8] = np.asarray(self.picture.to_ndarray(format="rgb24"), np.uint8)
        turns = round(self.picture.rotation / 90) % 4
        if turns:  # FFmpeg counts counterclockwise, as numpy does
            array = np.ascontiguousarray(np.rot90(array, turns))
        return Frame(self.number, self.time_s, array, self.captured_s)


class Decoder:
    """An open source; iterate once for its frames. Use as a context manager.

    Parameters
    ----------
    source
        What to open.

    Attributes
    ----------
    live
        Whether frames are lost that are not taken in time: a camera, or a stream without an end.
    total
        Number of frames that a file says it has, 0 where it says none.
    damaged
        Number of packets so far that could not be decoded.

    Raises
    ------
    InputError
        There is no such file or device, it may not be read, it holds no video, or its codec is not built into
        PyAV.
    EdgeEdetError
        The server cannot be reached or refuses.
    """

    def __init__(self, source: VideoSource):
        self.source = source
        _check_there(source)
        try:
            self._container: InputContainer = av.open(
                source.address,
                format=source.format,
                options=dict(source.options),
                timeout=(OPEN_S, READ_S) if source.kind == "network" else None,
            )
        except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
            raise _opening_error(source, error) from None
        try:
            self._stream = _video_stream(source, self._container)
        except BaseException:
            self._container.close()
            raise
        self._duration = self._container.duration
        self.live = (
            source.kind == "camera"
            or (source.kind == "network" and self._duration is None)
            or source.play_fps is not None
        )
        self._stream.thread_type = "SLICE" if self.live else "AUTO"  # frame threads add a delay
        self.total = self._stream.frames
        self.damaged = 0
        self.number = 0

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file or the connection."""
        self._container.close()

    def __iter__(self) -> Iterator[Decoded]:
        """Yield the frames in order; packets that cannot be decoded are counted and left out.

        Raises
        ------
        EdgeEdetError
            The connection breaks off, or the device stops.
        """
        last: float | None = None
        first: float | None = None
        rate = float(self._stream.average_rate or 25)
        begun_s = time.monotonic()
        try:
            for packet in self._container.demux(self._stream):
                try:
                    pictures = packet.decode()
                except av.error.InvalidDataError:
                    self.damaged += 1
                    continue
                for picture in pictures:
                    time_s = self.number / rate if picture.time is None else float(picture.time)
                    first = time_s if first is None else first
                    last = time_s
                    if self.source.play_fps is not None:
                        due_s = begun_s + self.number / self.source.play_fps
                        time.sleep(max(0.0, due_s - time.monotonic()))
                    yield Decoded(self.number, time_s, picture, time.monotonic())
                    self.number += 1
        except av.error.EOFError:
            pass
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise EdgeEdetError(_reason(error)) from None
        self._ended = (first, last, rate)

    def cut_off(self) -> str | None:
        """Say how a file that was read to its end is shorter than it says; None where it is whole."""
        first, last, rate = self._ended
        if self.total > self.number:
            return f"it says {self.total} frames and {self.number} can be decoded"
        says = self._duration
        if says is not None and last is not None and first is not None:
            seconds = says / av.time_base
            if seconds - (last - first + 1 / rate) > LOST_S:
                return f"it says {seconds:.1f} s and ends after {last - first:.1f} s"
        if self.damaged:
            return f"{self.damaged} of its packets cannot be decoded"
        return None


def _video_stream(source: VideoSource, container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise InputError(f"{source.name!r} holds no video: give a file or a stream with pictures")
    stream = container.streams.best("video") or container.streams.video[0]
    codec: Any = stream.codec_context
    if codec is None:
        raise InputError(
            f"the codec of {source.name!r} is not built into PyAV {av.__version__}: convert "
            "the video to H.264 first"
        )
    assert isinstance(stream, av.VideoStream)
    return stream


def _check_there(source: VideoSource) -> None:
    """Refuse a missing file or device, and one without permission, before FFmpeg sees it."""
    if source.kind == "network":
        return
    path = Path(source.address)
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        if source.kind == "file":
            raise InputError(f"cannot read {source.name!r}: {reason}") from None
        here = sorted(str(one) for one in Path("/dev").glob("video*"))
        raise InputError(
            f"there is no {source.name!r} ({source.address}: {reason}): "
            f"{'the system has ' + ', '.join(here[:8]) if here else 'the system has no /dev/video*'}"
        ) from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{source.name!r} is a folder: give one video, or pictures")
    if source.kind == "camera" and not stat.S_ISCHR(found.st_mode):
        raise InputError(f"{source.address!r} is no camera: it is no device")
    if not os.access(path, os.R_OK):
        if source.kind == "file":
            raise InputError(f"not allowed to read {source.name!r}: change its permissions")
        group = _group(found.st_gid)
        raise InputError(
            f"not allowed to use {source.address}, which is for the group {group!r}: "
            f"'sudo usermod -aG {group} $USER', then log in again"
        )


def _group(number: int) -> str:
    with contextlib.suppress(ImportError, KeyError):
        import grp

        return grp.getgrgid(number).gr_name
    return str(number)


def _opening_error(source: VideoSource, error: Exception) -> EdgeEdetError:
    if source.kind == "network":
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
            return EdgeEdetError(
                f"{source.name!r} refuses this user and password: "
                "write them as rtsp://USER:PASSWORD@HOST/..."
            )
        if isinstance(error, av.error.InvalidDataError | IndexError):
            return InputError(f"{source.name!r} sends no video that can be read")
        return EdgeEdetError(f"cannot open {source.name!r}: {_reason(error)}")
    if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):
        return EdgeEdetError(f"cannot open {source.name!r}: {_reason(error)}")
    what = "camera" if source.kind == "camera" else "video"
    return InputError(f"{source.name!r} is no {what} that can be read: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Return FFmpeg's reason without the address, which may hold a password."""
    if isinstance(error, av.error.ExitError):
        return f"no answer in {READ_S:.0f} s"
    text = getattr(error, "strerror", None) or (
        "no data" if isinstance(error, IndexError) else type(error).__name__
    )
    return str(text).lower()
