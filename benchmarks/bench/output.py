"""What the bench command shows: a table as it grows, one JSON document, or JSON Lines."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.bench.table import HEADER, LEGEND, details, statistics, table_line
from edge_edet.benchmarks.measuring import Journal
from edge_edet.benchmarks.rows import BenchmarkRow, RowFile, row_from_dict, row_to_dict
from edge_edet.terminal import INTERVAL_S, joined

__all__ = ["BenchOutput"]


class BenchOutput:
    """Takes the lines of docs/measuring.md from any number of threads. form: table, json, jsonl.

    Rows are on the disk before they are shown.
    """

    def __init__(self, form: str, file: RowFile | None, path: Path | None):
        self.form = form
        self.rows: list[BenchmarkRow] = []
        self._file = file
        self._journal = Journal(path) if path is not None else None
        self._lock = threading.Lock()
        self._told = time.monotonic()
        self._headed = False
        self.stopped = False  # by Ctrl-C, which reaches the main thread only
        self._line = 0  # length of the line of progress on the terminal

    def __call__(self, line: dict[str, Any]) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        with self._lock:
            if line["kind"] == "row":
                self._row(line)
            elif line["kind"] in ("begun", "minute") and self._journal is not None:
                self._journal.add(line)
            if self.form == "jsonl":
                print(json.dumps(line, ensure_ascii=False), flush=True)
            elif line["kind"] == "note":
                self._say(line["text"])
            elif line["kind"] == "progress":
                self._progress(line["text"])

    def note(self, text: str) -> None:
        self({"kind": "note", "text": text})

    def end(self) -> None:
        """Says what comes after all rows."""
        if self.form == "jsonl":
            self({"kind": "end", "rows": len(self.rows)})
        elif self.form == "json":
            listed = [
                {"key": row.key, "statistics": statistics(row), "row": row_to_dict(row)}
                for row in self.rows
            ]
            print(json.dumps({"rows": listed}, indent=1, ensure_ascii=False))
        elif self.rows:
            self._clear()
            if any(row.how != "estimated" for row in self.rows):
                print(f"\n{LEGEND}")
            self._estimates()

    def _estimates(self) -> None:
        """In a table of their own, below what was measured: each figure says what it is."""
        from edge_edet.benchmarks.estimate import report

        estimated = [row for row in self.rows if row.how == "estimated"]
        for number, device in enumerate(dict.fromkeys(row.device for row in estimated)):
            if number or len(estimated) < len(self.rows):
                print()
            print(report([row for row in estimated if row.device == device]))

    def _row(self, line: dict[str, Any]) -> None:
        row = row_from_dict(line["row"], "row")
        if self._file is not None:
            self._file.add(row)
        if self._journal is not None and row.sustain is not None:
            self._journal.clear(row.key)
        self.rows.append(row)
        if self.form != "table" or row.how == "estimated":
            return
        self._clear()
        if not self._headed:
            print(HEADER)
            self._headed = True
        print(joined([table_line(row), *details(row)]), flush=True)

    def _say(self, text: str) -> None:
        self._clear()
        print(f"edge-edet: {text}", file=sys.stderr, flush=True)

    def _progress(self, text: str) -> None:
        """One line that is written over on a terminal, a plain line now and then elsewhere."""
        if sys.stderr.isatty():
            shown = text[:79]
            print(f"\r{shown:{self._line}}", end="", file=sys.stderr, flush=True)
            self._line = len(shown)
        elif time.monotonic() - self._told >= INTERVAL_S:
            self._told = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._line:
            print(f"\r{'':{self._line}}\r", end="", file=sys.stderr, flush=True)
            self._line = 0
