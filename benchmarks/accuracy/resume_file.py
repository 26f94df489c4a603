"""The state file: an evaluation that was killed goes on where it stopped.

JSON Lines, only ever appended to. The first line says what the file is; every other one is
`{"run": key, ...row}`. The key is a hash of all that the detections depend on, so one file may hold
many runs, and a row of another model, other data or another protocol is never taken for one of
this run. A torn last line, as a kill leaves it, is cut off; any other damage is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from edge_edet.benchmarks.accuracy.run_detector import EvalRow
from edge_edet.errors import InputError
from edge_edet.files import append_line, open_appended

__all__ = ["FOLDER", "StateFile", "open_state", "run_key"]

FOLDER = Path("build") / "eval"
MAX_LINE = 16 << 20  # bytes: a picture with 100,000 detections
HEADER = {"edge_edet_eval": 1}


def run_key(described: dict[str, Any]) -> str:
    """The hash of model, data, protocol and runtime, as 32 hex digits."""
    text = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class StateFile:
    """The rows of one run, those on disk and those added."""

    def __init__(self, stream: IO[bytes] | None, key: str, rows: dict[int, EvalRow]):
        self._stream = stream
        self._key = key
        self.rows = rows

    def add(self, row: EvalRow) -> None:
        """Keeps the row; a second one of the same picture is not written."""
        if row.picture in self.rows:
            return
        self.rows[row.picture] = row
        if self._stream is not None:
            line = {"run": self._key, **row.to_dict()}
            text = json.dumps(line, separators=(",", ":"))
            append_line(self._stream, text.encode(), durable=False)


@contextlib.contextmanager
def open_state(path: Path | None, key: str, num_classes: int | None = None) -> Iterator[StateFile]:
    """The state in `path`, made where it is not there; None keeps it in memory.

    num_classes: of the model, None where that is not known.

    Raises InputError where the file is something else, damaged, or in use by another evaluation.
    """
    if path is None:
        yield StateFile(None, key, {})
        return
    with open_appended(path, "evaluation", "--state") as stream:
        rows = _read(stream, path, key, num_classes)
        yield StateFile(stream, key, rows)


def _read(stream: IO[bytes], path: Path, key: str, num_classes: int | None) -> dict[int, EvalRow]:
    stream.seek(0)
    header = json.dumps(HEADER, separators=(",", ":")).encode() + b"\n"
    first = stream.readline(4096)
    if not first.endswith(b"\n") and header.startswith(first):  # new, or killed in its first line
        stream.truncate(0)
        stream.write(header)
        stream.flush()
        return {}
    if first != header:
        raise InputError(
            f"{str(path)!r} is no state file of 'edge-edet eval' version {HEADER['edge_edet_eval']}: "
            "give another --state"
        )
    rows: dict[int, EvalRow] = {}
    good = len(first)
    for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 2):
        if len(line) > MAX_LINE:
            raise InputError(
                f"{str(path)!r} line {number} has more than {MAX_LINE:,} bytes, a row has some "
                "thousand: give another --state"
            )
        if not line.endswith(b"\n"):
            stream.truncate(good)
            break
        good += len(line)
        try:
            document = json.loads(line)
            if document["run"] == key:
                row = EvalRow.from_dict(document, num_classes)
                rows.setdefault(row.picture, row)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            why = f" ({error})" if type(error) is ValueError else ""
            raise InputError(
                f"{str(path)!r} line {number} is damaged{why}: remove the line or the file"
            ) from None
    stream.seek(0, os.SEEK_END)
    return rows
