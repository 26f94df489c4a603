"""Write the report to a folder: the page, and each figure as SVG, PNG and CSV."""

from __future__ import annotations

import contextlib
import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_edet.benchmarks.analysis import Options, SelectedRows, Value, select_rows
from edge_edet.benchmarks.report.device_latency import device_latency_figures
from edge_edet.benchmarks.report.figures import DRAWN_BY, LAYOUTS, Axis, Figure, draw_both, draw_svg
from edge_edet.benchmarks.report.float_int8 import float_int8_figures
from edge_edet.benchmarks.report.page import Content, page
from edge_edet.benchmarks.report.sustained import sustained_figures
from edge_edet.benchmarks.report.tradeoff import tradeoff_figures
from edge_edet.benchmarks.rows import BenchmarkRow
from edge_edet.errors import InputError
from edge_edet.output_files import Kind, Outputs, page_by, png_by, starts_with, svg_by
from edge_edet.terminal import csv_cell, track, xml_text

__all__ = ["figure_csv", "figures_of", "write_report"]

PAGE = "index.html"
COLUMNS = (
    "panel",
    "series",
    "title",
    "x",
    "x_low",
    "x_high",
    "x_axis",
    "x_how",
    "x_basis",
    "y",
    "y_low",
    "y_high",
    "y_axis",
    "y_how",
    "y_basis",
    "row_key",
    "model",
    "precision",
    "device",
    "how",
)

_FIGURE = "a figure of 'edge-edet report'"
KINDS = {
    "html": Kind("a page of 'edge-edet report'", page_by(DRAWN_BY), durable=False),
    "svg": Kind(_FIGURE, svg_by(DRAWN_BY), durable=False),
    "png": Kind(_FIGURE, png_by(DRAWN_BY), durable=False),
    "csv": Kind(_FIGURE, starts_with(",".join(COLUMNS)), durable=False),
}


def write_report(
    rows: Sequence[BenchmarkRow],
    given: Sequence[str],
    folder: Path,
    options: Options,
    outputs: Outputs | None = None,
) -> list[Path]:
    """Write the report and return its files, the page first.

    Parameters
    ----------
    rows
        What to draw.
    given
        The files of the rows, for the page and for messages.
    folder
        Where to.
    options
        What is drawn, and how.
    outputs
        Writes the files; by default only files of an earlier report are replaced.

    Returns
    -------
    list[Path]
        Paths.

    Raises
    ------
    InputError
        There is no row, `folder` is a file, or it holds other files of these names.
    """
    if not rows:
        raise InputError(
            f"no rows in {', '.join(map(repr, given))}: make some with 'edge-edet bench -o FILE'"
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{str(folder)!r} is a file: give -o a folder")
    selected = select_rows(rows)
    figures = list(figures_of(selected.rows, options))
    with contextlib.nullcontext(outputs) if outputs else Outputs(given) as writing:
        return _write(figures, selected, given, folder, writing)


def _write(
    figures: Sequence[Figure],
    selected: SelectedRows,
    given: Sequence[str],
    folder: Path,
    outputs: Outputs,
) -> list[Path]:
    outputs.claim(folder / PAGE, KINDS["html"])
    drawn = [one for one in figures if one.panels]
    for figure in drawn:  # all, before the first is replaced
        for kind in ("svg", "png", "csv"):
            outputs.claim(folder / f"{figure.name}.{kind}", KINDS[kind])
    svgs: dict[str, dict[str, str]] = {}
    written = []
    for figure in track(drawn, "report", unit="figures"):
        wide, narrow = LAYOUTS
        svg, png = draw_both(figure, wide)
        svgs[figure.name] = {wide.name: svg, narrow.name: draw_svg(figure, narrow)}
        for kind, data in (
            ("svg", svg.encode()),
            ("png", png),
            ("csv", figure_csv(figure).encode()),
        ):
            written.append(folder / f"{figure.name}.{kind}")
            outputs.write(written[-1], data, KINDS[kind])
    content = Content(figures, svgs, selected.rows, given, selected.notes)
    outputs.write(folder / PAGE, xml_text(page(content)).encode(), KINDS["html"])
    return [folder / PAGE, *written]


def figures_of(rows: Sequence[BenchmarkRow], options: Options) -> Iterator[Figure]:
    """Yield all figures in the order of the page.

    Figures with points of the rows come first, then those of published numbers alone, and last those
    with nothing to draw, whose notes say why.
    """
    figures = [
        *tradeoff_figures(rows, options),
        *device_latency_figures(rows, options.stage, overlay=options.boards),
        *float_int8_figures(rows, options.stage),
        *sustained_figures(rows),
    ]
    yield from sorted(figures, key=_place)


def _place(figure: Figure) -> int:
    if not figure.panels:
        return 2
    return 0 if any(not mark.all_published for *_, mark in figure.marks()) else 1


def figure_csv(figure: Figure) -> str:
    """Return a CSV line for each mark; cells are empty where a value or an end of it is unknown."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    panels = list(figure.panels)
    for panel, series, mark in figure.marks():
        row = mark.row
        about = ("", "", "", "", "published")
        if row is not None:
            model = row.model
            about = (row.key, model.file, model.precision, row.device.id, row.how)
        number = next(n for n, one in enumerate(panels) if one is panel)
        cells = [*_cells(panel.x, mark.x), *_cells(panel.y, mark.y)]
        line = [number, series.name, mark.title, *cells, *about]
        writer.writerow([csv_cell(cell) for cell in line])
    return stream.getvalue()


def _cells(axis: Axis, value: Value) -> list[object]:
    if axis.categories:
        return [axis.categories[round(value.middle)], "", "", "category", "", ""]
    numbers = [_number(number) for number in (value.middle, value.low, value.high)]
    return [*numbers, axis.label, value.how, value.basis]


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6g}"
