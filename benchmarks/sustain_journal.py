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

from edge_edet.benchmarks.checks import with_checks
from edge_edet.benchmarks.rows import BenchmarkRow, Minute, Sustain, row_from_dict
from edge_edet.benchmarks.typed_json import from_json

__all__ = ["Journal"]


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
            begun, *rest = path.read_text("utf-8").split("\n")[:-1] or [""]  # the last: torn
            if rest:
                yield _row(json.loads(begun), [json.loads(one) for one in rest], str(path))
            path.unlink(missing_ok=True)

    def clear(self, key: str) -> None:
        """The row is in the file now."""
        with contextlib.suppress(FileNotFoundError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self._rows.with_name(f"{self._rows.name}.{key}.minutes")


def _row(begun: dict[str, Any], rest: list[dict[str, Any]], where: str) -> BenchmarkRow:
    row = row_from_dict(begun["row"], where)
    minutes = tuple(from_json(Minute, one["minute"], where) for one in rest)
    assert row.sustain is not None
    fields = {**vars(row), "sustain": Sustain(row.sustain.seconds, minutes)}
    return with_checks(BenchmarkRow(**fields))
