"""Detect on a video, a camera or a stream: frames in, frames with their detections out."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from numbers import Real
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edge_edet.detection import Detections, Detector, PostprocessConfig, ahead
from edge_edet.errors import InputError
from edge_edet.optional_packages import missing_extra
from edge_edet.tracking import Tracker
from edge_edet.video.frame import Frame
from edge_edet.video.source import SourceLike, VideoSource, as_source
from edge_edet.video.statistics import StreamStatistics

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_edet.detection import LetterboxTransform
    from edge_edet.video.decoding import Decoded, Decoder

__all__ = ["Stream", "stream"]


def _silent(line: str) -> None: ...


class Stream:
    """A running stream. Iterate for (frame, detections), also with `async for`; use as a context manager.

    A file's frames come all and in order, decoded and prepared while the one before is inferred on. Of a live
    source the newest frame is taken whenever the detector is free, so that the delay does not grow;
    `statistics.dropped` counts the others. A live source that breaks off is opened again, after 0.5 s and
    then ever longer up to 30 s.

    Attributes
    ----------
    statistics
        Rates, delays and counts so far.
    live
        Whether frames are dropped that come too fast.
    total
        Number of frames that a file says it has; 0 where it says none, and for live sources.
    """

    def __init__(
        self,
        source: SourceLike,
        detector: Detector,
        *,
        every: int = 1,
        max_fps: float | None = None,
        duration_s: float | None = None,
        config: PostprocessConfig | None = None,
        track: bool = False,
        say: Callable[[str], None] | None = None,
    ):
        whole = isinstance(every, Real) and every >= 1 and every % 1 == 0
        _check("every", every, whole, "a whole number from 1")
        _check("max_fps", max_fps, max_fps is None or _within(max_fps, 1e6), "above 0")
        _check("duration_s", duration_s, duration_s is None or _within(duration_s, 1e9), "above 0")
        if not isinstance(detector, Detector):
            raise InputError(
                f"detector must be what edge_edet.load returns, but got {type(detector).__name__}"
            )
        self._every, self._max_fps, self._duration_s = every, max_fps, duration_s
        self._detector, self._config, self._say = detector, config, say or _silent
        self._tracker = Tracker(detector, config) if track else None
        if self._tracker is not None:
            self._config = self._tracker.config
        self._source = as_source(source)
        self._decoder = _open(self._source)
        self.live, self.total = self._decoder.live, self._decoder.total
        self.statistics = StreamStatistics()
        self._cut_off: str | None = None
        self._reading = False
        self._items = self._run()
        self._working, self._closing = threading.Lock(), False

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and close the source; where another thread waits for a frame, after that one."""
        self._closing = True
        if not self._working.acquire(blocking=False):
            return  # `_next` closes
        try:
            self._items.close()
            if not self._reading:
                # else the thread that reads closes the source: FFmpeg's is not for two threads
                self._decoder.close()
        finally:
            self._working.release()

    @property
    def cut_off(self) -> str | None:
        """How a file that was read to its end is shorter than it says; None where it is whole."""
        return self._cut_off

    def __iter__(self) -> Generator[tuple[Frame, Detections], None, None]:
        return self._items

    def __next__(self) -> tuple[Frame, Detections]:
        return next(self._items)

    async def __aiter__(self) -> AsyncIterator[tuple[Frame, Detections]]:
        try:
            while (item := await asyncio.to_thread(self._next)) is not None:
                yield item
        finally:
            self.close()

    def _next(self) -> tuple[Frame, Detections] | None:
        """Return the next item, in a thread that is not stopped when who waits for it is."""
        with self._working:
            item = None if self._closing else next(self._items, None)
        if self._closing:  # meanwhile
            self.close()
        return item

    def _run(self) -> Generator[tuple[Frame, Detections], None, None]:
        self._reading = True
        if self.live:
            yield from self._of_newest()
            return
        yield from self._of_all()
        if self._decoder.number == 0:
            raise InputError(f"{self._source.name!r} holds no frame that can be decoded")

    def _of_newest(self) -> Generator[tuple[Frame, Detections], None, None]:
        """Detect on frames of a live source one by one: one prepared ahead would be older."""
        frames = self._newest()
        try:
            for one in frames:
                frame = one.frame()
                found = self._detector.detect(frame.image, config=self._config)
                if self._tracker is not None:
                    found = self._tracker.update(found, one.captured_s)
                self.statistics.add(one.captured_s, len(found))
                yield frame, found
        finally:
            frames.close()

    def _of_all(self) -> Generator[tuple[Frame, Detections], None, None]:
        """Detect on a file's frames: the next ones are decoded and prepared while one is inferred on."""
        results = ahead(self._all(), self._prepared, self._inferred)
        try:
            for frame, infer_s, outputs, placement in results:
                start_s = time.monotonic()
                found = self._detector.select(outputs, placement, config=self._config)
                if self._tracker is not None:
                    found = self._tracker.update(found, frame.time_s)
                self.statistics.add(start_s - infer_s, len(found))
                yield frame, found
        finally:
            results.close()

    def _prepared(self, one: Decoded) -> tuple[Frame, npt.NDArray[Any], LetterboxTransform]:
        frame = one.frame()
        return frame, *self._detector.prepare(frame.image)

    def _inferred(
        self, ready: tuple[Frame, npt.NDArray[Any], LetterboxTransform]
    ) -> tuple[Frame, float, dict[str, npt.NDArray[Any]], LetterboxTransform]:
        frame, tensor, placement = ready
        start_s = time.monotonic()
        outputs = self._detector.infer(tensor)
        return frame, time.monotonic() - start_s, outputs, placement

    def _newest(self) -> Generator[Decoded, None, None]:
        """Yield what --every and --max-fps leave of a live source, by the clock."""
        until = None if self._duration_s is None else time.monotonic() + self._duration_s
        following = time.monotonic()

        def dropped(count: int) -> None:
            self.statistics.dropped = count

        from edge_edet.video.live import newest_frames

        for one in newest_frames(self._decoder, self._say, dropped, until):
            if one.number % self._every or one.captured_s < following:
                continue
            if self._max_fps is not None:
                following = max(following, one.captured_s - 1 / self._max_fps) + 1 / self._max_fps
            yield one

    def _all(self) -> Generator[Decoded, None, None]:
        """Yield what --every, --max-fps and --duration leave of a file, by its time stamps.

        All of it is for one thread, also the end: FFmpeg's file is not for two.
        """
        first: float | None = None
        following = 0.0
        with self._decoder:
            for one in self._decoder:
                if first is None:
                    first = following = one.time_s
                if self._duration_s is not None and one.time_s - first >= self._duration_s:
                    return
                if one.number % self._every or one.time_s < following - 1e-6:
                    continue
                if self._max_fps is not None:
                    following = max(following, one.time_s - 1 / self._max_fps) + 1 / self._max_fps
                yield one
            self._cut_off = self._decoder.cut_off()


