"""Measures the networks of a study in turns: all of them once, then all of them again.

What is slow for a while, as a shared machine is, then slows all of them. Each round's row is on the disk as
soon as it is measured; a run that was stopped goes on there.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_edet.benchmarks.bench import find_places, measure_jobs
from edge_edet.benchmarks.measuring import (
    BUNDLED_PICTURE,
    Event,
    Job,
    RowMeasured,
    StopRule,
)
from edge_edet.benchmarks.rows import (
    BenchmarkRow,
    ModelFacts,
    RequestedConfig,
    RowFile,
    model_facts,
    p50,
)
from edge_edet.errors import EdgeEdetError
from edge_edet.files import to_json
from edge_edet.pictures import pictures_digest
from edge_edet.studies.items import Item, Way
from edge_edet.studies.model_folder import ModelFolder

__all__ = ["Rounds", "Turn", "of_ways", "pooled", "turns"]

START_S = 3.0  # of a process and its model; guesses, for the time left only
ADDS_PER_S = 15e9
SCORE_THRESHOLD = 0.3
Note = Callable[[str], None]


@dataclass(frozen=True)
class Turn:
    """One row of one round."""

    item: Item
    way: Way
    round: int

    def guess_s(self, multiply_adds: int, rule: StopRule) -> float:
        runs = rule.warmup + rule.min_samples
        speed = ADDS_PER_S * self.way.threads * (2 if self.way.precision == "int8" else 1)
        return START_S + max(runs * multiply_adds / speed, 1.0)


def turns(items: Sequence[Item], ways: Sequence[Way], rounds: int) -> list[Turn]:
    """Networks next to each other in each way, all ways in each round; of one round, network by network."""
    if rounds == 1:
        return [Turn(item, way, 1) for item in items for way in ways]
    return [Turn(item, way, n) for n in range(1, rounds + 1) for way in ways for item in items]


class Rounds:
    """What is to be measured, and how."""

    def __init__(
        self,
        study: str,
        items: Sequence[Item],
        ways: Sequence[Way],
        rounds: int,
        rule: StopRule,
        folder: ModelFolder,
    ):
        self.study, self.rounds, self.rule, self.folder = study, rounds, rule, folder
        self.turns = turns(items, ways, rounds)
        device = find_places([], [])[0].device
        assert device is not None
        self.device, self.digest = device, pictures_digest([BUNDLED_PICTURE])

    def job(self, turn: Turn, facts: ModelFacts) -> Job:
        path = self.folder.path(turn.item.variant, turn.way)
        return Job(
            str(path),
            facts,
            RequestedConfig(threads=turn.way.threads),
            self.device,
            self.rule,
            (str(BUNDLED_PICTURE),),
            self.digest,
            SCORE_THRESHOLD,
            None,
        )

    def protocol(self, job: Job, turn: Turn) -> dict[str, Any]:
        return job.protocol() | {"rounds": self.rounds, "round": turn.round}

    def identity(self, turn: Turn) -> str:
        """Known before the file is made, unlike a row's key."""
        name = self.folder.path(turn.item.variant, turn.way).name
        job = self.job(turn, ModelFacts(name, "", 1, None, (1, 1), "", "tflite", None, None))
        return _identity(name, job.asked, self.protocol(job, turn))

    def measured(self, rows: Sequence[BenchmarkRow]) -> list[BenchmarkRow]:
        """Those of the rows that belong to it."""
        wanted = {self.identity(turn) for turn in self.turns}
        return [row for row in rows if identity_of(row) in wanted]

    def measure(self, file: RowFile, note: Note) -> Iterator[EdgeEdetError]:
        """Adds the rows that the file lacks; gives what failed, the others go on."""
        done = {identity_of(row) for row in file.rows}
        left = [turn for turn in self.turns if self.identity(turn) not in done]
        if len(left) < len(self.turns):
            note(f"{len(self.turns) - len(left)} of {len(self.turns)} rows are there already")
        adds = [self.folder.multiply_adds(turn.item.variant) for turn in left]
        clock = _TimeLeft([turn.guess_s(n, self.rule) for turn, n in zip(left, adds, strict=True)])
        if left:
            note(f"{len(left)} to measure, roughly {clock.guessed()}")
        failed: set[tuple[str, Way]] = set()
        for index, turn in enumerate(left):
            this = (turn.item.variant.name, turn.way)
            if this not in failed:
                told = "failed"
                try:
                    row = self._row(turn, _ways_of(turn.item, left[index:]), file.rows)
                    file.add(row)
                    told = f"{p50(row, 'inference') or 0.0:.4g} ms"
                except EdgeEdetError as error:
                    failed.add(this)
                    yield error
                text = f"{index + 1} of {len(left)}: {this[0]}, {turn.way.name}: {told}"
                note(f"{text}; {clock.after(index)} left")
            self._drop_unless_wanted(turn, left[index + 1 :])

    def _row(
        self, turn: Turn, ways: Sequence[Way], earlier: Sequence[BenchmarkRow]
    ) -> BenchmarkRow:
        self.folder.make(turn.item.variant, ways)
        job = self.job(turn, model_facts(self.folder.path(turn.item.variant, turn.way)))
        row = _measured(job, earlier)
        return dataclasses.replace(row, study=self.study, protocol=self.protocol(job, turn))

    def _drop_unless_wanted(self, turn: Turn, later: Sequence[Turn]) -> None:
        paths = {self.folder.path(other.item.variant, other.way) for other in later}
        if self.folder.path(turn.item.variant, turn.way) not in paths:
            self.folder.drop(turn.item.variant, turn.way)


