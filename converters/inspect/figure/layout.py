"""The layout of the error figure: marks, lines and words, which to_svg.py and to_png.py draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edge_edet.converters.inspect.errors import BlockError, TensorError
from edge_edet.converters.inspect.network_parts import PARTS, part_of

WIDTH, HEIGHT = 960, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 74, 60
LOW_DB, HIGH_DB = 0.0, 60.0
FONT, TITLE_FONT = 12, 15
DRAWN_BY = "edge-edet inspect"  # written into a figure, to recognise it as ours
NAME_WIDTH = 7.5  # of a letter in FONT, rather too large: whether a part's name has room


class Mark(NamedTuple):
    """A dot, square or ring of radius r at x, y; `tip` is shown under the pointer."""

    role: str  # "own", "block", "weakest"
    x: float
    y: float
    r: float
    tip: str = ""


class Line(NamedTuple):
    """A line through points x, y."""

    role: str  # "grid", "running"
    points: tuple[tuple[float, float], ...]


class Words(NamedTuple):
    """A text at x and the baseline y; anchor is start, middle or end, as in SVG."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    title: bool = False


class Figure(NamedTuple):
    """A drawing of WIDTH x HEIGHT units, its shapes in the order of drawing."""

    title: str
    shapes: tuple[Mark | Line | Words, ...]


def error_figure(errors: Sequence[TensorError], blocks: Sequence[BlockError], title: str) -> Figure:
    """Lay out signal over error, in dB, along the network.

    Parameters
    ----------
    errors
        Each tensor's own error is a dot.
    blocks
        Each block's own error is a square; the running model's error at their ends is a line.
    title
        Above the figure.

    Returns
    -------
    Figure
        What to draw.
    """
    last = max((e.order for e in errors), default=0) + 1
    shapes = [
        Words(LEFT, 22, title, title=True),
        *_axes(),
        *_parts(errors, last),
        *_own(errors, last),
        *_blocks(errors, blocks, last),
        *_legend(),
    ]
    return Figure(title, tuple(shapes))


def _own(errors: Sequence[TensorError], last: int) -> Iterator[Mark | Line | Words]:
    """Yield a dot for each tensor; the weakest has a ring, and its name above the plot."""
    shown = sorted((e for e in errors if not e.carried), key=lambda e: e.order)
    for e in shown:
        tip = f"{e.name}: own {e.own_db:.1f} dB, all {e.behind_db:.1f} dB"
        yield Mark("own", _x(e.order, last), _y(e.own_db), 2.5, tip)
    if shown:
        weakest = min(shown, key=lambda e: e.own_db)
        yield Mark("weakest", _x(weakest.order, last), _y(weakest.own_db), 6)
        yield Words(LEFT, 44, f"in the ring: {weakest.name}, {weakest.own_db:.1f} dB")


def _blocks(
    errors: Sequence[TensorError], blocks: Sequence[BlockError], last: int
) -> Iterator[Mark | Line]:
    by_name = {e.name: e for e in errors}
    ends = sorted((by_name[b.tensor] for b in blocks), key=lambda e: e.order)
    if len(ends) > 1:
        yield Line("running", tuple((_x(e.order, last), _y(e.behind_db)) for e in ends))
    for b in blocks:
        tip = f"{b.tensor}: this block alone {b.own_db:.1f} dB"
        yield Mark("block", _x(by_name[b.tensor].order, last), _y(b.own_db), 4, tip)


def _x(order: int, last: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (order + 0.5) / last


def _y(db: float) -> float:
    part = (min(max(db, LOW_DB), HIGH_DB) - LOW_DB) / (HIGH_DB - LOW_DB)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part


def _axes() -> Iterator[Line | Words]:
    for db in range(int(LOW_DB), int(HIGH_DB) + 1, 10):
        y = _y(db)
        yield Line("grid", ((LEFT, y), (WIDTH - RIGHT, y)))
        yield Words(LEFT - 8, y + 4, f"{db}+ dB" if db == HIGH_DB else f"{db} dB", "end")


def _parts(errors: Sequence[TensorError], last: int) -> Iterator[Line | Words]:
    """Yield where each part of the network begins, and its name where there is room."""
    for part in PARTS[:-2]:  # the outputs lie within their nets
        orders = [e.order for e in errors if part_of(e.name) == part]
        if not orders:
            continue
        low, high = _x(min(orders), last), _x(max(orders), last)
        yield Line("grid", ((low, TOP), (low, HEIGHT - BOTTOM + 8)))
        if high - low > len(part) * NAME_WIDTH:
            yield Words((low + high) / 2, HEIGHT - BOTTOM + 20, part, "middle")


def _legend() -> Iterator[Mark | Line | Words]:
    y = HEIGHT - 14
    yield Mark("own", LEFT + 4, y - 4, 4)
    yield Words(LEFT + 14, y, "one tensor's grid alone")
    yield Mark("block", LEFT + 184, y - 4, 4)
    yield Words(LEFT + 194, y, "one block alone, with exact inputs")
    yield Line("running", ((LEFT + 420, y - 4), (LEFT + 444, y - 4)))
    yield Words(LEFT + 450, y, "the running model at the ends of blocks; higher is better")
