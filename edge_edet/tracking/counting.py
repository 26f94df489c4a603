"""Counts the tracks that cross a line, and those that enter, stay in and leave a zone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edge_edet.errors import InputError
from edge_edet.terminal import shown
from edge_edet.tracking.tracked import NO_TRACK, TrackedDetections

__all__ = ["Counting", "Event", "Line", "Zone", "line_of", "read_zones"]

Point = tuple[float, float]
FORGET_S = 2.0  # a track that is not seen for so long has left; the tracker itself waits one second
MAX_ZONE_BYTES = 2**20


@dataclass(frozen=True)
class Event:
    """What a track did in one frame.

    Attributes
    ----------
    what
        "crossed" a line; "entered" or "left" a zone.
    where
        The line as it was given, or the zone's name.
    track_id
        Which track.
    to
        Of a line: to its "left" or "right", as seen from its first point towards the second.
    stay_s
        Of a zone that was left: seconds from entering to where the track was last seen in it.
    """

    what: Literal["crossed", "entered", "left"]
    where: str
    track_id: int
    to: Literal["left", "right"] | None = None
    stay_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict of what is known, keys as the fields.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass
class Line:
    """A line from one point to another, in pixels; both directions are counted.

    A track crosses when the middle of its box does, between the line's ends.

    Attributes
    ----------
    name
        What it is called.
    start
        X and y, in pixels.
    end
        X and y, in pixels.
    left
        Crossings to the left, so far.
    right
        Crossings to the right, so far.
    """

    name: str
    start: Point
    end: Point
    left: int = 0
    right: int = 0
    _last: dict[int, tuple[Point, float]] = field(
        default_factory=dict
    )  # where it was, off the line

    def update(self, track: int, place: Point, time_s: float) -> Iterator[Event]:
        """Note where a track is; yields an event where it crossed.

        Parameters
        ----------
        track
            Its id.
        place
            X and y of the middle of its box, in pixels.
        time_s
            Of the frame, in seconds.

        Yields
        ------
        Event
            The crossing.
        """
        side = _side(self.start, self.end, place)
        before = self._last.get(track)
        if side == 0:  # on the line: it counts where it is next
            return
        self._last[track] = (place, time_s)
        if before is None or _side(self.start, self.end, before[0]) * side > 0:
            return
        if _side(before[0], place, self.start) * _side(before[0], place, self.end) > 0:
            return  # past an end of the line
        if side > 0:
            self.right += 1
        else:
            self.left += 1
        yield Event("crossed", self.name, track, to="right" if side > 0 else "left")

    def forget(self, before_s: float) -> Iterator[Event]:
        """Drop tracks that were last seen before that time; a line yields nothing for it.

        Parameters
        ----------
        before_s
            Time in seconds.

        Returns
        -------
        Iterator[Event]
            Nothing.
        """
        self._last = {one: last for one, last in self._last.items() if last[1] >= before_s}
        return iter(())

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, JSON-ready.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return {"line": self.name, "left": self.left, "right": self.right}

    def text(self) -> str:
        """Return the counts in words.

        Returns
        -------
        str
            A few words.
        """
        return f"line {self.name}: {self.left} to the left, {self.right} to the right"


@dataclass
class Zone:
    """A polygon in pixels. A track is inside when the middle of its box is.

    Attributes
    ----------
    name
        What it is called.
    corners
        X and y of each, in pixels.
    entered
        How many tracks came in, so far.
    stays
        How many stays ended, so far.
    total_stay_s
        Seconds of all stays that ended.
    longest_stay_s
        Seconds of the longest of them.
    """

    name: str
    corners: tuple[Point, ...]
    entered: int = 0
    stays: int = 0
    total_stay_s: float = 0.0
    longest_stay_s: float = 0.0
    _inside: dict[int, tuple[float, float]] = field(default_factory=dict)  # since, last seen inside

    def update(self, track: int, place: Point, time_s: float) -> Iterator[Event]:
        """Note where a track is; yields an event where it entered or left.

        Parameters
        ----------
        track
            Its id.
        place
            X and y of the middle of its box, in pixels.
        time_s
            Of the frame, in seconds.

        Yields
        ------
        Event
            Entering or leaving.
        """
        if _within(self.corners, place):
            if track not in self._inside:
                self.entered += 1
                yield Event("entered", self.name, track)
                self._inside[track] = (time_s, time_s)
            self._inside[track] = (self._inside[track][0], time_s)
        elif track in self._inside:
            yield self._leave(track)

    def forget(self, before_s: float) -> Iterator[Event]:
        """Let tracks leave that were last seen before that time.

        Parameters
        ----------
        before_s
            Time in seconds.

        Yields
        ------
        Event
            Leaving.
        """
        for track in [one for one, (_, last) in self._inside.items() if last < before_s]:
            yield self._leave(track)

    def _leave(self, track: int) -> Event:
        since, last = self._inside.pop(track)
        self.stays += 1
        self.total_stay_s += last - since
        self.longest_stay_s = max(self.longest_stay_s, last - since)
        return Event("left", self.name, track, stay_s=round(last - since, 6))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, JSON-ready; the mean is of stays that ended.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        mean = self.total_stay_s / self.stays if self.stays else None
        return {
            "zone": self.name,
            "inside": len(self._inside),
            "entered": self.entered,
            "left": self.stays,
            "mean_stay_s": None if mean is None else round(mean, 6),
            "longest_stay_s": round(self.longest_stay_s, 6) if self.stays else None,
        }

    def text(self) -> str:
        """Return the counts in words.

        Returns
        -------
        str
            A few words.
        """
        told = f"zone {self.name}: {self.entered} entered, {self.stays} left"
        if self.stays:
            mean = self.total_stay_s / self.stays
            told += f" after {mean:.1f} s on average, at most {self.longest_stay_s:.1f} s"
        return f"{told}; {len(self._inside)} inside"


class Counting:
    """All lines and zones of a video.

    Parameters
    ----------
    places
        Lines and zones; they hold the counts.
    """

    def __init__(self, places: Sequence[Line | Zone]):
        self.places = tuple(places)

    def update(self, found: TrackedDetections, time_s: float) -> list[Event]:
        """Count what happened since the frame before; boxes without an id do not count.

        Parameters
        ----------
        found
            Objects of the frame, with their tracks.
        time_s
            Of the frame, in seconds.

        Returns
        -------
        list[Event]
            What happened, in the order of the places.
        """
        events: list[Event] = []
        middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        for place in self.places:
            for track, (x, y) in zip(found.ids.tolist(), middles.tolist(), strict=True):
                if track != NO_TRACK:
                    events += place.update(track, (x, y), time_s)
            events += place.forget(time_s - FORGET_S)
        return events

    def outside(self, width: int, height: int) -> list[str]:
        """Return the names of lines and zones that no object can reach, as they are not in the picture.

        Parameters
        ----------
        width
            Of the frames, in pixels.
        height
            Of the frames, in pixels.

        Returns
        -------
        list[str]
            Such as "line 700,0,700,480"; none that reaches into the picture.
        """
        names = []
        for place in self.places:
            corners = (place.start, place.end) if isinstance(place, Line) else place.corners
            across, down = zip(*corners, strict=True)
            if max(across) < 0 or max(down) < 0 or min(across) > width or min(down) > height:
                names.append(f"{'line' if isinstance(place, Line) else 'zone'} {place.name}")
        return names

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the counts of each place so far, JSON-ready.

        Returns
        -------
        list[dict[str, Any]]
            One dict for each place.
        """
        return [place.to_dict() for place in self.places]


