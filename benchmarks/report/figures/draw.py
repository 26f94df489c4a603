"""Draw figures as SVG and PNG with matplotlib; each mark becomes an element with an id."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edge_edet.benchmarks.report.figures.axes import draw_rules, finish_axes, set_axes
from edge_edet.benchmarks.report.figures.figure import Figure, Mark, Panel, Series
from edge_edet.benchmarks.report.figures.place_labels import Box, Wanted, place_labels
from edge_edet.benchmarks.report.figures.theme import LIGHT, RC, Layout, series_color
from edge_edet.terminal import xml_text

__all__ = ["draw_both", "draw_svg", "drawn", "mark_ids"]

DRAWN_BY = "edge-edet report"  # recognizes a figure as one of ours
MARKER = 6.0  # points
PNG_DPI = 160
OFFSET = 8.0  # points between neighbours that are drawn side by side
NEAR = 14  # points: marks of the same name within this distance share one label
LEAD = 7  # points: a label farther from its mark than this has a line to it
STEPS = 12  # per line between two points, where labels are kept off it


def draw_svg(figure: Figure, layout: Layout) -> str:
    """Return the figure as SVG; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        What to draw.
    layout
        Sizes and places.

    Returns
    -------
    str
        The text of the SVG.
    """
    with _settings():
        return _svg(drawn(figure, layout), figure)


def draw_both(figure: Figure, layout: Layout) -> tuple[str, bytes]:
    """Return the figure as SVG and as PNG.

    Parameters
    ----------
    figure
        What to draw.
    layout
        Sizes and places.

    Returns
    -------
    tuple[str, bytes]
        The text of the SVG, the bytes of the PNG.
    """
    stream = io.BytesIO()
    with _settings():
        canvas = drawn(figure, layout)
        svg = _svg(canvas, figure)
        about = {"Title": figure.title, "Software": DRAWN_BY}
        canvas.savefig(stream, format="png", dpi=PNG_DPI, metadata=about)
    return svg, stream.getvalue()


def _svg(canvas: Any, figure: Figure) -> str:
    stream = io.StringIO()
    canvas.savefig(
        stream, format="svg", metadata={"Date": None, "Title": figure.title, "Creator": DRAWN_BY}
    )
    return xml_text(stream.getvalue())


def mark_ids(figure: Figure) -> list[str]:
    """Return an id for each of `figure.marks()`, in their order.

    Parameters
    ----------
    figure
        With its marks.

    Returns
    -------
    list[str]
        Each id once.
    """
    return [f"{figure.name}-{number}" for number, _ in enumerate(figure.marks())]


def drawn(figure: Figure, layout: Layout) -> Any:
    """Return matplotlib's figure, laid out, with all labels in place."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    ids = iter(mark_ids(figure))
    beside = len(figure.panels) > 1 and not figure.stacked and layout.name == "wide"
    count = len(figure.panels)
    shape = (1, count) if beside else (count, 1)
    columns = layout.columns
    if not beside and layout.name == "wide":
        columns *= 2
    height = _height(figure, layout, columns, count if not beside else 1)
    canvas = Canvas(figsize=(layout.width, height), layout="constrained")
    FigureCanvasAgg(canvas)  # measures texts
    grid = canvas.subplots(*shape, squeeze=False, sharex=figure.stacked)
    all_axes = list(grid.flat)
    for panel, axes in zip(figure.panels, all_axes, strict=True):
        set_axes(axes, panel, columns, last=not figure.stacked or axes is all_axes[-1])
        for series in panel.series:
            _draw_series(axes, series, ids, _moved(axes, panel, series))
    _legend(canvas, figure, layout)
    panels = list(zip(figure.panels, all_axes, strict=True))
    for _ in range(2):  # ticks need the size of the panel, and their texts then some room of it
        canvas.draw_without_rendering()
        for panel, axes in panels:
            finish_axes(axes, panel)
    canvas.draw_without_rendering()
    canvas.set_layout_engine("none")  # what comes now fits into what is there
    for panel, axes in panels:
        draw_rules(axes, panel)
        _label(canvas, axes, panel)
    return canvas


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Apply our settings; characters that the font lacks are drawn as boxes without a warning."""
    import matplotlib as mpl

    with mpl.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        yield


def _height(figure: Figure, layout: Layout, columns: int, rows: int) -> float:
    entries = len(_entries(figure))
    legend = 0.2 * math.ceil(entries / layout.legend_columns) + 0.1
    if figure.stacked:
        return 0.5 + legend + sum(2.0 if n == 0 else 1.3 for n in range(rows))
    names = figure.panels[0].y.categories
    if not names:
        return layout.height + legend
    lines = max(len(textwrap.wrap(name, columns)) for name in names)
    return rows * (0.7 + len(names) * (0.24 + 0.15 * lines)) + legend


def _moved(axes: Any, panel: Panel, series: Series) -> Any:
    """Return the transform from data to the canvas, shifted where series are drawn side by side."""
    from matplotlib.transforms import ScaledTranslation

    offset = _offset_points(panel, series) / 72
    return axes.transData + ScaledTranslation(offset, 0, axes.figure.dpi_scale_trans)


def _offset_points(panel: Panel, series: Series) -> float:
    if not panel.side_by_side or series.color is None:
        return 0.0
    return OFFSET * (panel.series.index(series) - (len(panel.series) - 1) / 2)


def _draw_series(axes: Any, series: Series, ids: Iterator[str], place: Any) -> None:
    color = series_color(series.color)
    marks = series.marks
    xs = [mark.x.middle for mark in marks]
    ys = [mark.y.middle for mark in marks]
    measured = all(mark.how in ("measured", "computed") for mark in marks)
    if series.line and len(marks) > 1:
        style = ":" if series.color is None else "-" if measured else "--"
        axes.plot(xs, ys, style, color=color, linewidth=1.3, zorder=2, transform=place)
    if series.band:
        low, high = ([_end(m, end) for m in marks] for end in ("low", "high"))
        axes.fill_between(xs, low, high, color=color, alpha=0.18, linewidth=0, zorder=1)
    size = 0.6 if series.band else 1.0  # smaller where many points follow each other
    for mark in marks:
        if not series.band:
            _bars(axes, mark, color, place)
        marker = _marker_style(mark, color, size)
        (line,) = axes.plot(mark.x.middle, mark.y.middle, **marker, transform=place)
        line.set_gid(next(ids))


def _end(mark: Mark, which: str) -> float:
    value: float | None = getattr(mark.y, which)
    return mark.y.middle if value is None else value


def _marker_style(mark: Mark, color: str, size: float = 1.0) -> dict[str, Any]:
    """Measured marks are filled, estimated ones hollow, those of a published AP half filled."""
    kind = mark.how
    style: dict[str, Any] = {
        "marker": mark.shape,
        "markersize": MARKER * size,
        "color": color,
        "linestyle": "none",
        "markeredgewidth": 1.2,
        "zorder": 4,
        "markerfacecoloralt": LIGHT["paper"],
    }
    if mark.all_published:
        return style
    if kind == "estimated":
        style["fillstyle"] = "full"
        style["markerfacecolor"] = LIGHT["paper"]
    elif kind == "published":
        style["fillstyle"] = "left"
    return style


def _bars(axes: Any, mark: Mark, color: str, place: Any) -> None:
    for value, other, which in ((mark.x, mark.y, "xerr"), (mark.y, mark.x, "yerr")):
        if value.low is None or value.high is None or other is None:
            continue
        below, above = max(value.middle - value.low, 0.0), max(value.high - value.middle, 0.0)
        axes.errorbar(
            mark.x.middle,
            mark.y.middle,
            **{which: [[below], [above]]},
            fmt="none",
            ecolor=color,
            elinewidth=1.0,
            capsize=2.2,
            zorder=3,
            transform=place,
        )


def _entries(figure: Figure) -> dict[str, Series]:
    """Return the entries of the legend, each once."""
    found: dict[str, Series] = {}
    for panel in figure.panels:
        for series in panel.series:
            if series.name not in found or series.line:
                found[series.name] = series
    return dict(sorted(found.items(), key=lambda item: item[1].color is not None))


def _legend(canvas: Any, figure: Figure, layout: Layout) -> None:
    from matplotlib.lines import Line2D

    handles = []
    entries = _entries(figure)
    columns = layout.legend_columns
    if any(len(name) > layout.legend_width for name in entries):
        columns = 1
    for name, series in entries.items():
        mark = series.marks[0]
        style = _marker_style(mark, series_color(series.color))
        if series.line:
            style["linestyle"] = (
                ":" if series.color is None else "-" if mark.how == "measured" else "--"
            )
        wrapped = textwrap.fill(name, layout.legend_width * (layout.legend_columns // columns))
        handles.append(Line2D([], [], label=wrapped, **style))
    if handles:
        canvas.legend(handles=handles, loc="outside lower left", ncols=columns)


def _label(canvas: Any, axes: Any, panel: Panel) -> None:
    """Draw names beside the points; a name farther off gets a line, one without room is left out."""
    renderer = canvas.canvas.get_renderer()
    scale = canvas.dpi / 72
    marks = [(series, mark) for series in panel.series for mark in series.marks]
    marks = [(s, m) for s, m in marks if math.isfinite(m.x.middle) and math.isfinite(m.y.middle)]
    marks.sort(key=lambda one: one[1].all_published)  # the rows' own find room first
    to_paper = {id(series): _moved(axes, panel, series) for series in panel.series}
    places = [to_paper[id(s)].transform((m.x.middle, m.y.middle)) for s, m in marks]
    half = MARKER * scale * 0.6
    taken = [Box(x - half, y - half, x + half, y + half) for x, y in places]
    for text in axes.texts:  # names of rows
        box = text.get_window_extent(renderer)
        taken.append(Box(box.x0, box.y0, box.x1 + 4 * scale, box.y1))
    texts, wanted, named = [], [], set[tuple[str, int, int]]()
    for (series, mark), (x, y) in zip(marks, places, strict=True):
        about = (mark.label.lower(), round(x / NEAR / scale), round(y / NEAR / scale))
        if not mark.label or about in named:
            continue
        named |= {(about[0], about[1] + i, about[2] + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
        color = LIGHT["muted"] if series.color is None else series_color(series.color)
        text = axes.text(0, 0, mark.label, fontsize=7.5, color=color, zorder=5, transform=None)
        text.set(va="baseline", ha="left")
        box = text.get_window_extent(renderer)
        texts.append((text, box))
        wanted.append(Wanted(x, y, box.width + 2 * scale, box.height + scale))
    frame = axes.get_window_extent(renderer)
    bounds = Box(frame.x0, frame.y0, frame.x1, frame.y1)
    path = list(_path(panel.series, to_paper))
    found = place_labels(wanted, taken, path, bounds, half + 2 * scale)
    for (text, box), want, place in zip(texts, wanted, found, strict=True):
        if place is None:
            text.remove()
        else:
            at = (place.x0 + scale - box.x0, place.y0 + scale / 2 - box.y0)
            text.set_position(canvas.transFigure.inverted().transform(at))
            text.set_transform(canvas.transFigure)  # pixels change when it is saved
            _lead(canvas, text, want, place, half + LEAD * scale)


def _lead(canvas: Any, text: Any, want: Wanted, place: Box, near: float) -> None:
    """Draw a thin line from a point to a name that is not right beside it."""
    from matplotlib.lines import Line2D

    x, y = min(max(want.x, place.x0), place.x1), min(max(want.y, place.y0), place.y1)
    if math.hypot(x - want.x, y - want.y) <= near:
        return
    ends = canvas.transFigure.inverted().transform([(want.x, want.y), (x, y)])
    line = Line2D(ends[:, 0], ends[:, 1], color=text.get_color(), linewidth=0.5, zorder=3)
    line.set_transform(canvas.transFigure)
    canvas.add_artist(line)


def _path(
    all_series: Sequence[Series], to_paper: Mapping[int, Any]
) -> Iterator[tuple[float, float]]:
    """Yield points along lines and bars, in pixels."""
    for series in all_series:
        points = [(m.x.middle, m.y.middle) for m in series.marks]
        pairs = list(itertools.pairwise(points)) if series.line else []
        for mark in series.marks:
            x, y = mark.x, mark.y
            if x.low is not None and x.high is not None:
                pairs.append(((x.low, y.middle), (x.high, y.middle)))
            if y.low is not None and y.high is not None:
                pairs.append(((x.middle, y.low), (x.middle, y.high)))
        for first, second in pairs:
            a, b = to_paper[id(series)].transform([first, second])
            for step in range(STEPS + 1):
                part = step / STEPS
                yield a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part
