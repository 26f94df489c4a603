"""The log of a search: one JSON line for each result, so that a killed search can resume."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.files import JsonLinesFile, Limit, LineFormat, read_json_lines

FORMAT_VERSION = 1
FORMAT = LineFormat(
    "log of 'edge-edet convert --max-drop'",
    "a result",
    (b'{"format_version":',),
    "'edge-edet convert'",
    "-o",
    Limit(64 << 20, "a search writes a line for each candidate"),
    advice="remove the line or the file",
)


@dataclass(frozen=True)
class Measured:
    """The measurements of one candidate.

    Attributes
    ----------
    name
        Name of the candidate.
    candidate
        Its description (`Candidate.to_dict`).
    ap
        AP, 0 to 1.
    drop
        Loss of AP against the float model, in points (100 points = 1.0 AP).
    ms
        Median time of one inference, in milliseconds.
    size_bytes
        Size of the model.
    operators
        Number of operators.
    non_integer_operators
        How many operators are not integer; for an OpenVINO IR, how many convolutions are in float.
    """

    name: str
    candidate: dict[str, Any]
    ap: float
    drop: float
    ms: float
    size_bytes: int
    operators: int
    non_integer_operators: int


class SearchLog:
    """The results of one search, identified by a key. Results stored under another key are not used."""

    def __init__(self, path: Path, key: str):
        self.path, self.key = path, key
        self._known: dict[str, Any] = {}
        found = read_json_lines(path, FORMAT, repr(str(path))) if path.exists() else []
        for where, row in found:
            if not isinstance(row, dict):
                raise FORMAT.damage(f"{where}: expected a result, but found {str(row)[:40]!r}")
            if row.get("key") == key:
                self._known[str(row.get("what"))] = row.get("result")
        self.resumed = len(self._known)

    def get(self, what: str) -> Any:
        """Return the result stored under that name, or None."""
        return self._known.get(what)

    def put(self, what: str, result: Any) -> None:
        """Store a result. It is on disk when this returns."""
        self._known[what] = result
        row = {"format_version": FORMAT_VERSION, "key": self.key, "what": what, "result": result}
        with JsonLinesFile.open(self.path, FORMAT) as file:
            file.add(row)


def table(rows: Iterable[Measured], chosen: str | None) -> list[str]:
    """Return the lines of a table, fastest first. `*`: no faster one has as much AP; `>`: chosen."""
    ordered = sorted(rows, key=lambda row: row.ms)
    lines = [f"{'':2}{'candidate':<34}{'AP':>8}{'drop':>8}{'ms':>8}{'MB':>7}{'in float':>11}"]
    best = float("-inf")
    for row in ordered:
        mark = "*" if row.ap > best else " "
        best = max(best, row.ap)
        mark = ">" if row.name == chosen else mark
        lines.append(
            f"{mark} {row.name:<34}{row.ap:>8.4f}{row.drop:>8.2f}{row.ms:>8.1f}"
            f"{row.size_bytes / 1e6:>7.1f}{row.non_integer_operators:>11}"
        )
    return lines