def _ways_of(item: Item, left: Sequence[Turn]) -> list[Way]:
    return [turn.way for turn in left if turn.item.variant == item.variant]


def of_ways(
    rows: Sequence[BenchmarkRow], items: Sequence[Item], ways: Sequence[Way]
) -> list[BenchmarkRow]:
    """Rows of these networks in these ways, by whatever protocol."""
    wanted = {(i.variant.name, w.target, w.precision, w.threads) for i in items for w in ways}
    return [
        row
        for row in rows
        if (row.model.variant, row.model.format, row.model.precision, row.asked.threads) in wanted
    ]


def pooled(rows: Sequence[BenchmarkRow]) -> list[BenchmarkRow]:
    """One row for all rounds of a network and way: their samples after each other.

    protocol.rounds says how many; all else, memory and warnings too, is of the last round.
    """
    groups: dict[str, list[BenchmarkRow]] = {}
    for row in rows:
        rounds = {key: value for key, value in row.protocol.items() if key != "round"}
        groups.setdefault(_identity(row.model.file, row.asked, rounds), []).append(row)
    found = []
    for group in groups.values():
        last = group[-1]
        samples = {
            stage: tuple(ms for row in group for ms in row.samples_ms[stage])
            for stage in last.samples_ms
        }
        protocol = {key: value for key, value in last.protocol.items() if key != "round"}
        warnings = {one.code: one for row in group for one in row.warnings}
        found.append(
            dataclasses.replace(
                last,
                samples_ms=samples,
                protocol=protocol | {"rounds": len(group)},
                warnings=tuple(warnings.values()),
            )
        )
    return found


def _measured(job: Job, earlier: Sequence[BenchmarkRow]) -> BenchmarkRow:
    rows: list[BenchmarkRow] = []

    def emit(event: Event) -> None:
        if isinstance(event, RowMeasured):
            rows.append(event.row)

    for failure in measure_jobs([job], earlier, emit):
        raise failure.error
    (row,) = rows
    return row


def identity_of(row: BenchmarkRow) -> str:
    return _identity(row.model.file, row.asked, row.protocol)


def _identity(file: str, asked: RequestedConfig, protocol: dict[str, Any]) -> str:
    return json.dumps([file, to_json(asked), to_json(protocol)], sort_keys=True)


class _TimeLeft:
    """Guesses corrected by how long the first ones took."""

    def __init__(self, guesses: Sequence[float]):
        self.guesses, self.start = guesses, time.monotonic()

    def guessed(self) -> str:
        return _duration(sum(self.guesses))

    def after(self, index: int) -> str:
        done, left = sum(self.guesses[: index + 1]), sum(self.guesses[index + 1 :])
        return _duration(left * (time.monotonic() - self.start) / done)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
