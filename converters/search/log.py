"""The search's memory: one JSON line a result, so that a killed search goes on where it was."""

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
    """One candidate: AP from 0 to 1, drop in AP points (100 = 1.0), milliseconds of an inference.

    non_integer_operators: of an OpenVINO IR, the convolutions in float.
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
    """Results of one search, known by its key: what was measured under another key is not used."""

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
        """Return the result stored under that name, None where there is none."""
        return self._known.get(what)

    def put(self, what: str, result: Any) -> None:
        """Store a result; it is on the disk when this returns."""
        self._known[what] = result
        row = {"format_version": FORMAT_VERSION, "key": self.key, "what": what, "result": result}
        with JsonLinesFile.open(self.path, FORMAT) as file:
            file.add(row)


def table(rows: Iterable[Measured], chosen: str | None) -> list[str]:
    """Every candidate, fastest first; `*`: none is both faster and better, `>`: chosen."""
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
