"""Draws where tracks came from, and the lines and zones that are counted."""

from __future__ import annotations

import colorsys
from collections import deque
from typing import TYPE_CHECKING

from PIL import ImageDraw

from edge_edet.tracking.counting import Counting, Line
from edge_edet.tracking.tracked import NO_TRACK, TrackedDetections

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["Trails"]

TRAIL_S = 3.0  # how long a trail reaches back
MOST_POINTS = 200  # of one trail: memory stays bounded
GOLDEN_ANGLE = 0.381966  # neighbouring ids get hues far apart
PLACE_COLOUR = (255, 255, 255)


class Trails:
    """The last places of each track."""

    def __init__(self) -> None:
        self._places: dict[int, deque[tuple[float, float, float]]] = {}

    def add(self, found: TrackedDetections, time_s: float) -> None:
        """Note where the tracks are.

        Parameters
        ----------
        found
            Objects of the frame, with their tracks.
        time_s
            Of the frame, in seconds.
        """
        middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        for track, (x, y) in zip(found.ids.tolist(), middles.tolist(), strict=True):
            if track != NO_TRACK:
                self._places.setdefault(track, deque(maxlen=MOST_POINTS)).append((time_s, x, y))
        for track in list(self._places):
            places = self._places[track]
            while places and places[0][0] < time_s - TRAIL_S:
                places.popleft()
            if not places:
                del self._places[track]

    def draw(self, picture: PilImage, counting: Counting | None = None) -> None:
        """Draw the trails, and the lines and zones, into an RGB picture.

        Parameters
        ----------
        picture
            Changed in place.
        counting
            Its lines and zones are drawn too; None: none.
        """
        canvas = ImageDraw.Draw(picture)
        width = max(2, max(picture.size) // 320)
        for place in counting.places if counting else ():
            if isinstance(place, Line):
                canvas.line((place.start, place.end), fill=PLACE_COLOUR, width=width)
            else:
                canvas.line((*place.corners, place.corners[0]), fill=PLACE_COLOUR, width=width)
        for track, places in self._places.items():
            if len(places) > 1:
                hue = (track * GOLDEN_ANGLE) % 1.0
                red, green, blue = (round(255 * one) for one in colorsys.hsv_to_rgb(hue, 0.9, 0.8))
                canvas.line([(x, y) for _, x, y in places], fill=(red, green, blue), width=width)
