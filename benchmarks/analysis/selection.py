"""Which rows go into figures, and a line for each kind that does not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.rows import SAMPLING, SOFTWARE, BenchmarkRow, to_json

__all__ = ["Chosen", "Notes", "choose", "has_time", "is_gpu", "protocol_names"]

GPUS = ("GPU", "CUDA", "Tensorrt", "ROCM", "Dml")  # devices of OpenVINO, providers of onnxruntime
NAMED = 3  # of the files in a line


class Notes:
    """Reasons with the files that they are about; a reason is told once."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def add(self, reason: str, file: str | None = None) -> None:
        files = self._files.setdefault(reason, [])
        if file is not None:
            files.append(file)

    def lines(self) -> tuple[str, ...]:
        return tuple(f"{reason}{_named(files)}" for reason, files in self._files.items())


@dataclass(frozen=True)
class Chosen:
    """rows: each thing once, the last of those that are the same. notes: what was left out."""

    rows: tuple[BenchmarkRow, ...]
    notes: tuple[str, ...]


def choose(rows: Sequence[BenchmarkRow]) -> Chosen:
    """As `compare` does, the last row of a key counts: it is the newest of its file."""
    last: dict[str, BenchmarkRow] = {}
    same = again = 0
    for row in rows:
        known = last.pop(f"{row.how} {row.key}", None)
        if known is not None:
            same, again = (same + 1, again) if known == row else (same, again + 1)
        last[f"{row.how} {row.key}"] = row
    notes = []
    if same:
        notes.append(f"{same} {_rows(same)} there twice: counted once")
    if again:
        notes.append(f"{again} {_rows(again)} measured again later: the last one counts")
    return Chosen(tuple(last.values()), tuple(notes))


def has_time(row: BenchmarkRow, notes: Notes) -> bool:
    """Whether its times mean something beside others. Long runs have a figure of their own."""
    device = (row.ran.device or "").lower() if row.ran is not None else ""
    if row.how == "emulated":
        notes.add("left out: the times of an emulated device mean nothing", row.model.file)
    elif any(name in device for name in SOFTWARE):
        notes.add("left out: a GPU in software is no GPU", row.model.file)
    elif row.sustain is not None:
        notes.add("left out: long runs, which have their own figure", row.model.file)
    else:
        return True
    return False


def is_gpu(row: BenchmarkRow) -> bool:
    ran = row.ran
    if ran is None:
        return row.asked.delegate == "gpu" or (row.asked.device_type or "").upper() == "GPU"
    return ran.delegate == "gpu" or any(one.startswith(GPUS) for one in ran.execution_devices)


def protocol_names(rows: Iterable[BenchmarkRow], notes: Notes) -> dict[str, str]:
    """Row key -> "" where all measured rows agree in their protocol, else " (protocol 2)".

    What is measured by different protocols is never joined by a line; notes tells what differs.
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
