"""Choose a model for a device: the Pareto front of AP and time, the pick, and the reasons."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.analysis.ap_of_row import ApLookup, ApOfRow
from edge_edet.benchmarks.analysis.eval_set import EvalSet
from edge_edet.benchmarks.analysis.options import Options
from edge_edet.benchmarks.analysis.published_numbers import Published, board_latency
from edge_edet.benchmarks.analysis.selection import Notes, has_time, select_rows
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
STAGES = ("end_to_end", "inference")  # the first one that a row has is used


@dataclass(frozen=True)
class Candidate:
    """A model in one configuration: its time and its AP.

    Attributes
    ----------
    time
        In ms, of `stage`.
    ap
        In points.
    row
        None where time and AP are both published.
    notes
        What to know before choosing it: warnings of its row, and drift in long runs.
    """

    name: str
    time: Value
    stage: str
    ap: Value
    row: BenchmarkRow | None
    notes: tuple[str, ...] = ()

    def surely_within(self, budget_ms: float) -> bool:
        """Return whether even the upper end of the time's interval is within the budget.

        Parameters
        ----------
        budget_ms
            The time that is allowed.

        Returns
        -------
        bool
            Whether it is.
        """
        return self.time.high is not None and self.time.high <= budget_ms

    def within(self, budget_ms: float) -> bool:
        """Return whether the time itself is within the budget.

        Parameters
        ----------
        budget_ms
            The time that is allowed.

        Returns
        -------
        bool
            Whether it is.
        """
        return self.time.middle <= budget_ms


@dataclass(frozen=True)
class Choice:
    """The pick among candidates, and what to know about the others.

    Attributes
    ----------
    front
        The Pareto front by time: each has more AP than all faster ones.
    pick
        None where nothing fits.
    sure
        The whole interval of the pick's time is within the budget.
    better
        A candidate of higher AP whose time is within the budget, but not its whole interval.
    nearest
        Without a pick: the fastest that has the AP, and the best that is fast enough.
    """

    front: tuple[Candidate, ...]
    pick: Candidate | None
    sure: bool
    better: Candidate | None
    nearest: tuple[Candidate, ...]


def parse_budget(text: str) -> float:
    """Return the milliseconds of a text such as `100ms` or `0.1s`.

    Parameters
    ----------
    text
        A number with ms or s.

    Returns
    -------
    float
        Milliseconds.

    Raises
    ------
    InputError
        The text is not a positive time with a unit.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)", text.strip())
    value = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0 < value < 1e9:
        raise InputError(f"--budget must be a time like 100ms or 0.5s, but got {text!r}")
    return value


def parse_min_ap(value: float | None) -> float:
    """Return the smallest AP in points, 0 for None.

    Parameters
    ----------
    value
        As given; None: not.

    Returns
    -------
    float
        Points, 0 to 100.

    Raises
    ------
    InputError
        The value is not within 0 to 100, or looks like a fraction.
    """
    if value is None:
        return 0.0
    if 0 < value < 1:
        raise InputError(
            f"--min-ap is in points, 0 to 100, but got {value:g}: did you mean {value * 100:g}?"
        )
    if not 0 <= value <= 100:
        raise InputError(f"--min-ap must be in points, 0 to 100, but got {value:g}")
    return value


