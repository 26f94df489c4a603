"""Read lines of YOLO label files: boxes, polygons, oriented boxes, and boxes with keypoints.

`class x y w h` is a box around its centre, in fractions of the picture. `class x1 y1 x2 y2 x3 y3 ...` is
a polygon; its object is the box around its points, as in Ultralytics and yolov7. The four corners of an
oriented box are such a polygon. Only kpt_shape in data.yaml distinguishes keypoints after a box from a
polygon with as many numbers; a line that may be either is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.files import read_lines
from edge_edet.errors import InputError

__all__ = ["Line", "boxes_of", "read_label_file"]

SLACK = 1e-3  # for fractions written with few digits
HINT = "if they are keypoints, state kpt_shape in data.yaml"
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Line:
    """One object of a label file.

    Attributes
    ----------
    where
        File and line, for messages.
    values
        All numbers after the class.
    """

    where: str
    category: int
    values: tuple[float, ...]


def read_label_file(file: Path) -> list[Line]:
    """Read the lines that are not empty.

    Raises
    ------
    InputError
        A line is not made of numbers.
    """
    lines = []
    for number, text in enumerate(read_lines(file), 1):
        if not text:
            continue
        where = f"{str(file)!r} line {number}"
        try:
            category, *values = (float(field) for field in text.split())
        except ValueError:
            category, values = math.nan, []
        if not (math.isfinite(category) and category == int(category)):
            shown = text if len(text) <= 60 else text[:60] + "..."
            raise InputError(f"{where} must be numbers 'class x y w h', but is {shown!r}")
        lines.append(Line(where, int(category), tuple(values)))
    return lines


def boxes_of(
    files: Sequence[Sequence[Line]], keypoints: tuple[int, int] | None
) -> tuple[list[list[Box]], dict[str, int]]:
    """Return the boxes of each file and notes on polygons and keypoints.

    Parameters
    ----------
    files
        The lines of each file.
    keypoints
        (points, numbers per point) after each box, from kpt_shape; None for no keypoints.

    Returns
    -------
    boxes, notes
        Boxes are x y width height from the upper left corner, in fractions of the picture.

    Raises
    ------
    InputError
        A line is none of these, or keypoints and polygons cannot be distinguished.
    """
    if keypoints is None:
        _refuse_unsure([line for lines in files for line in lines])
    polygons = 0
    found: list[list[Box]] = []
    for lines in files:
        boxes = []
        for line in lines:
            is_polygon = keypoints is None and len(line.values) >= 6 and len(line.values) % 2 == 0
            polygons += is_polygon
            boxes.append(_around(line) if is_polygon else _box(line, keypoints))
        found.append(boxes)
    notes = {"polygons, of which the box around their points is used": polygons}
    if keypoints is not None:
        notes["objects with keypoints, of which only the box is used"] = sum(map(len, found))
    return found, notes


def _box(line: Line, keypoints: tuple[int, int] | None) -> Box:
    values, n = line.values, len(line.values)
    with_points = 4 + math.prod(keypoints) if keypoints is not None else 4
    if n == 5 and keypoints is None:
        raise InputError(
            f"{line.where} has 6 numbers, but expected 5: class x y w h. The sixth may be the score of "
            "a prediction, a track or an angle: give labels without it"
        )
    if n not in (4, with_points):
        raise InputError(f"{line.where} has {n + 1} numbers, {_expected(n, keypoints)}")
    if keypoints is None or n == 4:
        _check_fractions(line, values)
    else:
        _check_fractions(line, values[:4])
    x, y, w, h = values[:4]
    return x - w / 2, y - h / 2, w, h


def _expected(n: int, keypoints: tuple[int, int] | None) -> str:
    if keypoints is not None:
        points, each = keypoints
        return (
            f"expected {5 + points * each}: class x y w h and {points} keypoints of {each}, as "
            "data.yaml has in kpt_shape"
        )
    if n > 6:
        return f"expected 5, class x y w h, or a polygon's x y pairs: {HINT}"
    return "expected 5: class x y w h"


def _around(line: Line) -> Box:
    _check_fractions(line, line.values)
    xs, ys = line.values[0::2], line.values[1::2]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _check_fractions(line: Line, values: Sequence[float]) -> None:
    if not all(math.isfinite(v) and -SLACK <= v <= 1 + SLACK for v in values):
        shown = " ".join(f"{v:g}" for v in values[:8]) + (" ..." if len(values) > 8 else "")
        raise InputError(
            f"{line.where}: x and y, w and h must be fractions from 0 to 1, but are {shown}"
        )


def _refuse_unsure(lines: Sequence[Line]) -> None:
    """Raise InputError where every long line could be a box within the picture with its keypoints.

    Polygons have varying numbers of points, and their first four numbers, read as `x y w h`, soon
    leave the picture. The corners of a parallelogram are an oriented box.
    """
    long = [line for line in lines if len(line.values) >= 6]
    if not long or len({len(line.values) for line in long}) > 1 or len(long[0].values) % 2:
        return
    if all(_has_keypoints(line.values) and not _is_oriented(line.values) for line in long):
        raise InputError(
            f"{long[0].where} and all like it may be polygons, or boxes with keypoints: {HINT}, or "
            "give the boxes alone"
        )


def _has_keypoints(values: Sequence[float]) -> bool:
    x, y, w, h = values[:4]
    inside = w / 2 <= min(x, 1 - x) + SLACK and h / 2 <= min(y, 1 - y) + SLACK
    rest = values[4:]
    return inside and any(
        len(rest) % each == 0
        and all(
            (px == 0 == py) or (abs(px - x) <= w / 2 + SLACK and abs(py - y) <= h / 2 + SLACK)
            for px, py in zip(rest[0::each], rest[1::each], strict=True)
        )
        and (each == 2 or all(v in (0, 1, 2) for v in rest[2::each]))
        for each in (2, 3)
    )


def _is_oriented(values: Sequence[float]) -> bool:
    """Return whether the values are the corners of a parallelogram, in order."""
    if len(values) != 8:
        return False
    x1, y1, x2, y2, x3, y3, x4, y4 = values
    return abs(x1 + x3 - x2 - x4) <= SLACK and abs(y1 + y3 - y2 - y4) <= SLACK
