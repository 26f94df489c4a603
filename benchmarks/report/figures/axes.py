"""Scales, limits and ticks of one panel."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from edge_edet.benchmarks.analysis import Value
from edge_edet.benchmarks.report.figures.figure import Axis, Panel
from edge_edet.benchmarks.report.figures.theme import LIGHT

__all__ = ["draw_rules", "finish_axes", "limits", "set_axes"]

PAD = 0.08  # of the span
LEAST_SPAN = 0.2  # of the middle: noise is not blown up to fill the figure
RULE = (0.21, 0.32)  # of a row: how far grid lines extend above and below its points
NARROW = 6.0  # a logarithmic axis that spans a smaller factor has evenly spaced ticks


def set_axes(axes: Any, panel: Panel, columns: int, *, last: bool) -> None:
    """Set scales, limits, labels and the names of categories.

    Parameters
    ----------
    columns
        Characters per line of a category's name.
    last
        The panel is at the bottom of a stack, so it has the label of the shared axis.
    """
    marks = [mark for series in panel.series for mark in series.marks]
    if panel.x.log:
        axes.set_xscale("log")
    axes.set_xlim(*limits([mark.x for mark in marks], panel.x, panel.reference_x))
    if last:
        axes.set_xlabel(panel.x.label)
    if not panel.y.categories:
        if panel.reference_x is not None:
            axes.axvline(panel.reference_x, color=LIGHT["muted"], linewidth=1.0, zorder=1)
        axes.set_ylabel(panel.y.label)
        axes.set_ylim(*limits([mark.y for mark in marks], panel.y, None))
        return
    axes.grid(visible=False)  # rules are drawn row by row, so that none goes through a name
    if panel.reference_x is not None:
        _rules(axes, panel, [panel.reference_x], "muted", 1.0)
    count = len(panel.y.categories)
    axes.set_ylim(count - 0.6, -0.95)
    axes.set_yticks(range(count), [""] * count)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for place, name in enumerate(panel.y.categories):
        axes.text(
            0.0,
            place - 0.24,
            textwrap.fill(name, columns),
            fontsize=7.5,
            va="bottom",
            ha="left",
            color=LIGHT["ink"],
            transform=axes.get_yaxis_transform(),
            linespacing=1.05,
            zorder=1.5,
        ).set_in_layout(False)


def draw_rules(axes: Any, panel: Panel) -> None:
    """Draw the grid of an axis of categories, once its ticks are known."""
    if panel.y.categories:
        low, high = axes.get_xlim()
        inside = [tick for tick in axes.get_xticks() if low <= tick <= high]
        _rules(axes, panel, inside, "grid", 0.7)


def _rules(axes: Any, panel: Panel, xs: Sequence[float], role: str, width: float) -> None:
    """Draw vertical lines beside the points of each row, not through the names above them."""
    places = [(x, place) for place in range(len(panel.y.categories)) for x in xs]
    axes.vlines(
        [x for x, _ in places],
        [place - RULE[0] for _, place in places],
        [place + RULE[1] for _, place in places],
        color=LIGHT[role],
        linewidth=width,
        zorder=0.9,
    )


def finish_axes(axes: Any, panel: Panel) -> None:
    """Set the ticks, once the size of the panel is known."""
    from matplotlib import ticker

    frame = axes.get_window_extent()
    across = max(3, round(frame.width / axes.figure.dpi / 0.62))
    low, high = axes.get_xlim()
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    if panel.x.log:
        ticks = list(_log_ticks(low, high, across))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    else:
        whole = panel.x.unit == "minutes"
        axes.xaxis.set_major_locator(ticker.MaxNLocator(across, integer=whole))


def limits(values: Sequence[Value], axis: Axis, also: float | None) -> tuple[float, float]:
    """Return the limits of an axis: around all values and ends of intervals, with room at both sides."""
    ends = [end for value in values for end in _ends(value)]
    ends += [also] if also is not None else []
    if not ends:
        return (1.0, 10.0) if axis.log else (0.0, 1.0)
    low, high = min(ends), max(ends)
    if axis.log:
        low = max(low, max(ends) * 1e-6)  # an interval's end at 0
        span = max(math.log(high / low), math.log(2))
        middle, half = (math.log(low) + math.log(high)) / 2, span * (0.5 + PAD)
        return math.exp(middle - half), math.exp(middle + half)
    middle = (low + high) / 2
    if axis.unit == "minutes":
        return low - 0.5, max(high, low + 1) + 0.5
    span = max(high - low, LEAST_SPAN * abs(middle), 1e-9)
    bottom, top = middle - span * (0.5 + PAD), middle + span * (0.5 + PAD)
    return (max(bottom, 0.0), min(top, 100.0)) if axis.unit == "points" else (bottom, top)


def _ends(value: Value) -> Iterator[float]:
    for end in (value.middle, value.low, value.high):
        if end is not None and math.isfinite(end):
            yield end


def _log_ticks(low: float, high: float, count: int) -> Iterator[float]:
    """Yield 1, 2 and 5 of each decade, fewer where they would crowd, or even steps in a narrow span."""
    from matplotlib import ticker

    if high / low < NARROW:
        ticks = ticker.MaxNLocator(max(count - 1, 3)).tick_values(low, high)
        yield from (tick for tick in ticks if low <= tick <= high)
        return
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [10.0**decade * step for decade in decades for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= count + 1:
            break
    yield from inside
