"""The state file, from which a killed evaluation continues where it stopped.

It is JSON Lines and only ever appended to. The first line identifies the format; every other one is
`{"run": key, ...row}`. The key is a hash of all that detections depend on. One file can therefore hold
many runs, and rows of another model, other data or another protocol are never mixed up with those of
this run. An incomplete last line, as a kill leaves it, is cut off; any other damage is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.accuracy.run_detector import EvalRow
from edge_edet.errors import InputError
from edge_edet.files import JsonLinesFile, LineFormat

__all__ = ["FOLDER", "StateFile", "open_state", "run_key"]

FOLDER = Path("build") / "eval"
HEADER = {"edge_edet_eval": 1}
FORMAT = LineFormat(
    f"state file of 'edge-edet eval' version {HEADER['edge_edet_eval']}",
    "a row",
    (b'{"edge_edet_eval":1}', b'{"run":'),
    "evaluation",
    "--state",
    advice="remove the line or the file",
)


def run_key(described: dict[str, Any]) -> str:
    """Return the hash of model, data, protocol and runtime as 32 hex digits."""
    text = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class StateFile:
    """The rows of one run: those on disk and those added since, by picture id."""

    def __init__(self, file: JsonLinesFile | None, key: str, rows: dict[int, EvalRow]):
        self._file = file
        self._key = key
        self.rows = rows

    def add(self, row: EvalRow) -> None:
        """Keep the row; a second one of the same picture is not written."""
        if row.picture in self.rows:
            return
        self.rows[row.picture] = row
        if self._file is not None:
            self._file.add({"run": self._key, **row.to_dict()}, durable=False)


@contextlib.contextmanager
def open_state(path: Path | None, key: str, num_classes: int | None = None) -> Iterator[StateFile]:
    """Open the state in `path`, and create it where it does not exist; None keeps it in memory.

    Parameters
    ----------
    key
        Of the run: rows of other runs are ignored.
    num_classes
        Of the model; None where it is unknown.

    Raises
    ------
    InputError
        The file is something else, damaged, or in use by another evaluation.
    """
    if path is None:
        yield StateFile(None, key, {})
        return
    with JsonLinesFile.open(path, FORMAT) as file:
        yield StateFile(file, key, _read(file, path, key, num_classes))


def _read(file: JsonLinesFile, path: Path, key: str, num_classes: int | None) -> dict[int, EvalRow]:
    documents = file.documents()
    _, first = next(documents, ("", None))
    if first is None:  # new, or killed in its first line
        file.add(HEADER, durable=False)
        return {}
    if first != HEADER:
        raise InputError(f"{str(path)!r} is no {FORMAT.name}: give another --state")
    rows: dict[int, EvalRow] = {}
    for where, document in documents:
        try:
            if document["run"] == key:
                row = EvalRow.from_dict(document, num_classes)
                rows.setdefault(row.picture, row)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            why = f" ({error})" if type(error) is ValueError else ""
            raise FORMAT.damage(f"{where} is damaged{why}") from None
    return rows
