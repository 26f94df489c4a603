"""Pair the rows of two files, and state what differs between them and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_edet.benchmarks.rows import OPTIONS, SAMPLING, STAGES, BenchmarkRow, Ratio, ratio_of_runs
from edge_edet.errors import InputError
from edge_edet.files import to_json

__all__ = ["Change", "Pairs", "compare_rows", "pair_rows", "refusal"]

# fields whose differences a reader should know: path in the row -> its name for people
SHOWN = {
    "model.sha256": "model",
    "model.precision": "precision",
    "ran.runtime": "runtime",
    "ran.version": "version",
    "ran.delegate": "delegate",
    "ran.delegated": "delegated operators",
    "ran.precision": "computed in",
    "ran.threads": "threads",
    "ran.execution_devices": "runs on",
    "asked.streams": "streams",
    "device.id": "device",
    "device.name": "device name",
    "device.host": "host",
    "machine.cpu": "CPU",
    "machine.governor": "governor",
    "machine.throttled": "throttled",
    "tool": "tool",
}


DOUBTS = ("busy", "throttled", "spread")  # warnings that may explain a change on their own

Runs = tuple[BenchmarkRow, ...]  # repeated measurements by the same protocol, in their order


@dataclass(frozen=True)
class Pairs:
    """Runs of two files that measure the same thing.

    Attributes
    ----------
    pairs
        (runs of a, runs of b).
    alone
        Runs without a partner: (those of a, those of b).
    """

    pairs: tuple[tuple[Runs, Runs], ...]
    alone: tuple[tuple[Runs, ...], tuple[Runs, ...]]


@dataclass(frozen=True)
class Change:
    """The change from a to b, which are the last rows of their runs.

    Attributes
    ----------
    runs
        How many runs each side has.
    stages
        Stage -> ratio of the medians, b / a.
    differs
        (field, its value in a, its value in b) of each field that differs.
    doubts
        Disturbances that may have moved the medians.
    """

    a: BenchmarkRow
    b: BenchmarkRow
    runs: tuple[int, int]
    stages: dict[str, Ratio]
    differs: tuple[tuple[str, str, str], ...]
    doubts: tuple[str, ...]


def pair_rows(a: Sequence[BenchmarkRow], b: Sequence[BenchmarkRow]) -> Pairs:
    """Pair runs by model name, precision, device, host and requested configuration.

    A host may have another name in b if neither side has another board of that kind left. If each
    side holds runs of a single configuration, these are a pair whatever they measure.

    Parameters
    ----------
    a
        Rows before.
    b
        Rows after.

    Returns
    -------
    Pairs
        Pairs, and what has no counterpart.
    """
    first, second = _grouped(a), _grouped(b)
    if len(first) == len(second) == 1:
        return Pairs(((*first.values(), *second.values()),), ((), ()))  # type: ignore[arg-type]
    partners = {key: key for key in first if key in second}
    left = [key for key in first if key not in second], [key for key in second if key not in first]
    for thing, host in left[0]:
        others = [key for key in left[1] if key[0] == thing]
        if len(others) == 1 and [key[0] for key in left[0]].count(thing) == 1:
            partners[thing, host] = others[0]
    return Pairs(
        tuple((first[key], second[other]) for key, other in partners.items()),
        (
            tuple(runs for key, runs in first.items() if key not in partners),
            tuple(runs for key, runs in second.items() if key not in partners.values()),
        ),
    )


def compare_rows(a: Runs, b: Runs, seed: int = 0) -> Change:
    """Compare the runs of a pair.

    Parameters
    ----------
    a
        Runs before.
    b
        Runs after.
    seed
        Of the bootstrap behind the intervals.

    Returns
    -------
    Change
        What changed, with intervals.

    Raises
    ------
    InputError
        The two are not comparable, see `refusal`.
    """
    last, newer = a[-1], b[-1]
    reason = refusal(last, newer)
    if reason is not None:
        raise InputError(f"{last.model.file} and {newer.model.file} are not comparable: {reason}")
    stages = {
        stage: ratio_of_runs(
            [row.samples_ms[stage] for row in a], [row.samples_ms[stage] for row in b], seed
        )
        for stage in reversed(STAGES)
        if all(_timed(row, stage) for row in (*a, *b))
    }
    doubts = [
        f"{side}: {one.text}"
        for side, runs in (("A", a), ("B", b))
        for row in runs
        for one in row.warnings
        if one.code in DOUBTS
    ]
    return Change(
        last, newer, (len(a), len(b)), stages, tuple(_differs(last, newer)), tuple(doubts)
    )


def refusal(a: BenchmarkRow, b: BenchmarkRow) -> str | None:
    """Return why two rows are not comparable, in a few words; None where they are.

    The numbers of samples may differ: they change the width of intervals, not the medians. Counted rows
    compare with counted ones only.

    Parameters
    ----------
    a
        One row.
    b
        The other.

    Returns
    -------
    str | None
        The reason.
    """
    counted = a.how == b.how == "counted"
    for row in (a, b):
        if row.how != "measured" and not counted:
            return f"one of them is {row.how}"
    keys = sorted({*a.protocol, *b.protocol})
    one, other = to_json(a.protocol), to_json(b.protocol)
    for key in (key for key in keys if key not in SAMPLING):
        if one.get(key) != other.get(key):
            return f"their protocols differ in {key}: {one.get(key)!r} and {other.get(key)!r}"
    if counted:
        return None
    if not any(_timed(a, stage) and _timed(b, stage) for stage in STAGES):
        return "they have no samples of the same stage"
    return None


def _timed(row: BenchmarkRow, stage: str) -> bool:
    return any(row.samples_ms.get(stage, ()))


def _grouped(rows: Sequence[BenchmarkRow]) -> dict[tuple[str, str | None], Runs]:
    """Group by (what is measured, host): the rows of the same file and protocol as the last one."""
    found: dict[tuple[str, str | None], list[BenchmarkRow]] = {}
    for row in rows:
        asked = to_json(row.asked)
        thing = repr((row.model.file, row.model.precision, row.device.id, asked, row.how))
        found.setdefault((thing, row.device.host), []).append(row)
    return {
        key: tuple(row for row in runs if (row.key, row.ran) == (runs[-1].key, runs[-1].ran))
        for key, runs in found.items()
    }


def _differs(a: BenchmarkRow, b: BenchmarkRow) -> Iterator[tuple[str, str, str]]:
    for path, name in SHOWN.items():
        one, other = _at(to_json(a), path), _at(to_json(b), path)
        if one != other:
            yield name, _text(one), _text(other)
    for key in SAMPLING:
        one, other = (to_json(row.protocol).get(key) for row in (a, b))
        if one != other:
            yield f"sampling ({OPTIONS[key]})", _text(one), _text(other)


def _at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    text = str(value)
    return text[:12] if len(text) == 64 else text
