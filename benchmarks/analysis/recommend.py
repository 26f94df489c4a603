"""Which model to take on a device: the Pareto front of AP and time, the pick, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.analysis.ap_of_row import Judge, Judged
from edge_edet.benchmarks.analysis.eval_set import Yardstick
from edge_edet.benchmarks.analysis.options import Options
from edge_edet.benchmarks.analysis.published_numbers import Published, board_latency
from edge_edet.benchmarks.analysis.selection import Notes, choose, has_time
from edge_edet.benchmarks.analysis.values import Value, latency_of, way_of
from edge_edet.benchmarks.published import read_rows as read_published
from edge_edet.benchmarks.rows import BenchmarkRow, verdict
from edge_edet.errors import InputError

__all__ = [
    "Candidate",
    "Choice",
    "candidates_of",
    "choose_model",
    "parse_budget",
    "parse_min_ap",
    "published_candidates",
]

UNITS = {"ms": 1.0, "s": 1000.0}
STAGES = ("end_to_end", "inference")  # the first that a row has


@dataclass(frozen=True)
class Candidate:
    """A model, run in one way. stage: what its time is of. row: None where all is published."""

    name: str
    time: Value
    stage: str
    ap: Value
    row: BenchmarkRow | None
    notes: tuple[str, ...] = ()

    def surely_within(self, budget_ms: float) -> bool:
        """The upper end of its interval, not only the middle."""
        return self.time.high is not None and self.time.high <= budget_ms

    def within(self, budget_ms: float) -> bool:
        return self.time.middle <= budget_ms


@dataclass(frozen=True)
class Choice:
    """front: by time, each with more AP than all faster ones. pick: None where nothing fits.

    sure: its time is within the budget up to the end of its interval. better: of higher AP, whose
    middle alone is within. nearest: where there is no pick, what has one of the two.
    """

    front: tuple[Candidate, ...]
    pick: Candidate | None
    sure: bool
    better: Candidate | None
    nearest: tuple[Candidate, ...]


def parse_budget(text: str) -> float:
    """ms of `100ms` or `0.1s`. Raises InputError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)", text.strip())
    value = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0 < value < 1e9:
        raise InputError(f"--budget must be a time like 100ms or 0.5s, but got {text!r}")
    return value


def parse_min_ap(value: float | None) -> float:
    """Points. Raises InputError, also for what looks like a fraction."""
    if value is None:
        return 0.0
    if 0 < value < 1:
        raise InputError(f"--min-ap is in points, 0 to 100: {value:g} would be {value * 100:g}")
    if not 0 <= value <= 100:
        raise InputError(f"--min-ap must be in points, 0 to 100, but got {value:g}")
    return value


def candidates_of(
    rows: Sequence[BenchmarkRow], device: str, options: Options, notes: Notes
) -> list[Candidate]:
    """Those on the device that have a time and an AP, be it measured in another row of the same file.

    Raises InputError where there is none, or where no data has an AP of all of them: APs of different
    data must not be compared.
    """
    there = [row for row in choose(rows).rows if row.device.id == device]
    if not there:
        known = ", ".join(sorted({row.device.id for row in rows})) or "none"
        raise InputError(
            f"no row is of device {device!r}: there are rows of {known}; make some with "
            f"'edge-edet bench --board {device}'"
        )
    judge = Judge(rows, options.published, options.published_ap)
    found: list[tuple[BenchmarkRow, str, Value, list[Judged]]] = []
    for row in there:
        if not has_time(row, notes):
            continue
        timed = next(
            ((stage, value) for stage in STAGES if (value := latency_of(row, stage))), None
        )
        if timed is None:
            notes.add("left out: no time", row.model.file)
            continue
        judged = judge.all(row, notes)
        if judged:
            found.append((row, *timed, judged))
    if not found:
        raise InputError(
            f"no row of {device} has both a time and an AP: {'; '.join(notes.lines())}"
        )
    yardstick = _common([judged for *_, judged in found], notes)
    slowed = _slowed(there)
    made = []
    for row, stage, time, judged in found:
        ap = next(one.value for one in judged if one.yardstick == yardstick)
        told = [*(one.text for one in row.warnings), *slowed.get(row.model.sha256, ())]
        made.append(
            Candidate(f"{row.model.file}, {way_of(row)}", time, stage, ap, row, tuple(told))
        )
    return made


