"""How a picture is cut into tiles that overlap."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from edge_edet.arguments import shown
from edge_edet.errors import InputError

__all__ = ["OVERLAP", "Tile", "check_tiles", "tiles_of"]

OVERLAP = (
    0.2  # of a tile's side, shared with its neighbour: an object up to that is whole in one of them
)
MOST = 8  # tiles in a row or column
AUTO_MOST = 4
AUTO_SCALE = 1.5  # "auto": a tile is at most so many times the model's input


class Tile(NamedTuple):
    """A part of a picture, in its pixels.

    Attributes
    ----------
    left
        First column.
    top
        First row.
    right
        Column after the last one.
    bottom
        Row after the last one.
    """

    left: int
    top: int
    right: int
    bottom: int


def check_tiles(tiles: object) -> str | None:
    """Return the tiles as they were given.

    Parameters
    ----------
    tiles
        What was given.

    Returns
    -------
    str | None
        None: no tiles.

    Raises
    ------
    InputError
        They are neither "auto" nor columns x rows.
    """
    if tiles is None or tiles == "auto":
        return None if tiles is None else "auto"
    found = re.fullmatch(r"(\d)x(\d)", tiles) if isinstance(tiles, str) else None
    if found is None or not all(1 <= int(one) <= MOST for one in found.groups()):
        raise InputError(
            f"tiles must be COLUMNSxROWS, each from 1 to {MOST}, such as 2x2, or auto, but got "
            f"{shown(tiles)}"
        )
    return str(tiles)


def tiles_of(tiles: str, size: tuple[int, int], input_size: tuple[int, int]) -> list[Tile]:
    """Return the tiles of a picture, row by row, the whole picture first.

    Parameters
    ----------
    tiles
        As `check_tiles` returns them.
    size
        Width and height of the picture.
    input_size
        Height and width of the model's input, for "auto".

    Returns
    -------
    list of Tile
        Those beside each other overlap by a fifth of a tile. One tile alone is the whole picture once.
    """
    width, height = size
    if tiles == "auto":
        columns, rows = _auto(width, input_size[1]), _auto(height, input_size[0])
    else:
        columns, rows = (int(one) for one in tiles.split("x"))
    whole = Tile(0, 0, width, height)
    if columns * rows == 1:
        return [whole]
    across, down = _spans(width, columns), _spans(height, rows)
    return [whole, *(Tile(x0, y0, x1, y1) for y0, y1 in down for x0, x1 in across)]


def _auto(length: int, input_length: int) -> int:
    """How many tiles keep a tile at 1.5 times the input or less, at most 4."""
    for count in range(1, AUTO_MOST):
        start, end = _spans(length, count)[0]
        if end - start <= AUTO_SCALE * input_length:
            return count
    return AUTO_MOST


def _spans(length: int, count: int) -> list[tuple[int, int]]:
    """Return start and end of each tile along one side; count * part - (count - 1) * overlap = length."""
    part = min(length, math.ceil(length / (count - (count - 1) * OVERLAP)))
    if count == 1:
        return [(0, length)]
    starts = [round(i * (length - part) / (count - 1)) for i in range(count)]
    return [(start, start + part) for start in starts]
