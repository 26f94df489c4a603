"""What happens while rows are measured: one type for each event, and their JSON.

Events are objects inside of a process. They become JSON (docs/measuring.md) only where they leave it: at
the pipe of a measuring process, at the standard output of `bench --jsonl`, in the journal of a
sustained run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from edge_edet.benchmarks.rows import BenchmarkRow, Minute, row_from_dict, row_to_dict
from edge_edet.errors import InputError
from edge_edet.files import from_json, to_json

__all__ = [
    "Emit",
    "Ended",
    "Event",
    "Failed",
    "MinuteMeasured",
    "Note",
    "ProgressMade",
    "RowMeasured",
    "RunBegun",
    "event_from_dict",
    "event_to_dict",
]


@dataclass(frozen=True)
class Note:
    """Something that people should know; nothing depends on it.

    Attributes
    ----------
    text
        One line.
    """

    text: str


@dataclass(frozen=True)
class ProgressMade:
    """How far a row is.

    Attributes
    ----------
    text
        What is measured, for people.
    done
        Samples so far.
    total
        The most samples that there may be in the end; None where that is not known yet.
    """

    text: str
    done: int
    total: int | None


@dataclass(frozen=True)
class RunBegun:
    """A sustained run began; row: all that is known of it, without a minute.

    Attributes
    ----------
    row
        All that is known of it, without a minute.
    """

    row: BenchmarkRow


@dataclass(frozen=True)
class MinuteMeasured:
    """A minute of a sustained run ended; key: the key of its row.

    Attributes
    ----------
    key
        Of the run's row.
    minute
        What was measured in it.
    """

    key: str
    minute: Minute


@dataclass(frozen=True)
class RowMeasured:
    """A row is complete as far as its process can measure it.

    Attributes
    ----------
    row
        As measured.
    """

    row: BenchmarkRow


@dataclass(frozen=True)
class Ended:
    """All is measured; rows: how many there are.

    Attributes
    ----------
    rows
        How many there are.
    """

    rows: int


@dataclass(frozen=True)
class Failed:
    """The measuring process gave up; status: of the error's class, as an exit status."""

    status: int
    text: str


Event: TypeAlias = Note | ProgressMade | RunBegun | MinuteMeasured | RowMeasured | Ended | Failed
Emit: TypeAlias = Callable[[Event], None]

KINDS: dict[str, type[Any]] = {
    "note": Note,
    "progress": ProgressMade,
    "begun": RunBegun,
    "minute": MinuteMeasured,
    "row": RowMeasured,
    "end": Ended,
    "error": Failed,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def event_to_dict(event: Event) -> dict[str, Any]:
    """Make the JSON object of an event: its `kind`, its fields, and beside a row its `key`.

    Parameters
    ----------
    event
        Any of them.

    Returns
    -------
    dict[str, Any]
        What JSON can hold.
    """
    name = _NAMES[type(event)]
    if isinstance(event, (RunBegun, RowMeasured)):
        return {"kind": name, "key": event.row.key, "row": row_to_dict(event.row)}
    return {"kind": name, **to_json(event)}


def event_from_dict(document: object, where: str) -> Event:
    """Read the JSON object of an event.

    Parameters
    ----------
    document
        What `event_to_dict` makes.
    where
        Names the place in messages.

    Returns
    -------
    Event
        The event.

    Raises
    ------
    InputError
        For anything else; the message names the place and the key.
    """
    if not isinstance(document, dict) or document.get("kind") not in KINDS:
        known = ", ".join(KINDS)
        raise InputError(
            f"{where}: expected an event of kind {known}, but found {str(document)[:40]!r}"
        )
    fields = dict(document)
    kind = KINDS[fields.pop("kind")]
    if kind in (RunBegun, RowMeasured):
        fields = {"row": row_from_dict(fields.get("row"), f"{where}: row")}
        event: Event = kind(**fields)
    else:
        event = from_json(kind, fields, where)
    return event
