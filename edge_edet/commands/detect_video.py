"""`edge-edet detect` on a video, a camera or a stream: a line that is updated, JSON Lines, an MP4."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.output_files import DRAWN_VIDEO, Outputs
from edge_edet.terminal import INTERVAL_S, shown
from edge_edet.video import VideoSource, source_of

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from edge_edet.detection import Detections, Detector
    from edge_edet.publishing import HttpView, MqttPublisher
    from edge_edet.tracking import Event, Line, Zone
    from edge_edet.video import Frame, Stream, VideoWriter

__all__ = ["add_video_arguments", "refuse_video_options", "run_video", "video_of"]

TERMINAL_S = 0.25  # between two updates of the line
INTERRUPTED = 130
CUT_OFF = 2
HEADER = "   frame      s  frames/s  p50 ms  p90 ms  dropped  objects"
ROW_COLUMNS = 79
OBJECTS_COLUMNS = ROW_COLUMNS - HEADER.rindex("objects")
OPTIONS = ("every", "max_fps", "duration", "track", "count_line", "zone", "mqtt", "http_port")


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of videos, cameras and streams."""
    group = parser.add_argument_group("for a video, camera or stream")
    group.add_argument("--every", type=int, metavar="N", help="take only every N-th frame")
    group.add_argument(
        "--max-fps",
        type=float,
        metavar="X",
        help="take at most X frames a second: of a file by its time stamps, else by the clock",
    )
    group.add_argument(
        "--duration",
        type=float,
        metavar="S",
        help="stop after S seconds: of a file by its time stamps, else by the clock",
    )
    group.add_argument(
        "--track", action="store_true", help="give each object an id that stays from frame to frame"
    )
    group.add_argument(
        "--count-line",
        action="append",
        default=[],
        metavar="X1,Y1,X2,Y2",
        help="count the objects that cross this line, in pixels, each way; may be repeated; needs --track. "
        "Where the first number is negative: --count-line=-5,0,90,80",
    )
    group.add_argument(
        "--zone",
        type=Path,
        metavar="FILE",
        help='count the objects that enter, stay in and leave each zone of this file: JSON, {"door": '
        "[[X, Y], ...], ...}; needs --track",
    )
    group.add_argument(
        "--mqtt",
        metavar="HOST/TOPIC",
        help="publish each frame's JSON to this topic of an MQTT broker; with a user, "
        "mqtt://USER:PASSWORD@HOST:PORT/TOPIC",
    )
    group.add_argument(
        "--http-port",
        metavar="PORT",
        help="show the video with its boxes in browsers of this machine, http://127.0.0.1:PORT/; for "
        "others too, HOST:PORT with an address of this machine, or 0.0.0.0",
    )


def video_of(texts: list[str]) -> VideoSource | None:
    """Return the video source among the arguments of `detect`; None where all are pictures.

    Raises
    ------
    InputError
        There is a video source and something else.
    """
    sources = [source for source in map(source_of, texts) if source is not None]
    if not sources:
        return None
    if len(texts) > 1:
        raise InputError(
            f"a video, camera or stream is read alone, but {shown(texts[0])!r} and "
            f"{len(texts) - 1} more were given: start one command for each"
        )
    return sources[0]


def refuse_video_options(args: argparse.Namespace) -> None:
    """Refuse with InputError the options of videos where pictures are read."""
    if any("://" in one for one in args.images):
        return  # an address of another kind is refused as a picture, with what to do
    for name in OPTIONS:
        if getattr(args, name) not in (None, False, []):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} is for a video, camera or stream, and these are pictures")


def run_video(args: argparse.Namespace, source: VideoSource, detector: Detector) -> int:
    """Detect on the source until its end, --duration or Ctrl-C.

    Returns 0; 2 where a file is shorter than it says, after what can be read of it; 130 after Ctrl-C.
    """
    from edge_edet.detection import padding_note
    from edge_edet.video import stream

    follow = _follow(args)
    line = _Line(args.json, follow)
    status = 0
    outputs = Outputs([source.address], overwrite=args.overwrite, option="--draw")
    with (
        outputs,
        stream(
            source,
            detector,
            every=1 if args.every is None else args.every,
            max_fps=args.max_fps,
            duration_s=args.duration,
            track=args.track,
            say=line.say,
        ) as running,
        _drawing(args.draw, outputs) as writer,
        _publishing(args, source, line) as publishing,
    ):
        try:
            for frame, found in running:
                if follow is not None:
                    for note in follow.update(frame, found, _time_s(frame, running)):
                        line.say(note)
                line.show(source, frame, found, running)
                drawn = None
                if writer is not None or publishing.watched:
                    drawn = _drawn(frame, found, follow)
                if writer is not None and drawn is not None:
                    writer.add(drawn, _time_s(frame, running))
                if publishing.open:
                    publishing.publish(line.document(source, frame, found, running), drawn)
        except KeyboardInterrupt:
            status = INTERRUPTED
        except EdgeEdetError as error:  # what was drawn so far is kept
            line.end()
            print(f"edge-edet: error: {error}", file=sys.stderr)
            status = error.exit_status
    line.end()
    told = [_summary(source, running, args.draw), *(follow.lines() if follow else ())]
    print("\n".join(told), file=sys.stderr if args.json else sys.stdout)
    if note := padding_note(detector.info.padding, detector.info.variant):
        print(f"note: {note}", file=sys.stderr)
    if running.cut_off is not None and status == 0:
        print(
            f"edge-edet: error: {source.name!r} is cut off or damaged: {running.cut_off}; the frames "
            "up to there were used",
            file=sys.stderr,
        )
        status = CUT_OFF
    return status


