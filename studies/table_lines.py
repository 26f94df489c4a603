"""Lines of a study's table: the published number, ours, and their ratio."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_edet.terminal import csv_cell

__all__ = ["TableLine", "to_csv", "to_text", "wrapped"]

COLUMNS = 80
FIELDS = (
    "study",
    "model",
    "quantity",
    "unit",
    "published",
    "source",
    "ours",
    "ratio",
    "low",
    "high",
    "n",
    "note",
)
HEADER = f"{'model':27} {'quantity':23} {'published':>9} {'ours':>9} {'ratio':>6}"


@dataclass(frozen=True)
class TableLine:
    """One line.

    Attributes
    ----------
    unit
        "M", "B", "MB", "ms" or "x".
    ours
        None where it was not measured.
    low, high
        The 95 % interval of ours.
    n
        Number of samples behind it.
    note
        A sentence on why ours differs from the published number.
    """

    study: str
    model: str
    quantity: str
    unit: str
    published: float | None
    source: str | None
    ours: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours / published; None without both."""
        if self.published is None or self.ours is None:
            return None
        return self.ours / self.published

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        return {**vars(self), "ratio": self.ratio}


def to_csv(lines: Sequence[TableLine]) -> str:
    """Return the lines as CSV."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, FIELDS, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({key: csv_cell(_short(value)) for key, value in line.to_dict().items()})
    return buffer.getvalue()


def to_text(lines: Sequence[TableLine], remarks: Sequence[str]) -> str:
    """Return the table in at most 80 columns, with each note once and then the remarks."""
    body = [_row(line) for line in lines]
    notes = [f"{', '.join(where)}: {note}" for note, where in _grouped(lines).items()]
    below = [part for text in (*notes, *remarks) for part in wrapped(text)]
    return "\n".join([HEADER, *body, *([""] if below else []), *below]) + "\n"


def _grouped(lines: Sequence[TableLine]) -> dict[str, list[str]]:
    """Return note -> the models that it concerns."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.note:
            where = found.setdefault(line.note, [])
            if line.model not in where:
                where.append(line.model)
    return found


def _row(line: TableLine) -> str:
    interval = ""
    if line.low is not None and line.high is not None and line.unit == "x":
        interval = f"  ({_number(line.low, 'x')} to {_number(line.high, 'x')})"
    ratio = f"{line.ratio:.3f}" if line.ratio is not None else "-"
    text = (
        f"{line.model[:27]:27} {line.quantity[:23]:23} {_number(line.published, line.unit):>9} "
        f"{_number(line.ours, line.unit):>9} {ratio:>6}"
    )
    return text + (f"\n{interval:>76}" if interval else "")


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "x":
        return f"{value:.2f}x"
    return f"{value:.{0 if value >= 1000 else 1 if value >= 100 else 2}f}{'' if unit == 'ms' else ' '}{unit}"


def _short(value: Any) -> Any:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


def wrapped(text: str) -> Iterator[str]:
    """Yield the lines of a text as an entry of a list."""
    yield from textwrap.wrap(text, COLUMNS, initial_indent="- ", subsequent_indent="  ")
