"""The report as one HTML page: self-contained, light and dark, for screens of any width and for paper."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from edge_edet import __version__
from edge_edet.benchmarks.analysis import ap_of, latency_of, way_of
from edge_edet.benchmarks.report.figures import Figure, css_variables, inline_svg, mark_ids
from edge_edet.benchmarks.report.row_lines import mark_lines, row_lines
from edge_edet.benchmarks.rows import BenchmarkRow
from edge_edet.output_files import html_page, table_rows

__all__ = ["Content", "page"]


@dataclass(frozen=True)
class Content:
    """What the page shows.

    Attributes
    ----------
    svgs
        Figure name -> layout name -> SVG.
    given
        The files of rows, as the person gave them.
    notes
        On rows that were left out.
    """

    figures: Sequence[Figure]
    svgs: Mapping[str, Mapping[str, str]]
    rows: Sequence[BenchmarkRow]
    given: Sequence[str]
    notes: Sequence[str]

    @property
    def drawn(self) -> list[Figure]:
        """The figures that have something to draw."""
        return [figure for figure in self.figures if figure.panels]


def page(content: Content) -> str:
    """Return the HTML of the report; it loads nothing and its policy forbids it to."""
    script = _asset("page.js")
    style = _asset("page.css").replace("LIGHT", css_variables(False))
    style = style.replace("DARK", css_variables(True))
    body = [
        *_head(content),
        *(line for figure in content.drawn for line in _section(figure, content)),
        *_not_drawn(content),
        *_table(content.rows),
        '<div id="tip" role="status" hidden></div>',
        f'<script type="application/json" id="data">{_data(content)}</script>',
    ]
    return html_page("edge-edet report", "edge-edet report", style, body, script=script)


def _asset(name: str) -> str:
    return files("edge_edet.benchmarks.report").joinpath(name).read_text("utf-8")


def _head(content: Content) -> Iterator[str]:
    yield f"<h1>{_title(content)}</h1>"
    count = len(content.rows)
    hows = [row.how for row in content.rows]
    counts = ", ".join(f"{hows.count(how)} {how}" for how in dict.fromkeys(hows))
    devices = ", ".join(dict.fromkeys(row.device.id for row in content.rows))
    yield (
        f"<p>{count} row{'s' * (count != 1)} ({escape(counts)}) from {escape(', '.join(content.given))}; "
        f"devices: {escape(devices)}.</p>"
    )
    if content.drawn:
        yield f"<p>{' '.join(_how_to_read(content))}</p>"
        yield (
            '<p class="hint muted">Point at a mark, tap it, or move to it with Tab to see its whole row.</p>'
        )
    yield from _list(content.notes)
    links = [f'<li><a href="#{f.name}">{escape(f.title)}</a></li>' for f in content.drawn]
    yield f'<nav><ul>{"".join(links)}<li><a href="#rows">All rows</a></li></ul></nav>'


def _title(content: Content) -> str:
    """Return a title for the figures that are drawn."""
    names = [figure.name for figure in content.drawn]
    if any(name.startswith("ap-") for name in names):
        return "Accuracy against latency and size"
    return "Latency" if names else "Benchmark rows"


def _how_to_read(content: Content) -> Iterator[str]:
    """Explain the kinds of marks that are drawn."""
    marks = [mark for figure in content.drawn for _, _, mark in figure.marks()]
    own = {mark.how for mark in marks if not mark.all_published}
    if own & {"measured", "computed"}:
        yield (
            "Filled marks are measured; their bars are 95 % intervals (for times, of the median)."
        )
    if "estimated" in own:
        yield "Hollow marks are estimates; their bars are the intervals of the estimates."
    if "published" in own:
        yield "Half-filled marks have a published AP that was not measured here."
    if any(mark.all_published for mark in marks):
        yield "Grey marks are published numbers of the source that the legend names."


def _not_drawn(content: Content) -> Iterator[str]:
    """List the figures that have no data, and what was left out of them."""
    empty = [figure for figure in content.figures if not figure.panels]
    if not empty:
        return
    reasons = "; ".join(f"{one.title}: {one.notes[0]}" for one in empty)
    yield f'<section id="not-drawn"><p class="muted">Not drawn. {escape(reasons)}.</p>'
    drawn = {note for figure in content.drawn for note in figure.notes}
    more = dict.fromkeys(note for one in empty for note in one.notes[1:] if note not in drawn)
    yield f'<div class="muted">{"".join(_list(list(more)))}</div></section>'


def _section(figure: Figure, content: Content) -> Iterator[str]:
    yield f'<section id="{figure.name}"><h2>{escape(figure.title)}</h2>'
    yield "<figure>"
    title = escape(f"{figure.title}: {sum(1 for _ in figure.marks())} points, also in the CSV")
    for layout, svg in content.svgs[figure.name].items():
        prefix = f"{layout[0]}-"
        drawn = inline_svg(svg, prefix, title)
        yield drawn.replace("<svg", f'<svg class="{layout}" data-prefix="{prefix}"', 1)
    links = ", ".join(f'<a href="{figure.name}.{kind}">{kind.upper()}</a>' for kind in KINDS)
    yield f"<figcaption>{''.join(_list(figure.notes))}{links}</figcaption></figure></section>"


KINDS = ("svg", "png", "csv")


def _list(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"


def _table(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    yield '<section id="rows"><h2>All rows</h2><div class="scroll"><table>'
    heads = (
        "model",
        "precision",
        "device and configuration",
        "origin",
        "inference, ms",
        "AP",
        "warnings",
    )
    yield from table_rows(heads, map(_cells, rows), numbers=(4, 5))
    yield "</table></div>"
    yield f'<p class="muted">edge-edet {__version__}</p></section>'


def _cells(row: BenchmarkRow) -> tuple[str, ...]:
    time, ap = latency_of(row), ap_of(row.accuracy)
    return (
        row.model.file,
        row.model.precision,
        way_of(row),
        row.how,
        "-" if time is None else f"{time.middle:.4g}",
        "-" if ap is None else f"{ap.middle:.1f}",
        ", ".join(one.code for one in row.warnings),
    )


def _data(content: Content) -> str:
    """Return the JSON that the script shows: mark id -> title, lines and number of its row.

    "<" is escaped, so that no text of a row can end the script element.
    """
    numbers = {id(row): number for number, row in enumerate(content.rows)}
    marks = {}
    for figure in content.figures:
        for one, (panel, series, mark) in zip(mark_ids(figure), figure.marks(), strict=True):
            lines = [["series", series.name], *mark_lines(panel, mark)]
            row = numbers[id(mark.row)] if mark.row is not None else None
            marks[one] = {"title": mark.title, "lines": lines, "row": row}
    document = {"marks": marks, "rows": [row_lines(row) for row in content.rows]}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