@contextlib.contextmanager
def _drawing(path: Path | None, outputs: Outputs) -> Iterator[VideoWriter | None]:
    """Yield what writes the MP4, which gets its name when it is complete; None without --draw."""
    if path is None:
        yield None
        return
    if path.suffix.lower() != ".mp4":
        raise InputError(f"--draw must name a file .mp4 for a video, but got {str(path)!r}")
    from edge_edet.video import VideoWriter

    with outputs.making(path, DRAWN_VIDEO) as temporary, VideoWriter(temporary) as writer:
        yield writer
        if writer.empty:
            raise InputError(f"no frame was drawn, so {str(path)!r} was not written")


def _time_s(frame: Frame, running: Stream) -> float:
    """Return when a frame is: a live source by the clock, as its own starts anew when it comes back."""
    return frame.captured_s if running.live else frame.time_s


def _drawn(frame: Frame, found: Detections, follow: _Follow | None) -> PilImage:
    from PIL import Image

    from edge_edet.draw import draw
    from edge_edet.tracking import TrackedDetections

    image = Image.fromarray(frame.image)
    if follow is None or not isinstance(found, TrackedDetections):
        return draw(image, found)
    follow.trails.draw(image, follow.counting)
    return draw(image, found.named())


def _follow(args: argparse.Namespace) -> _Follow | None:
    """Return what follows the tracks; None without --track."""
    if not args.track:
        for option, value in (("--count-line", args.count_line), ("--zone", args.zone)):
            if value:
                raise InputError(f"{option} counts tracks: give --track too")
        return None
    from edge_edet.tracking import line_of, read_zones

    lines = [line_of(text) for text in args.count_line]
    return _Follow([*lines, *(read_zones(args.zone) if args.zone else ())])


class _Publishing:
    """What a frame is sent to beside the terminal and files."""

    def __init__(self, mqtt: MqttPublisher | None, view: HttpView | None):
        self._mqtt, self._view = mqtt, view

    @property
    def watched(self) -> bool:
        """Whether drawings are needed."""
        return self._view is not None and self._view.watched

    @property
    def open(self) -> bool:
        """Whether anything is published."""
        return self._mqtt is not None or self._view is not None

    def publish(self, message: str, drawn: PilImage | None) -> None:
        """Send a frame's JSON, and its drawing."""
        if self._mqtt is not None:
            self._mqtt.publish(message)
        if self._view is not None:
            self._view.publish(message, drawn)


@contextlib.contextmanager
def _publishing(
    args: argparse.Namespace, source: VideoSource, line: _Line
) -> Iterator[_Publishing]:
    """Yield what --mqtt and --http-port publish to, and say what was not sent at the end."""
    from edge_edet.publishing import HttpView, MqttPublisher, http_address, mqtt_address

    to = mqtt_address(args.mqtt) if args.mqtt is not None else None
    at = http_address(args.http_port) if args.http_port is not None else None
    with contextlib.ExitStack() as stack:
        view = stack.enter_context(HttpView(at, source.name)) if at is not None else None
        mqtt = stack.enter_context(MqttPublisher(to, line.say)) if to is not None else None
        if view is not None:
            line.say(f"the video is shown at {view.url}")
        yield _Publishing(mqtt, view)
    if mqtt is not None and mqtt.dropped:
        line.say(f"{mqtt.dropped} frames were not published")


