"""A figure as data: what is drawn, told apart from how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_edet.benchmarks.analysis import Value
from edge_edet.benchmarks.rows import BenchmarkRow

__all__ = [
    "PRECISION_COLORS",
    "PRECISION_SHAPES",
    "Axis",
    "Figure",
    "Mark",
    "Panel",
    "Series",
    "shape_of",
]

# precision of the file -> marker; drawn and told in one place
PRECISION_SHAPES = {"fp32": "o", "fp16": "s", "int8-dynamic": "^", "int8": "D"}
OTHER_SHAPE = "P"
PRECISION_COLORS = {
    "fp32": 0,
    "fp16": 4,
    "int8-dynamic": 2,
    "int8": 1,
}  # where colour is free for it


@dataclass(frozen=True)
class Axis:
    """categories: names of the places 0, 1, 2 ... of an axis without numbers, first on top."""

    label: str
    unit: str
    log: bool = False
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """One point. label: short, drawn beside it, "" for none. lines: told of it besides its row."""

    x: Value
    y: Value
    label: str
    title: str
    shape: str = "o"
    lines: tuple[tuple[str, str], ...] = ()
    row: BenchmarkRow | None = None

    @property
    def how(self) -> str:
        """The weakest of its two values."""
        hows = {self.x.how, self.y.how}
        for one in ("estimated", "published", "measured"):
            if one in hows:
                return one
        return "counted"

    @property
    def all_published(self) -> bool:
        return self.row is None


@dataclass(frozen=True)
class Series:
    """Marks of one thing. color: 0 to 5, None for what is published. line: joined in their order."""

    name: str
    color: int | None
    marks: tuple[Mark, ...]
    line: bool = True
    band: bool = False  # the interval of y as a band, not as bars


@dataclass(frozen=True)
class Panel:
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    reference_x: float | None = None  # a line to hold the points against
    aside: bool = False  # series side by side, where all their points would lie on each other


@dataclass(frozen=True)
class Figure:
    """name: of its files. stacked: panels below each other on one x axis, else beside on one y.

    Without panels there is nothing to draw; notes then say why.
    """

    name: str
    title: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...] = ()
    stacked: bool = False

    def marks(self) -> Iterator[tuple[Panel, Series, Mark]]:
        for panel in self.panels:
            for series in panel.series:
                for mark in series.marks:
                    yield panel, series, mark


def shape_of(precision: str) -> str:
    return PRECISION_SHAPES.get(precision, OTHER_SHAPE)