def _common(judged: Sequence[Sequence[Judged]], notes: Notes) -> Yardstick:
    """The only one that all have. Raises InputError where there is none, or are several."""
    names = {one.yardstick: one.yardstick.name for each in judged for one in each}
    shared = [y for y in names if all(any(one.yardstick == y for one in each) for each in judged)]
    if len(shared) != 1:
        raise InputError(
            f"the APs are not of the same data and protocol ({'; '.join(names.values())}): give rows of "
            "one of them"
        )
    if len(names) > 1:
        others = "; ".join(name for y, name in names.items() if y != shared[0])
        notes.add(f"AP is that on {names[shared[0]]}, which all have; not used: {others}")
    return shared[0]


def published_candidates(device: str, published: Published) -> list[Candidate]:
    """EfficientDet-Lite on a board, all of it published. Raises InputError for other devices."""
    rows = [row for row in read_published("board_latency") if row["device"] == device]
    if not rows:
        known = ", ".join(dict.fromkeys(row["device"] for row in read_published("board_latency")))
        raise InputError(
            f"nothing is published for device {device!r}: known are {known}; give ROWS of "
            f"'edge-edet bench --board {device}'"
        )
    made = []
    for row in rows:
        ap = published.ap(row["model"], row["precision"])
        time = board_latency(device, row["model"], row["precision"], int(row["threads"]))
        if ap is not None and time is not None:
            threads = f"{row['threads']} thread{'s' * (row['threads'] != '1')}"
            name = f"{row['model']} {row['precision']}, {device}, {threads}"
            made.append(Candidate(name, time, "inference", ap, None))
    if not made:
        raise InputError(
            f"{published.yardstick.name} AP of EfficientDet-Lite is not published: leave "
            "--published-split out"
        )
    return made


def choose_model(candidates: Sequence[Candidate], budget_ms: float, min_ap: float = 0.0) -> Choice:
    """The highest AP that is surely within the budget; if none is, the highest within it at all."""
    good = [one for one in candidates if one.ap.middle >= min_ap]
    sure = [one for one in good if one.surely_within(budget_ms)]
    within = [one for one in good if one.within(budget_ms)]
    pick = _best(sure) or _best(within)
    best = _best(within)
    better = best if pick and best and best.ap.middle > pick.ap.middle else None
    nearest = () if pick else _nearest(candidates, budget_ms, min_ap)
    return Choice(_front(candidates), pick, bool(sure), better, nearest)


def _best(candidates: Iterable[Candidate]) -> Candidate | None:
    """Of equal AP the faster one."""
    return max(candidates, key=lambda one: (one.ap.middle, -one.time.middle), default=None)


def _front(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    front: list[Candidate] = []
    for one in sorted(candidates, key=lambda one: (one.time.middle, -one.ap.middle)):
        if not front or one.ap.middle > front[-1].ap.middle:
            front.append(one)
    return tuple(front)


def _nearest(
    candidates: Sequence[Candidate], budget_ms: float, min_ap: float
) -> tuple[Candidate, ...]:
    """The fastest that has the AP, and the best that is fast enough, as far as there are any."""
    good = [one for one in candidates if one.ap.middle >= min_ap]
    fastest = min(good, key=lambda one: (one.time.middle, -one.ap.middle), default=None)
    best = _best(one for one in candidates if one.within(budget_ms))
    found = tuple(one for one in (fastest, best) if one is not None)
    return found or tuple(sorted(candidates, key=lambda one: one.time.middle)[:1])


def _slowed(rows: Iterable[BenchmarkRow]) -> dict[str, tuple[str, ...]]:
    """What long runs on the device tell of a model."""
    told: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row.sustain is not None and verdict(row.sustain).code == "slower":
            told[row.model.sha256] = (f"in a long run {verdict(row.sustain).text}",)
    return told