def candidates_of(
    rows: Sequence[BenchmarkRow], device: str, options: Options, notes: Notes
) -> list[Candidate]:
    """Return the models of a device that have both a time and an AP.

    The AP may come from another row of the same file. `notes` gets what was left out and why.

    Parameters
    ----------
    rows
        Of any devices.
    device
        Id of the board.
    options
        What counts as time and as AP.
    notes
        Gets what was left out and why.

    Returns
    -------
    list[Candidate]
        Models with time and AP.

    Raises
    ------
    InputError
        There is none, or no evaluation set has an AP of all of them: APs on different data must not
        be compared.
    """
    on_device = [row for row in select_rows(rows).rows if _is_of(row, device)]
    if not on_device:
        known = ", ".join(sorted({_called(row) for row in rows})) or "none"
        raise InputError(
            f"no row is of board {device!r}: there are rows of {known}; make some with 'edge-edet bench "
            f"--board {shlex.quote(device)}', or with that name in the page of 'edge-edet bench --browser'"
        )
    ap_lookup = ApLookup(rows, options.published, options.published_ap)
    found: list[tuple[BenchmarkRow, str, Value, list[ApOfRow]]] = []
    for row in on_device:
        if not has_time(row, notes):
            continue
        timed = next(
            ((stage, value) for stage in STAGES if (value := latency_of(row, stage))), None
        )
        if timed is None:
            notes.add("left out: no time", row.model.file)
            continue
        aps = ap_lookup.all(row, notes)
        if aps:
            found.append((row, *timed, aps))
    if not found:
        raise InputError(
            f"no row of {device} has both a time and an AP: {'; '.join(notes.lines())}"
        )
    eval_set = _common_eval_set([aps for *_, aps in found], notes)
    slowed = _slowed_in_long_runs(on_device)
    made = []
    for row, stage, time, aps in found:
        ap = next(one.value for one in aps if one.eval_set == eval_set)
        texts = [*(one.text for one in row.warnings), *slowed.get(row.model.sha256, ())]
        made.append(
            Candidate(f"{row.model.file}, {way_of(row)}", time, stage, ap, row, tuple(texts))
        )
    return made


def _common_eval_set(aps: Sequence[Sequence[ApOfRow]], notes: Notes) -> EvalSet:
    """Return the evaluation set that all rows share; InputError for none and for several."""
    names = {one.eval_set: one.eval_set.name for each in aps for one in each}
    shared = [s for s in names if all(any(one.eval_set == s for one in each) for each in aps)]
    if len(shared) != 1:
        raise InputError(
            f"the APs are not of the same data and protocol ({'; '.join(names.values())}): give rows of "
            "one of these only"
        )
    if len(names) > 1:
        others = "; ".join(name for known, name in names.items() if known != shared[0])
        notes.add(
            f"AP is measured on {names[shared[0]]}, which all models have; not used: {others}"
        )
    return shared[0]


def _called(row: BenchmarkRow) -> str:
    """Return what --board takes for it: of a browser, the name that somebody typed."""
    return repr(row.device.name) if row.where == "browser" else row.device.id


def _is_of(row: BenchmarkRow, device: str) -> bool:
    """Whether a row is of the board of that ID, or of the browser with the name that somebody typed."""
    typed = row.where == "browser" and row.device.name.casefold() == device.casefold()
    return typed or row.device.id == device


def published_candidates(device: str, published: Published) -> list[Candidate]:
    """Return EfficientDet-Lite models on a board by published time and published AP.

    Parameters
    ----------
    device
        Id of the board.
    published
        The numbers that the AP is from.

    Returns
    -------
    list[Candidate]
        Models with time and AP.

    Raises
    ------
    InputError
        Nothing is published for the device or the split.
    """
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
            f"no AP of EfficientDet-Lite on {published.eval_set.name} is published: leave "
            "--published-split out"
        )
    return made


def choose_model(candidates: Sequence[Candidate], budget_ms: float, min_ap: float = 0.0) -> Choice:
    """Pick the highest AP whose whole interval of time is within the budget.

    Where there is none, pick the highest AP whose time is within it.

    Parameters
    ----------
    candidates
        To choose from.
    budget_ms
        The time that is allowed.
    min_ap
        The smallest AP that is allowed, in points.

    Returns
    -------
    Choice
        The choice, and how sure it is.
    """
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
    """Return the fastest with that AP and the best that is fast enough; without both, the fastest."""
    good = [one for one in candidates if one.ap.middle >= min_ap]
    fastest = min(good, key=lambda one: (one.time.middle, -one.ap.middle), default=None)
    best = _best(one for one in candidates if one.within(budget_ms))
    found = tuple(one for one in (fastest, best) if one is not None)
    return found or tuple(sorted(candidates, key=lambda one: one.time.middle)[:1])


def _slowed_in_long_runs(rows: Iterable[BenchmarkRow]) -> dict[str, tuple[str, ...]]:
    """sha256 of a model -> how much slower it became in a long run on the device."""
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row.sustain is not None and verdict(row.sustain).code == "slower":
            found[row.model.sha256] = (f"in a long run {verdict(row.sustain).text}",)
    return found