def stream(
    source: SourceLike,
    detector: Detector,
    *,
    every: int = 1,
    max_fps: float | None = None,
    duration_s: float | None = None,
    config: PostprocessConfig | None = None,
    track: bool = False,
    say: Callable[[str], None] | None = None,
) -> Stream:
    """Detect on a video file, a camera or a stream.

    `for frame, detections in edge_edet.stream("camera:0", detector)`.

    Parameters
    ----------
    source
        The path of a video, "camera:0" (V4L2), or an address rtsp://, http:// (MJPEG) or udp://.
    detector
        As `edge_edet.load` returns it; it stays open.
    every
        Take only every n-th frame of the source.
    max_fps
        Take at most this many frames a second: of a file by its time stamps, of a live source by the clock.
    duration_s
        Stop after so many seconds: of a file by its time stamps, of a live source by the clock.
    config
        Replaces the detector's own postprocessing.
    track
        Follow the objects: the detections are `edge_edet.tracking.TrackedDetections`, with `ids`.
    say
        Called, possibly in another thread, with one line when a live source breaks off and when it is back.

    Returns
    -------
    Stream
        Iterate over it, also with `async for`.

    Raises
    ------
    InputError
        The source is not there, may not be read, or holds no video; an option is out of its range.
    EdgeEdetError
        A server cannot be reached or refuses.
    MissingExtraError
        PyAV, or what tracks, is not installed: the message has the pip command.
    """
    return Stream(
        source,
        detector,
        every=every,
        max_fps=max_fps,
        duration_s=duration_s,
        config=config,
        track=track,
        say=say,
    )


def _open(source: VideoSource) -> Decoder:
    try:
        from edge_edet.video.decoding import Decoder
    except ImportError as error:
        raise missing_extra(error) or error from None
    return Decoder(source)


def _within(value: object, limit: float) -> bool:
    return isinstance(value, Real) and 0 < float(value) < limit


def _check(name: str, value: object, good: bool, expected: str) -> None:
    if not good:
        raise InputError(f"{name} must be {expected}, but got {value!r}")
