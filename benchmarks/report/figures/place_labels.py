"""Place labels beside their points so that none covers another or a point, or leaves the axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Box", "Wanted", "place_labels"]


class Box(NamedTuple):
    """A rectangle in pixels, y upwards."""

    x0: float
    y0: float
    x1: float
    y1: float

    def overlaps(self, other: Box) -> bool:
        """Return whether the two have a common area."""
        return (
            self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1
        )

    def inside(self, other: Box) -> bool:
        """Return whether this one lies within the other."""
        return (
            self.x0 >= other.x0
            and self.x1 <= other.x1
            and self.y0 >= other.y0
            and self.y1 <= other.y1
        )


@dataclass(frozen=True)
class Wanted:
    """The size of a label and the point that it names, in pixels."""

    x: float
    y: float
    width: float
    height: float


# directions from the point, the best first; then the same farther out, with a line to the point
SIDES = ((0, 1), (1, 0), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
GAPS = (1.0, 1.9, 3.5, 5.5)


def place_labels(
    wanted: Sequence[Wanted],
    taken: Sequence[Box],
    path: Sequence[tuple[float, float]],
    bounds: Box,
    gap: float,
) -> list[Box | None]:
    """Return a box for each label; None where no place is free, so that the label is left out.

    Parameters
    ----------
    taken
        Boxes that must stay free of labels.
    path
        Points of lines, which are avoided where possible.
    bounds
        Labels stay within it.
    gap
        Distance from the point, in pixels.
    """
    full = list(taken)
    placed: list[Box | None] = []
    for label in wanted:
        free = [
            box
            for box in _places(label, gap)
            if box.inside(bounds) and not any(box.overlaps(other) for other in full)
        ]
        best = min(free, key=lambda box: _crossed(box, path), default=None)
        if best is not None:
            full.append(best)
        placed.append(best)
    return placed


def _places(label: Wanted, gap: float) -> list[Box]:
    made = []
    for factor in GAPS:
        for right, up in SIDES:
            away = gap * factor * (0.8 if right and up else 1.0)
            x = label.x + right * (away + label.width / 2)
            y = label.y + up * (away + label.height / 2)
            made.append(
                Box(
                    x - label.width / 2,
                    y - label.height / 2,
                    x + label.width / 2,
                    y + label.height / 2,
                )
            )
    return made


def _crossed(box: Box, path: Sequence[tuple[float, float]]) -> int:
    return sum(box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1 for x, y in path)
