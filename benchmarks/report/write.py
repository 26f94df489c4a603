"""Rows to a folder: the page, and each figure as SVG, PNG and CSV."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_edet.benchmarks.report.chosen import choose
from edge_edet.benchmarks.report.device_latency import device_latency_figures
from edge_edet.benchmarks.report.draw import draw_both, draw_svg
from edge_edet.benchmarks.report.figure import Axis, Figure
from edge_edet.benchmarks.report.float_int8 import float_int8_figures
from edge_edet.benchmarks.report.page import Content, page
from edge_edet.benchmarks.report.sustained import sustained_figures
from edge_edet.benchmarks.report.theme import LAYOUTS
from edge_edet.benchmarks.report.tradeoff import Options, tradeoff_figures
from edge_edet.benchmarks.report.values import Value
from edge_edet.benchmarks.rows import BenchmarkRow
from edge_edet.errors import InputError
from edge_edet.progress import track

__all__ = ["figure_csv", "figures_of", "write_report"]

PAGE = "index.html"
COLUMNS = (
    "panel", "series", "title", "x", "x_low", "x_high", "x_axis", "x_how", "x_basis", "y", "y_low",
    "y_high", "y_axis", "y_how", "y_basis", "row_key", "model", "precision", "device", "how",
)  # fmt: skip


def write_report(
    rows: Sequence[BenchmarkRow], given: Sequence[str], folder: Path, options: Options
) -> list[Path]:
    """The files, the page first. Raises InputError where there is no row, or no folder can be."""
    if not rows:
        raise InputError(
            f"no rows in {', '.join(map(repr, given))}: make some with 'edge-edet bench -o FILE'"
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{str(folder)!r} is a file: -o takes a folder")
    chosen = choose(rows)
    figures = list(figures_of(chosen.rows, options))
    folder.mkdir(parents=True, exist_ok=True)
    svgs: dict[str, dict[str, str]] = {}
    written = []
    for figure in track([one for one in figures if one.panels], "report", unit="figures"):
        wide, narrow = LAYOUTS
        svg, png = draw_both(figure, wide)
        svgs[figure.name] = {wide.name: svg, narrow.name: draw_svg(figure, narrow)}
        for kind, data in (
            ("svg", svg.encode()),
            ("png", png),
            ("csv", figure_csv(figure).encode()),
        ):
            written.append(folder / f"{figure.name}.{kind}")
            _write(written[-1], data)
    content = Content(figures, svgs, chosen.rows, given, chosen.notes)
    _write(folder / PAGE, page(content).encode())
    return [folder / PAGE, *written]


def figures_of(rows: Sequence[BenchmarkRow], options: Options) -> Iterator[Figure]:
    """All figures in the order of the page; those with nothing to draw say why."""
    yield from tradeoff_figures(rows, options)
    yield from device_latency_figures(rows, options.stage, overlay=options.published is not None)
    yield from float_int8_figures(rows, options.stage)
    yield from sustained_figures(rows)


def figure_csv(figure: Figure) -> str:
    """A line for each mark, as drawn; empty where a value or an end of its interval is not known."""
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
        writer.writerow([number, series.name, mark.title, *cells, *about])
    return stream.getvalue()


def _cells(axis: Axis, value: Value) -> list[object]:
    if axis.categories:
        return [axis.categories[round(value.middle)], "", "", "category", "", ""]
    numbers = [_number(number) for number in (value.middle, value.low, value.high)]
    return [*numbers, axis.label, value.how, value.basis]


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def _write(path: Path, data: bytes) -> None:
    """Beside, then renamed: a kill or a full disk leaves the old file or none."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
