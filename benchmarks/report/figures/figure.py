"""Figures as data, separate from their drawing."""

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

# precision of the file -> matplotlib marker
PRECISION_SHAPES = {"fp32": "o", "fp16": "s", "int8-dynamic": "^", "int8": "D"}
OTHER_SHAPE = "P"
PRECISION_COLORS = {
    "fp32": 0,
    "fp16": 4,
    "int8-dynamic": 2,
    "int8": 1,
}  # for figures whose colours do not show the configuration


@dataclass(frozen=True)
class Axis:
    """One axis of a panel.

    Attributes
    ----------
    categories
        Names of the positions 0, 1, 2 ... of an axis without numbers, the first one on top.
    """

    label: str
    unit: str
    log: bool = False
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """One point of a figure.

    Attributes
    ----------
    label
        Short name that is drawn beside it, "" for none.
    title
        Its whole name, the heading of its details.
    shape
        matplotlib's marker.
    lines
        (key, text) of its details besides those of its row.
    row
        The row that it shows; None where it is published.
    """

    x: Value
    y: Value
    label: str
    title: str
    shape: str = "o"
    lines: tuple[tuple[str, str], ...] = ()
    row: BenchmarkRow | None = None

    @property
    def how(self) -> str:
        """The weakest origin of its two values: estimated, published, measured, then computed."""
        hows = {self.x.how, self.y.how}
        for one in ("estimated", "published", "measured"):
            if one in hows:
                return one
        return "computed"

    @property
    def all_published(self) -> bool:
        """Whether both values are published."""
        return self.row is None


@dataclass(frozen=True)
class Series:
    """Marks that share one entry of the legend.

    Attributes
    ----------
    color
        0 to 5; None for published numbers.
    line
        Join the marks in their order.
    band
        Draw the intervals of y as a band, not as bars.
    """

    name: str
    color: int | None
    marks: tuple[Mark, ...]
    line: bool = True
    band: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes with its series.

    Attributes
    ----------
    reference_x
        Position of a vertical line to compare the points with; None for none.
    side_by_side
        Shift the series, as all of their points would lie on each other.
    """

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    reference_x: float | None = None
    side_by_side: bool = False


@dataclass(frozen=True)
class Figure:
    """One figure of the report; one without panels is not drawn, and its notes say why.

    Attributes
    ----------
    name
        The name of its files, without suffix.
    notes
        Sentences for below it.
    stacked
        Panels stand below each other and share the x axis; else they stand side by side and share y.
    """

    name: str
    title: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...] = ()
    stacked: bool = False

    def marks(self) -> Iterator[tuple[Panel, Series, Mark]]:
        """Yield all marks with their panel and series, in the order in which they are drawn.

        Yields
        ------
        tuple[Panel, Series, Mark]
            Panel, series and mark.
        """
        for panel in self.panels:
            for series in panel.series:
                for mark in series.marks:
                    yield panel, series, mark


def shape_of(precision: str) -> str:
    """Return the marker of a precision.

    Parameters
    ----------
    precision
        Of the model file.

    Returns
    -------
    str
        Matplotlib's name of the marker.
    """
    return PRECISION_SHAPES.get(precision, OTHER_SHAPE)
