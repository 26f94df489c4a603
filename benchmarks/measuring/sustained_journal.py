"""The minutes of a sustained run, kept as they come: a kill in minute 20 leaves 19.

A board cools down in a pause, so that a run cannot be continued: what was kept becomes a row that
says that it was cut short, at once or by the next command, and `--resume` starts that run anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_edet.benchmarks.measuring.events import (
    Event,
    MinuteMeasured,
    RunBegun,
    event_from_dict,
    event_to_dict,
)
from edge_edet.benchmarks.rows import (
    LIMIT,
    BenchmarkRow,
    Sustain,
    with_checks,
)
from edge_edet.errors import InputError
from edge_edet.files import JsonLinesFile, LineFormat, read_json_lines

__all__ = ["Journal"]

AWAY = "move the file away, and run the command again"
FORMAT = LineFormat(
    "journal of a sustained run",
    "a line",
    (b'{"kind":',),
    "'edge-edet bench'",
    "-o",
    LIMIT,
    advice=AWAY,
)


class Journal:
    """Files beside the file of rows, one for each run that is going on, or was killed.

    Parameters
    ----------
    rows
        The file of rows that it lies beside.
    """

    def __init__(self, rows: Path):
        self._rows = rows

    def add(self, event: RunBegun | MinuteMeasured) -> None:
        """Append an event; the begin of a run starts its file anew.

        Parameters
        ----------
        event
            Of a sustained run.
        """
        path = self._path(event.row.key if isinstance(event, RunBegun) else event.key)
        if isinstance(event, RunBegun):
            path.unlink(missing_ok=True)
        with JsonLinesFile.open(path, FORMAT) as file:
            file.add(
                event_to_dict(event), durable=False
            )  # waiting for a disk would be heard in the next minute

    def recover(self) -> Iterator[BenchmarkRow]:
        """Yield the rows of runs that did not come to their end; those without a minute are dropped.

        Yields
        ------
        BenchmarkRow
            A row with the minutes that were measured.
        """
        for path in sorted(self._rows.parent.glob(f"{self._rows.name}.*.minutes")):
            found = read_json_lines(path, FORMAT, repr(str(path)))
            events = [_event(document, place) for place, document in found]
            row = _row(events, str(path))
            if row is not None:
                yield row
            path.unlink(missing_ok=True)

    def clear(self, key: str) -> None:
        """Remove the journal of a run whose row is in the file now.

        Parameters
        ----------
        key
            Of the run's row.
        """
        with contextlib.suppress(FileNotFoundError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self._rows.with_name(f"{self._rows.name}.{key}.minutes")


def _row(events: Sequence[Event], where: str) -> BenchmarkRow | None:
    """None for a run without a minute. Raises InputError for a file that something else wrote to."""
    if not events:
        return None
    begun, *rest = events
    if not isinstance(begun, RunBegun) or begun.row.sustain is None:
        raise FORMAT.damage(f"{where}: the first line is not the begin of a sustained run")
    minutes = [event.minute for event in rest if isinstance(event, MinuteMeasured)]
    if len(minutes) < len(rest):
        raise FORMAT.damage(f"{where}: a line after the first is not a minute of the run")
    sustain = Sustain(begun.row.sustain.seconds, tuple(minutes))
    return with_checks(dataclasses.replace(begun.row, sustain=sustain)) if minutes else None


def _event(document: object, where: str) -> Event:
    try:
        return event_from_dict(document, where)
    except InputError as error:
        raise FORMAT.damage(str(error)) from None
