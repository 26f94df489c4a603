"""Select the rows that figures show, and note those that they leave out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.rows import SAMPLING, SOFTWARE, BenchmarkRow
from edge_edet.files import to_json

__all__ = ["Notes", "SelectedRows", "has_time", "is_gpu", "protocol_names", "select_rows"]

GPUS = ("GPU", "CUDA", "Tensorrt", "ROCM", "Dml")  # devices of OpenVINO, providers of onnxruntime
DELEGATES = ("gpu", "webgpu")
NAMED = 3  # of the files in a line


class Notes:
    """Reasons, each listed once with the files that it concerns."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def add(self, reason: str, file: str | None = None) -> None:
        """Add a reason, or a file to a reason that is already listed.

        Parameters
        ----------
        reason
            Why something was left out.
        file
            The model file that it is about.
        """
        files = self._files.setdefault(reason, [])
        if file is not None:
            files.append(file)

    def lines(self) -> tuple[str, ...]:
        """Return one line per reason, naming at most three of its files.

        Returns
        -------
        tuple[str, ...]
            In the order in which they were added.
        """
        return tuple(f"{reason}{_named(files)}" for reason, files in self._files.items())


@dataclass(frozen=True)
class SelectedRows:
    """Rows without repetitions, and one line for each kind of repetition that was dropped.

    Attributes
    ----------
    rows
        In their order.
    notes
        Lines about what was dropped.
    """

    rows: tuple[BenchmarkRow, ...]
    notes: tuple[str, ...]


def select_rows(rows: Sequence[BenchmarkRow]) -> SelectedRows:
    """Keep the last row of each key, as `compare` does: it is the newest one of its file.

    Parameters
    ----------
    rows
        In the order of the files.

    Returns
    -------
    SelectedRows
        One row of each key.
    """
    last: dict[str, BenchmarkRow] = {}
    same = again = 0
    for row in rows:
        known = last.pop(f"{row.how} {row.key}", None)
        if known is not None:
            same, again = (same + 1, again) if known == row else (same, again + 1)
        last[f"{row.how} {row.key}"] = row
    notes = []
    if same:
        notes.append(f"{same} {_rows(same)} present twice: counted once")
    if again:
        notes.append(f"{again} {_rows(again)} measured again later: only the latest counts")
    return SelectedRows(tuple(last.values()), tuple(notes))


def has_time(row: BenchmarkRow, notes: Notes) -> bool:
    """Return whether the row's times are comparable with others; if not, note why.

    Parameters
    ----------
    row
        To look at.
    notes
        Gets the reason where it has not.

    Returns
    -------
    bool
        Whether it is to be drawn or compared.
    """
    device = (row.ran.device or "").lower() if row.ran is not None else ""
    if row.how == "emulated":
        notes.add("left out: times of an emulated device are meaningless", row.model.file)
    elif row.how == "counted":
        notes.add("left out: instructions were counted, nothing was timed", row.model.file)
    elif any(name in device for name in SOFTWARE):
        notes.add("left out: the GPU was emulated in software", row.model.file)
    elif row.sustain is not None:
        notes.add("left out: long runs, which have a figure of their own", row.model.file)
    else:
        return True
    return False


def is_gpu(row: BenchmarkRow) -> bool:
    """Return whether the model ran on a GPU, or was requested to where that was not reported.

    Parameters
    ----------
    row
        To look at.

    Returns
    -------
    bool
        Whether it is of a GPU.
    """
    ran = row.ran
    if ran is None:
        return row.asked.delegate in DELEGATES or (row.asked.device_type or "").upper() == "GPU"
    return ran.delegate in DELEGATES or any(one.startswith(GPUS) for one in ran.execution_devices)


def protocol_names(rows: Iterable[BenchmarkRow], notes: Notes) -> dict[str, str]:
    """Assign numbers to the measuring protocols of the rows.

    Rows of different protocols are never joined by a line; `notes` gets what the protocols differ in.

    Parameters
    ----------
    rows
        To be drawn together.
    notes
        Gets what the protocols differ in.

    Returns
    -------
    dict
        Row key -> "" where all measured rows have the same protocol, else " (protocol 2)" and so on.
    """
    found: dict[str, dict[str, object]] = {}
    names: dict[str, str] = {}
    measured = [row for row in rows if row.how == "measured"]
    for row in measured:
        plain = {k: v for k, v in to_json(row.protocol).items() if k not in SAMPLING}
        found.setdefault(json.dumps(plain, sort_keys=True), plain)
    texts = list(found)
    for row in measured:
        plain = {k: v for k, v in to_json(row.protocol).items() if k not in SAMPLING}
        number = texts.index(json.dumps(plain, sort_keys=True)) + 1
        names[row.key] = f" (protocol {number})" if len(texts) > 1 else ""
    if len(texts) > 1:
        first, *others = found.values()
        for number, other in enumerate(others, 2):
            keys = sorted(k for k in {*first, *other} if first.get(k) != other.get(k))
            notes.add(f"protocols 1 and {number} differ in {', '.join(keys)}: not joined by a line")
    return names


def _rows(count: int) -> str:
    return "row is" if count == 1 else "rows are"


def _named(files: Sequence[str]) -> str:
    if not files:
        return ""
    names = list(dict.fromkeys(files))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f" ({', '.join(names[:NAMED])}{more})"