class _Follow:
    """What the tracks did: their trails, and what they crossed."""

    def __init__(self, places: list[Line | Zone]):
        from edge_edet.tracking import Counting, Trails

        self.trails, self.counting = Trails(), Counting(places)
        self._events: list[Event] = []
        self._size: tuple[int, int] | None = None

    def update(self, frame: Frame, found: Detections, time_s: float) -> Iterator[str]:
        """Note the frame.

        Returns what is to be said of lines and zones that do not fit the frames.
        """
        from edge_edet.tracking import TrackedDetections

        assert isinstance(found, TrackedDetections)
        self.trails.add(found, time_s)
        self._events = self.counting.update(found, time_s)
        height, width = frame.image.shape[:2]
        before, self._size = self._size, (width, height)
        return iter(()) if before == self._size else self._fit(before)

    def _fit(self, before: tuple[int, int] | None) -> Iterator[str]:
        assert self._size is not None
        now = f"{self._size[0]} x {self._size[1]} pixels"
        if before is not None and self.counting.places:
            yield (
                f"the frames change from {before[0]} x {before[1]} to {now}: lines and zones stay as "
                "they were given"
            )
        for name in self.counting.outside(*self._size):
            yield f"{name} is outside of the frames of {now}, and counts nothing"

    def document(self) -> dict[str, Any]:
        """Return what --json adds to a frame."""
        if not self.counting.places:
            return {}
        return {
            "events": [event.to_dict() for event in self._events],
            "counts": self.counting.to_dicts(),
        }

    def lines(self) -> Iterator[str]:
        """Yield the counts in words."""
        return (place.text() for place in self.counting.places)


class _Line:
    """What is printed of a running stream."""

    def __init__(self, as_json: bool, follow: _Follow | None):
        self._as_json = as_json
        self._follow = follow
        self._terminal = sys.stdout is not None and sys.stdout.isatty()
        self._interval_s = TERMINAL_S if self._terminal else INTERVAL_S
        self._printed = time.monotonic()
        self._open = False
        self._header = False

    def say(self, text: str) -> None:
        """Print one line of what happens to the source; called from its thread too."""
        self.end()
        print(f"note: {text}", file=sys.stderr, flush=True)

    def show(self, source: VideoSource, frame: Frame, found: Detections, running: Stream) -> None:
        """Print the frame's JSON, or update the line when it is time."""
        if self._as_json:
            print(self.document(source, frame, found, running), flush=True)
            return
        now = time.monotonic()
        if now - self._printed < self._interval_s:
            return
        self._printed = now
        columns = (
            min(ROW_COLUMNS, shutil.get_terminal_size().columns - 1)
            if self._terminal
            else ROW_COLUMNS
        )
        if not self._header:
            print(HEADER[:columns])
            self._header = True
        row = _row(frame, found, running)
        if self._terminal:  # a row that wraps could not be updated
            print(f"\r{row[:columns]:<{columns}}", end="", flush=True)
            self._open = True
        else:
            print(row, flush=True)

    def document(
        self, source: VideoSource, frame: Frame, found: Detections, running: Stream
    ) -> str:
        """Return the frame's JSON, in one line."""
        document = _document(source, frame, found, running)
        if self._follow is not None:
            document.update(self._follow.document())
        return json.dumps(document, ensure_ascii=False)

    def end(self) -> None:
        """End the line that is updated."""
        if self._open:
            print(flush=True)
            self._open = False


def _row(frame: Frame, found: Detections, running: Stream) -> str:
    numbers = running.statistics
    counts = Counter(found.labels).most_common()
    objects = ", ".join(f"{count} {' '.join(label.split())}" for label, count in counts) or "none"
    if len(objects) > OBJECTS_COLUMNS:
        objects = f"{len(found)}"
    return (
        f"{frame.number:>8} {frame.time_s:>6.1f} {numbers.rate():>9.1f} {numbers.delay_ms(50):>7.1f} "
        f"{numbers.delay_ms(90):>7.1f} {numbers.dropped:>8}  {shown(objects)}"
    )


def _document(
    source: VideoSource, frame: Frame, found: Detections, running: Stream
) -> dict[str, Any]:
    """Return what --json prints for one frame."""
    height, width = frame.image.shape[:2]
    return {
        "source": source.name,
        "frame": frame.number,
        "time_s": round(frame.time_s, 6),
        "width": width,
        "height": height,
        "delay_ms": round(1e3 * running.statistics.last_delay_s, 3),
        "dropped": running.statistics.dropped,
        "detections": found.to_dicts(),
    }


def _summary(source: VideoSource, running: Stream, drawn: Path | None) -> str:
    numbers = running.statistics
    frames = f"{numbers.frames} frame{'' if numbers.frames == 1 else 's'}"
    text = (
        f"{source.name}: {frames}, {numbers.objects} objects, {numbers.total_rate():.1f} frames/s"
    )
    if numbers.frames:
        text += (
            f", {'from capture to boxes' if running.live else 'each'} p50 {numbers.delay_ms(50):.1f} ms, "
            f"p90 {numbers.delay_ms(90):.1f} ms"
        )
    if running.live:
        text += f", {numbers.dropped} frames dropped"
    if drawn is not None and numbers.frames:
        text += f"; drawn in {drawn}"
    return text
