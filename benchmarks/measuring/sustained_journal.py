"""The minutes of a sustained run, kept as they come: a kill in minute 20 leaves 19.

A board cools down in a pause, so that a run cannot be continued: what was kept becomes a row that
says that it was cut short, at once or by the next command, and `--resume` starts that run anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.rows import (
    LIMIT,
    BenchmarkRow,
    Minute,
    Sustain,
    from_json,
    row_from_dict,
    with_checks,
)
from edge_edet.errors import InputError
from edge_edet.files import JsonLinesFile, LineFormat, read_json_lines

__all__ = ["Journal"]

AWAY = "move the file away, and run the command again"
FORMAT = LineFormat(
    "journal of a sustained run",
    "a line",
    (b'{"kind":',),
    "'edge-edet bench'",
    "-o",
    LIMIT,
    advice=AWAY,
)
Line = tuple[str, Any]  # its place, for messages, and what it holds


class Journal:
    """Files beside the file of rows, one for each run that is going on, or was killed."""

    def __init__(self, rows: Path):
        self._rows = rows

    def add(self, line: dict[str, Any]) -> None:
        """Append a "begun" or a "minute" line; "begun" starts the file anew."""
        path = self._path(line["key"])
        if line["kind"] == "begun":
            path.unlink(missing_ok=True)
        with JsonLinesFile.open(path, FORMAT) as file:
            file.add(line, durable=False)  # waiting for a disk would be heard in the next minute

    def recover(self) -> Iterator[BenchmarkRow]:
        """Yield the rows of runs that did not come to their end; those without a minute are dropped."""
        for path in sorted(self._rows.parent.glob(f"{self._rows.name}.*.minutes")):
            found = read_json_lines(path, FORMAT, repr(str(path)))
            if len(found) > 1:
                yield _row(found[0], found[1:], str(path))
            elif found:
                _part(found[0], "row")
            path.unlink(missing_ok=True)

    def clear(self, key: str) -> None:
        """Remove the journal of a run whose row is in the file now."""
        with contextlib.suppress(FileNotFoundError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self._rows.with_name(f"{self._rows.name}.{key}.minutes")


def _row(begun: Line, rest: Iterable[Line], where: str) -> BenchmarkRow:
    """Raises InputError for a file that something else wrote to."""
    row = row_from_dict(_part(begun, "row"), where)
    minutes = tuple(from_json(Minute, _part(one, "minute"), where) for one in rest)
    if row.sustain is None:
        raise InputError(f"{where}: the row is of no sustained run: {AWAY}")
    fields = {**vars(row), "sustain": Sustain(row.sustain.seconds, minutes)}
    return with_checks(BenchmarkRow(**fields))


def _part(line: Line, key: str) -> Any:
    where, document = line
    if not isinstance(document, dict) or key not in document:
        raise FORMAT.damage(
            f"{where}: expected a line with {key!r}, but found {str(document)[:40]}"
        )
    return document[key]
