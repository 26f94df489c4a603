"""Files of rows: JSON Lines, one row a line, only ever appended to.

A kill loses at most the row that is being written: what it leaves is a last line without its end,
which readers pass over and the next writer cuts off. Any other damage is refused.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from edge_edet.benchmarks.rows.schema import BenchmarkRow, row_from_dict, row_to_dict
from edge_edet.errors import InputError
from edge_edet.files import Limit, append_line, open_appended, read_input

__all__ = [
    "RowFile",
    "append_rows",
    "done_keys",
    "dump_row",
    "is_rows",
    "open_rows",
    "parse_rows",
    "read_rows",
]

LIMIT = Limit(256 << 20, "a row has some 60 kB: split the file")
ROW_START = b'{"schema_version":'


class RowFile:
    """An open file of rows. `rows`: those that were there, then those added."""

    def __init__(self, stream: IO[bytes], rows: list[BenchmarkRow]):
        self._stream = stream
        self.rows = rows

    def add(self, row: BenchmarkRow) -> None:
        """On the disk when this returns."""
        append_line(self._stream, dump_row(row).encode(), durable=True)
        self.rows.append(row)


@contextlib.contextmanager
def open_rows(path: Path) -> Iterator[RowFile]:
    """The file to append to, made where it is not there.

    Raises InputError where it is no file, holds anything but rows, or another process writes to it.
    """
    with open_appended(path, "'edge-edet bench'", "-o") as stream:
        data = stream.read(LIMIT.size_bytes + 1)
        if len(data) > LIMIT.size_bytes:
            raise InputError(
                f"{str(path)!r} has more than {LIMIT.size_bytes:,} bytes, and {LIMIT.reason}, or "
                "give another -o"
            )
        rows = parse_rows(data, str(path))
        stream.truncate(data.rfind(b"\n") + 1)
        stream.seek(0, os.SEEK_END)
        yield RowFile(stream, rows)


def append_rows(path: Path, rows: Iterable[BenchmarkRow]) -> None:
    """As `open_rows` and `add`."""
    with open_rows(path) as file:
        for row in rows:
            file.add(row)


def read_rows(path: Path) -> list[BenchmarkRow]:
    """The rows in their order. Raises InputError that names file, line and key."""
    missing = f"no file of rows {str(path)!r}: make one with 'edge-edet bench -o {path}'"
    data = read_input(path, f"file of rows {str(path)!r}", LIMIT, missing=missing)
    return parse_rows(data, str(path))


def parse_rows(data: bytes, where: str) -> list[BenchmarkRow]:
    *lines, torn = data.split(b"\n")  # after the last line's end: nothing, or a torn row
    if not torn.startswith(ROW_START[: len(torn)]):
        raise InputError(
            f"{where} is no file of rows of 'edge-edet bench': it ends in {torn[-40:]!r}"
        )
    return [
        row_from_dict(_loads(line, f"{where}, line {number}"), f"{where}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def is_rows(path: Path) -> bool:
    """Whether it is a file of rows, and nothing else."""
    try:
        return bool(read_rows(path))
    except (InputError, OSError):
        return False


def dump_row(row: BenchmarkRow) -> str:
    """The row as one line of JSON."""
    return json.dumps(row_to_dict(row), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def done_keys(rows: Iterable[BenchmarkRow]) -> set[str]:
    """What need not be measured again; a sustained run that was cut short must be."""
    return {
        row.key
        for row in rows
        if row.sustain is None or len(row.sustain.minutes) * 60 >= row.sustain.seconds
    }


def _loads(line: bytes, where: str) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{where}: expected a row as JSON, but found {line[:40]!r}") from None