def line_of(text: str) -> Line:
    """Read a line as it is given: x1,y1,x2,y2 in pixels.

    Parameters
    ----------
    text
        As given.

    Returns
    -------
    Line
        The line, with counts of 0.

    Raises
    ------
    InputError
        The text is not four numbers, or the two points are one.
    """
    try:
        x1, y1, x2, y2 = (float(one) for one in text.split(","))
        good = all(map(math.isfinite, (x1, y1, x2, y2))) and (x1, y1) != (x2, y2)
    except ValueError:
        good = False
    if not good:
        raise InputError(
            f"--count-line must be x1,y1,x2,y2, two points in pixels, but got {shown(text)!r}"
        )
    return Line(text, (x1, y1), (x2, y2))


def read_zones(path: Path) -> list[Zone]:
    """Read a file of zones: a JSON object of name -> [[x, y], ...], at least three corners in pixels.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    list[Zone]
        The zones, with counts of 0.

    Raises
    ------
    InputError
        The file cannot be read, or holds something else.
    """
    expected = 'expected {"door": [[10, 20], [300, 20], [300, 200]], ...}'
    try:
        data = path.read_bytes()[: MAX_ZONE_BYTES + 1]
        if len(data) > MAX_ZONE_BYTES:
            raise InputError(
                f"{str(path)!r} is no file of zones: it has more than 1 MB; {expected}"
            )
        document = json.loads(data, object_pairs_hook=_once)
    except OSError as error:
        raise InputError(
            f"cannot read {str(path)!r}: {(error.strerror or str(error)).lower()}"
        ) from None
    except _TwiceError as error:
        raise InputError(
            f"zone {shown(str(error))!r} stands twice in {str(path)!r}: give each zone its own name"
        ) from None
    except (ValueError, RecursionError):
        raise InputError(f"{str(path)!r} is no file of zones: it is no JSON; {expected}") from None
    if not isinstance(document, dict) or not document:
        raise InputError(f"{str(path)!r} is no file of zones: {expected}")
    return [Zone(name, _corners(path, name, corners)) for name, corners in document.items()]


def _corners(path: Path, name: str, corners: Any) -> tuple[Point, ...]:
    pairs = isinstance(corners, list) and all(
        isinstance(one, list)
        and len(one) == 2
        and all(type(x) in (int, float) and math.isfinite(x) and abs(x) < 1e9 for x in one)
        for one in corners
    )
    if not pairs or len({tuple(one) for one in corners}) < 3:
        raise InputError(
            f"zone {shown(name)!r} of {str(path)!r} must be at least three corners [x, y] in pixels, but is "
            f"{shown(json.dumps(corners))[:60]}"
        )
    places = [(float(x), float(y)) for x, y in corners]
    other = next(one for one in places if one != places[0])
    if not any(_side(places[0], other, one) for one in places):
        raise InputError(
            f"zone {shown(name)!r} of {str(path)!r} has all its corners on one line: nothing can be in it"
        )
    return tuple(places)


class _TwiceError(Exception):
    """A name that stands twice in a JSON object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            raise _TwiceError(name)
        seen[name] = value
    return seen


def _side(start: Point, end: Point, place: Point) -> float:
    """Return above 0 right of the line, below 0 left of it, 0 on it; y counts downwards."""
    return (end[0] - start[0]) * (place[1] - start[1]) - (end[1] - start[1]) * (place[0] - start[0])


def _within(corners: Sequence[Point], place: Point) -> bool:
    """Whether a point is in a polygon: a ray to the right meets its sides an odd number of times."""
    x, y = place
    ends = np.roll(np.asarray(corners), -1, axis=0).tolist()
    inside = False
    for (x1, y1), (x2, y2) in zip(corners, ends, strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside
