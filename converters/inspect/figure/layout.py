"""The error along the network as marks, lines and words; figure_svg and figure_png draw them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edge_edet.converters.inspect.errors import BlockError, TensorError
from edge_edet.converters.inspect.network_parts import PARTS, part_of

WIDTH, HEIGHT = 960, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 74, 60
LOW_DB, HIGH_DB = 0.0, 60.0
FONT, TITLE_FONT = 12, 15
DRAWN_BY = "edge-edet inspect"  # by which a figure is known as ours
NAME_WIDTH = 7.5  # of a letter in FONT, rather too much: what decides whether a part has room


class Mark(NamedTuple):
    """A dot, a square or a ring of radius r, with what to show under the pointer."""

    role: str  # "own", "block", "weakest"
    x: float
    y: float
    r: float
    tip: str = ""


class Line(NamedTuple):
    role: str  # "grid", "running"
    points: tuple[tuple[float, float], ...]


class Words(NamedTuple):
    """y is the baseline; anchor start, middle or end, as in SVG."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    title: bool = False


class Figure(NamedTuple):
    """In units of a pixel of WIDTH x HEIGHT, in the order in which they are drawn."""

    title: str
    shapes: tuple[Mark | Line | Words, ...]


def error_figure(errors: Sequence[TensorError], blocks: Sequence[BlockError], title: str) -> Figure:
    """Signal over error in dB by place: each tensor's own, the running model's, and the blocks'."""
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
    """A dot for each tensor; the weakest has a ring, and its name stands where no dot can be."""
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
        tip = f"{b.tensor}: block alone {b.own_db:.1f} dB"
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
    """Where each part of the network begins, and its name where there is room."""
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
    yield Words(LEFT + 194, y, "one block alone, fed exact values")
    yield Line("running", ((LEFT + 420, y - 4), (LEFT + 444, y - 4)))
    yield Words(LEFT + 450, y, "the running model at the ends of blocks; higher is better")
