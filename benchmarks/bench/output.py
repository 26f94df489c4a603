"""What the bench command prints: a table as it grows, one JSON document, or JSON Lines."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from edge_edet.benchmarks.bench.table import HEADER, LEGEND, details, statistics, table_lines
from edge_edet.benchmarks.measuring import (
    Ended,
    Event,
    Journal,
    MinuteMeasured,
    Note,
    ProgressMade,
    RowMeasured,
    RunBegun,
    event_to_dict,
)
from edge_edet.benchmarks.rows import BenchmarkRow, RowFile, row_to_dict
from edge_edet.terminal import Progress, joined

__all__ = ["BenchOutput"]


class BenchOutput:
    """Takes events from any number of threads; a row is on the disk before it is printed.

    Parameters
    ----------
    form
        "table", "json", "jsonl", or "quiet" for progress and notes only.
    file
        Where rows are appended; None for nowhere.
    path
        The path of that file, beside which the journals of sustained runs lie.
    """

    def __init__(self, form: str, file: RowFile | None, path: Path | None):
        self.form = form
        self.rows: list[BenchmarkRow] = []
        self._file = file
        self._journal = Journal(path) if path is not None else None
        self._lock = threading.Lock()
        self._headed = False
        self.stopped = False  # by Ctrl-C, which reaches the main thread only
        self._progress: dict[str, Progress] = {}  # by its text

    def __call__(self, event: Event) -> None:
        """Keep and print one event. Raises KeyboardInterrupt where the command was stopped."""
        if self.stopped:
            raise KeyboardInterrupt
        with self._lock:
            if isinstance(event, RowMeasured):
                self._row(event.row)
            elif isinstance(event, (RunBegun, MinuteMeasured)) and self._journal is not None:
                self._journal.add(event)
            if self.form == "jsonl":
                print(json.dumps(event_to_dict(event), ensure_ascii=False), flush=True)
            elif isinstance(event, Note):
                self._say(event.text)
            elif isinstance(event, ProgressMade):
                self._show(event)

    def note(self, text: str) -> None:
        """Print a note for people.

        Parameters
        ----------
        text
            One line.
        """
        self(Note(text))

    def error(self, error: Exception) -> None:
        """Print the one line of something that failed, while the rest goes on.

        Parameters
        ----------
        error
            What failed.
        """
        with self._lock:
            self._say(f"error: {error}")

    def end(self) -> None:
        """Print what comes after all rows."""
        self.clear()
        if self.form == "jsonl":
            self(Ended(len(self.rows)))
        elif self.form == "json":
            listed = [
                {"key": row.key, "statistics": statistics(row), "row": row_to_dict(row)}
                for row in self.rows
            ]
            print(json.dumps({"rows": listed}, indent=1, ensure_ascii=False))
        elif self.rows:
            estimated = [row for row in self.rows if row.how == "estimated"]
            if any(row.how not in ("estimated", "counted") for row in self.rows):
                print(f"\n{LEGEND}")
            if estimated:
                self._estimates(estimated)

    def clear(self) -> None:
        """Remove the progress from the terminal."""
        for one in self._progress.values():
            one.close()
        self._progress = {}

    def _estimates(self, estimated: list[BenchmarkRow]) -> None:
        """Print them as a table of their own, below what was measured: each figure says what it is."""
        from edge_edet.benchmarks.estimate import report

        for number, device in enumerate(dict.fromkeys(row.device for row in estimated)):
            if number or len(estimated) < len(self.rows):
                print()
            print(report([row for row in estimated if row.device == device]))

    def _row(self, row: BenchmarkRow) -> None:
        if self._file is not None:
            self._file.add(row)
        if self._journal is not None and row.sustain is not None:
            self._journal.clear(row.key)
        self.rows.append(row)
        if self.form != "table" or row.how == "estimated":
            return
        self.clear()
        if not self._headed:
            print(HEADER)
            self._headed = True
        print(joined([*table_lines(row), *details(row)]), flush=True)

    def _say(self, text: str) -> None:
        self.clear()
        print(f"edge-edet: {text}", file=sys.stderr, flush=True)

    def _show(self, event: ProgressMade) -> None:
        known = self._progress.get(event.text)
        if known is None:
            self._progress[event.text] = Progress(event.text, event.total, "samples", event.done)
        else:
            known.move_to(event.done, event.total)
