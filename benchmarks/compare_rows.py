"""Which rows of two files belong together, what differs between them, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_edet.benchmarks.median_ratio import Ratio, median_ratio
from edge_edet.benchmarks.rows import STAGES, BenchmarkRow
from edge_edet.benchmarks.typed_json import to_json
from edge_edet.errors import InputError

__all__ = ["Change", "Pairs", "compare_rows", "pair_rows", "refusal"]

# what a reader should know to differ, of all that a row says: path -> what it is called
TOLD = {
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
    "machine.cpu": "CPU",
    "machine.governor": "governor",
    "machine.throttled": "throttled",
    "tool": "tool",
}


@dataclass(frozen=True)
class Pairs:
    """pairs: (a, b) that are of the same thing. alone: rows without a partner, by side."""

    pairs: tuple[tuple[BenchmarkRow, BenchmarkRow], ...]
    alone: tuple[tuple[BenchmarkRow, ...], tuple[BenchmarkRow, ...]]


@dataclass(frozen=True)
class Change:
    """b against a. stages: stage -> ratio of the medians. differs: what, in a, in b."""

    a: BenchmarkRow
    b: BenchmarkRow
    stages: dict[str, Ratio]
    differs: tuple[tuple[str, str, str], ...]


def pair_rows(a: Sequence[BenchmarkRow], b: Sequence[BenchmarkRow]) -> Pairs:
    """By model name, precision, device and what was asked; of several rows the last one counts.

    Where each side has one row they are a pair, whatever they are of: the difference is the question.
    """
    first, second = _last(a), _last(b)
    if len(first) == len(second) == 1:
        return Pairs(((*first.values(), *second.values()),), ((), ()))  # type: ignore[arg-type]
    pairs = tuple((row, second[key]) for key, row in first.items() if key in second)
    return Pairs(
        pairs,
        (
            tuple(row for key, row in first.items() if key not in second),
            tuple(row for key, row in second.items() if key not in first),
        ),
    )


def compare_rows(a: BenchmarkRow, b: BenchmarkRow, seed: int = 0) -> Change:
    """Raises InputError where the two must not be compared."""
    reason = refusal(a, b)
    if reason is not None:
        raise InputError(f"{a.model.file} and {b.model.file} are not comparable: {reason}")
    stages = {
        stage: median_ratio(a.samples_ms[stage], b.samples_ms[stage], seed)
        for stage in reversed(STAGES)
        if _timed(a, stage) and _timed(b, stage)
    }
    return Change(a, b, stages, tuple(_differs(a, b)))


def refusal(a: BenchmarkRow, b: BenchmarkRow) -> str | None:
    """Why not, in a few words; None where they may be compared."""
    for row in (a, b):
        if row.how != "measured":
            return f"one of them is {row.how}"
    keys = sorted({*a.protocol, *b.protocol})
    one, other = to_json(a.protocol), to_json(b.protocol)
    for key in keys:
        if one.get(key) != other.get(key):
            return f"their protocols differ in {key}: {one.get(key)!r} and {other.get(key)!r}"
    if not any(_timed(a, stage) and _timed(b, stage) for stage in STAGES):
        return "they have no samples of the same stage"
    return None


def _timed(row: BenchmarkRow, stage: str) -> bool:
    return any(row.samples_ms.get(stage, ()))


def _last(rows: Sequence[BenchmarkRow]) -> dict[str, BenchmarkRow]:
    return {
        repr((row.model.file, row.model.precision, row.device.id, to_json(row.asked), row.how)): row
        for row in rows
    }


def _differs(a: BenchmarkRow, b: BenchmarkRow) -> Iterator[tuple[str, str, str]]:
    for path, name in TOLD.items():
        one, other = _at(to_json(a), path), _at(to_json(b), path)
        if one != other:
            yield name, _text(one), _text(other)


def _at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _text(value: Any) -> str:
    if value is None:
        return "not told"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    text = str(value)
    return text[:12] if len(text) == 64 else text
