"""The whole pipeline on a video: how many frames a second it sustains, and what it drops of a camera."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_edet.errors import InputError

if TYPE_CHECKING:
    from edge_edet.detection import Detector
    from edge_edet.video import VideoSource

__all__ = ["CAMERA_FPS", "StreamBench", "bench_stream"]

CAMERA_FPS = 30.0
PERCENTILES = (50, 90, 99)
LEAST_FRAMES = 10
WARM_UP_FRAMES = 3


@dataclass(frozen=True)
class StreamBench:
    """What a model does with a video.

    Attributes
    ----------
    frames
        Frames of the file.
    fps
        Frames a second when all are taken, one after the other: decoding, preparing, inference, selection.
    frame_ms
        Percentile -> milliseconds of inference and selection of a frame in that run.
    camera_fps
        Frames a second of the file when it is played as a camera would send it.
    taken
        Frames of those that were detected on.
    dropped
        Frames that came while the detector was busy.
    delay_ms
        Percentile -> milliseconds from the capture to the boxes of the frames that were taken.
    """

    frames: int
    fps: float
    frame_ms: dict[int, float]
    camera_fps: float
    taken: int
    dropped: int
    delay_ms: dict[int, float]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict, keys as the fields, percentiles as "p50".

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        plain = dataclasses.asdict(self)
        for name in ("frame_ms", "delay_ms"):
            plain[name] = {f"p{one}": round(ms, 3) for one, ms in plain[name].items()}
        return {**plain, "fps": round(self.fps, 3)}


def bench_stream(path: Path, detector: Detector, *, camera_fps: float = CAMERA_FPS) -> StreamBench:
    """Detect on a video twice: as fast as it goes, and as a camera sends it.

    Parameters
    ----------
    path
        A video file.
    detector
        What detects; it runs on the first frames before anything is timed.
    camera_fps
        Of the second run.

    Returns
    -------
    StreamBench
        Rates and delays of both runs.

    Raises
    ------
    InputError
        The file cannot be read, is cut off, or has too few frames.
    """
    from edge_edet.video import VideoSource, stream

    source = VideoSource("file", str(path), str(path))
    with stream(source, detector) as running:
        for number, _ in enumerate(running, 1):
            if number == WARM_UP_FRAMES:
                break
    delays: list[float] = []
    begun_s = time.perf_counter()
    with stream(source, detector) as running:
        for _ in running:
            delays.append(1e3 * running.statistics.last_delay_s)
    took_s = time.perf_counter() - begun_s
    if running.cut_off is not None:
        raise InputError(
            f"{str(path)!r} is cut off or damaged: {running.cut_off}; give a whole video"
        )
    if len(delays) < LEAST_FRAMES:
        raise InputError(
            f"{str(path)!r} has {len(delays)} frames, and --stream-source needs at least {LEAST_FRAMES}: "
            "give a longer video"
        )
    taken, dropped, camera_ms = _as_camera(source, detector, camera_fps, len(delays))
    return StreamBench(
        frames=len(delays),
        fps=len(delays) / took_s,
        frame_ms=_percentiles(delays),
        camera_fps=camera_fps,
        taken=taken,
        dropped=dropped,
        delay_ms=_percentiles(camera_ms),
    )


def _as_camera(
    source: VideoSource, detector: Detector, fps: float, frames: int
) -> tuple[int, int, list[float]]:
    from edge_edet.video import stream

    delays: list[float] = []
    with stream(dataclasses.replace(source, play_fps=fps), detector) as running:
        for _ in running:
            delays.append(1e3 * running.statistics.last_delay_s)
    return len(delays), frames - len(delays), delays


def _percentiles(values: list[float]) -> dict[int, float]:
    return dict(zip(PERCENTILES, np.percentile(values, PERCENTILES).tolist(), strict=True))
