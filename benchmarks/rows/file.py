"""Files of rows: JSON Lines, one row a line, only ever appended to.

A kill loses at most the row that is being written: what it leaves is a last line without its end,
which readers pass over and the next writer cuts off. Any other damage is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_edet.benchmarks.rows.schema import BenchmarkRow, row_from_dict, row_to_dict
from edge_edet.errors import InputError
from edge_edet.files import (
    JsonLinesFile,
    Limit,
    LineFormat,
    dump_line,
    parse_json_lines,
    read_json_lines,
)

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
FORMAT = LineFormat(
    "file of rows of 'edge-edet bench'",
    "a row",
    (b'{"schema_version":',),
    "'edge-edet bench'",
    "-o",
    LIMIT,
)


class RowFile:
    """An open file of rows.

    Attributes
    ----------
    rows
        Those that were there, then those added.
    """

    def __init__(self, file: JsonLinesFile):
        self._file = file
        self.rows = [row_from_dict(document, where) for where, document in file.documents()]

    def add(self, row: BenchmarkRow) -> None:
        """Append the row; it is on the disk when this returns.

        Parameters
        ----------
        row
            Any row.
        """
        self._file.add(row_to_dict(row))
        self.rows.append(row)


@contextlib.contextmanager
def open_rows(path: Path) -> Iterator[RowFile]:
    """Open a file to append rows to, and create it where it does not exist.

    Parameters
    ----------
    path
        Of the file.

    Yields
    ------
    RowFile
        The open file.

    Raises
    ------
    InputError
        Where it is not a regular file, holds anything but rows, or another process writes to
        it.
    """
    with JsonLinesFile.open(path, FORMAT) as file:
        yield RowFile(file)


def append_rows(path: Path, rows: Iterable[BenchmarkRow]) -> None:
    """Append rows as `open_rows` and `add` do."""
    with open_rows(path) as file:
        for row in rows:
            file.add(row)


def read_rows(path: Path) -> list[BenchmarkRow]:
    """Read the rows in their order.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    list[BenchmarkRow]
        The rows.

    Raises
    ------
    InputError
        Where it is no file of rows; the message names file, line and key.
    """
    missing = f"no file of rows {str(path)!r}: make one with 'edge-edet bench -o {path}'"
    found = read_json_lines(path, FORMAT, f"file of rows {str(path)!r}", missing=missing)
    return [row_from_dict(document, where) for where, document in found]


def parse_rows(data: bytes, where: str) -> list[BenchmarkRow]:
    """Read rows from the bytes of a file; where: its name, for messages."""
    return [row_from_dict(row, place) for place, row in parse_json_lines(data, where, FORMAT)]


def is_rows(path: Path) -> bool:
    """Whether it is a file of rows, and nothing else.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    bool
        Whether it is.
    """
    try:
        return bool(read_rows(path))
    except (InputError, OSError):
        return False


def dump_row(row: BenchmarkRow) -> str:
    """Write the row as one line of JSON.

    Parameters
    ----------
    row
        Any row.

    Returns
    -------
    str
        JSON without an end of line.
    """
    return dump_line(row_to_dict(row))


def done_keys(rows: Iterable[BenchmarkRow]) -> set[str]:
    """Collect the keys that need not be measured again; a sustained run that was cut short must be.

    Parameters
    ----------
    rows
        Of a file.

    Returns
    -------
    set[str]
        Their keys.
    """
    return {
        row.key
        for row in rows
        if row.sustain is None or len(row.sustain.minutes) * 60 >= row.sustain.seconds
    }
