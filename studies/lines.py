"""A line of a study's table: what was published, what we have, and the ratio of the two."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_edet.terminal import csv_cell

__all__ = ["Line", "to_csv", "to_text", "wrapped"]

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
class Line:
    """low, high: 95 % interval of ours; n: samples behind it; note: a sentence where they differ."""

    study: str
    model: str
    quantity: str
    unit: str  # "M", "B", "MB", "ms", "x"
    published: float | None
    source: str | None
    ours: float | None  # None: it was not measured
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """ours / published."""
        if self.published is None or self.ours is None:
            return None
        return self.ours / self.published

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "ratio": self.ratio}


def to_csv(lines: Sequence[Line]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, FIELDS, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({key: csv_cell(_short(value)) for key, value in line.to_dict().items()})
    return buffer.getvalue()


def to_text(lines: Sequence[Line], remarks: Sequence[str]) -> str:
    """At most 80 columns: the table, each sentence once, what holds for all of it."""
    body = [_row(line) for line in lines]
    notes = [f"{', '.join(where)}: {note}" for note, where in _grouped(lines).items()]
    told = [part for text in (*notes, *remarks) for part in wrapped(text)]
    return "\n".join([HEADER, *body, *([""] if told else []), *told]) + "\n"


def _grouped(lines: Sequence[Line]) -> dict[str, list[str]]:
    """Sentence -> what it is about."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.note:
            where = found.setdefault(line.note, [])
            if line.model not in where:
                where.append(line.model)
    return found


def _row(line: Line) -> str:
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
    """Its lines, as an entry of a list."""
    yield from textwrap.wrap(text, COLUMNS, initial_indent="- ", subsequent_indent="  ")
