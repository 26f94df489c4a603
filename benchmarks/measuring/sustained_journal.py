"""The minutes of a sustained run, kept as they come: a kill in minute 20 leaves 19.

A board cools down in a pause, so that a run cannot be continued: what was kept becomes a row that
says that it was cut short, at once or by the next command, and `--resume` starts that run anew.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
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
from edge_edet.files import read_input

__all__ = ["Journal"]

BEGUN = b'{"kind": "begun"'  # what every journal starts with
AWAY = "move the file away, and run the command again"


class Journal:
    """Files beside the file of rows, one for each run that is going on, or was killed."""

    def __init__(self, rows: Path):
        self._rows = rows

    def add(self, line: dict[str, Any]) -> None:
        """Takes "begun" and "minute" lines."""
        mode = "w" if line["kind"] == "begun" else "a"
        with self._path(line["key"]).open(mode, encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def recover(self) -> Iterator[BenchmarkRow]:
        """The rows of runs that did not come to their end; those without a minute are dropped."""
        for path in sorted(self._rows.parent.glob(f"{self._rows.name}.*.minutes")):
            data = read_input(path, repr(str(path)), LIMIT)
            begun, *rest = data.split(b"\n")[:-1] or [b""]  # the last: torn
            if rest:
                yield _row(begun, rest, str(path))
            elif not data.startswith(BEGUN[: len(data)]):
                raise InputError(f"{str(path)!r} is no journal of a sustained run: {AWAY}")
            path.unlink(missing_ok=True)

    def clear(self, key: str) -> None:
        """The row is in the file now."""
        with contextlib.suppress(FileNotFoundError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self._rows.with_name(f"{self._rows.name}.{key}.minutes")


def _row(begun: bytes, rest: list[bytes], where: str) -> BenchmarkRow:
    """Raises InputError for a file that something else wrote to."""
    row = row_from_dict(_part(begun, "row", where), where)
    minutes = tuple(from_json(Minute, _part(one, "minute", where), where) for one in rest)
    if row.sustain is None:
        raise InputError(f"{where}: the row is of no sustained run: {AWAY}")
    fields = {**vars(row), "sustain": Sustain(row.sustain.seconds, minutes)}
    return with_checks(BenchmarkRow(**fields))


def _part(line: bytes, key: str, where: str) -> Any:
    try:
        return json.loads(line)[key]
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{where}: expected a line with {key!r}, but found {line[:40]!r}: {AWAY}"
        ) from None
