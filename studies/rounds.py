"""Measure the networks of a study in turns: all of them once, then all of them again.

A machine that is slow for a while then slows all networks. Each row is written to disk as soon as it is
measured, and a run that was stopped continues from there.
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
from edge_edet.studies.model_folder import ModelFolder
from edge_edet.studies.study_networks import RunConfig, StudyNetwork

__all__ = ["Rounds", "Turn", "of_configs", "pooled", "turns"]

START_S = 3.0  # to start a process and load its model; guesses for the remaining time only
ADDS_PER_S = 15e9
SCORE_THRESHOLD = 0.3
Note = Callable[[str], None]


@dataclass(frozen=True)
class Turn:
    """One measurement: a network in one configuration, in one round."""

    network: StudyNetwork
    config: RunConfig
    round: int

    def guess_s(self, multiply_adds: int, rule: StopRule) -> float:
        """Guess the time that the measurement takes, in seconds."""
        runs = rule.warmup + rule.min_samples
        speed = ADDS_PER_S * self.config.threads * (2 if self.config.precision == "int8" else 1)
        return START_S + max(runs * multiply_adds / speed, 1.0)


def turns(
    networks: Sequence[StudyNetwork], configs: Sequence[RunConfig], rounds: int
) -> list[Turn]:
    """Return the measurements in their order.

    Networks follow each other in each configuration, and all configurations are measured in each round.
    With a single round the order is network by network, so that each is built only once.
    """
    if rounds == 1:
        return [Turn(network, config, 1) for network in networks for config in configs]
    return [
        Turn(network, config, n)
        for n in range(1, rounds + 1)
        for config in configs
        for network in networks
    ]


class Rounds:
    """The measurements of a study, and how they are made."""

    def __init__(
        self,
        study: str,
        networks: Sequence[StudyNetwork],
        configs: Sequence[RunConfig],
        rounds: int,
        rule: StopRule,
        folder: ModelFolder,
    ):
        self.study, self.rounds, self.rule, self.folder = study, rounds, rule, folder
        self.turns = turns(networks, configs, rounds)
        device = find_places([], [])[0].device
        assert device is not None
        self.device, self.digest = device, pictures_digest([BUNDLED_PICTURE])

    def job(self, turn: Turn, facts: ModelFacts) -> Job:
        """Return the job that `bench` measures for a turn."""
        path = self.folder.path(turn.network.variant, turn.config)
        return Job(
            str(path),
            facts,
            RequestedConfig(threads=turn.config.threads),
            self.device,
            self.rule,
            (str(BUNDLED_PICTURE),),
            self.digest,
            SCORE_THRESHOLD,
            None,
        )

    def protocol(self, job: Job, turn: Turn) -> dict[str, Any]:
        """Return the protocol of a row: that of its job, and the round."""
        return job.protocol() | {"rounds": self.rounds, "round": turn.round}

    def identity(self, turn: Turn) -> str:
        """Return what identifies the row of a turn; unlike its key, it is known before the file is."""
        name = self.folder.path(turn.network.variant, turn.config).name
        job = self.job(turn, ModelFacts(name, "", 1, None, (1, 1), "", "tflite", None, None))
        return _identity(name, job.asked, self.protocol(job, turn))

    def measured(self, rows: Sequence[BenchmarkRow]) -> list[BenchmarkRow]:
        """Return the rows that belong to these measurements."""
        wanted = {self.identity(turn) for turn in self.turns}
        return [row for row in rows if identity_of(row) in wanted]

    def measure(self, file: RowFile, note: Note) -> Iterator[EdgeEdetError]:
        """Measure the rows that the file lacks and add them.

        Yields the error of each network that failed; the others continue.
        """
        done = {identity_of(row) for row in file.rows}
        left = [turn for turn in self.turns if self.identity(turn) not in done]
        if len(left) < len(self.turns):
            note(f"{len(self.turns) - len(left)} of {len(self.turns)} rows exist already")
        adds = [self.folder.multiply_adds(turn.network.variant) for turn in left]
        clock = _TimeLeft([turn.guess_s(n, self.rule) for turn, n in zip(left, adds, strict=True)])
        if left:
            note(f"{len(left)} to measure, roughly {clock.guessed()}")
        failed: set[tuple[str, RunConfig]] = set()
        for index, turn in enumerate(left):
            this = (turn.network.variant.name, turn.config)
            if this not in failed:
                result = "failed"
                try:
                    row = self._row(turn, _configs_of(turn.network, left[index:]), file.rows)
                    file.add(row)
                    result = f"{p50(row, 'inference') or 0.0:.4g} ms"
                except EdgeEdetError as error:
                    failed.add(this)
                    yield error
                text = f"{index + 1} of {len(left)}: {this[0]}, {turn.config.name}: {result}"
                note(f"{text}; {clock.after(index)} left")
            self._drop_unless_wanted(turn, left[index + 1 :])

    def _row(
        self, turn: Turn, configs: Sequence[RunConfig], earlier: Sequence[BenchmarkRow]
    ) -> BenchmarkRow:
        self.folder.make(turn.network.variant, configs)
        job = self.job(turn, model_facts(self.folder.path(turn.network.variant, turn.config)))
        row = _measured(job, earlier)
        return dataclasses.replace(row, study=self.study, protocol=self.protocol(job, turn))

    def _drop_unless_wanted(self, turn: Turn, later: Sequence[Turn]) -> None:
        paths = {self.folder.path(other.network.variant, other.config) for other in later}
        if self.folder.path(turn.network.variant, turn.config) not in paths:
            self.folder.drop(turn.network.variant, turn.config)


def _configs_of(network: StudyNetwork, left: Sequence[Turn]) -> list[RunConfig]:
    return [turn.config for turn in left if turn.network.variant == network.variant]


def of_configs(
    rows: Sequence[BenchmarkRow], networks: Sequence[StudyNetwork], configs: Sequence[RunConfig]
) -> list[BenchmarkRow]:
    """Return the rows of these networks and configurations, of any protocol."""
    wanted = {(i.variant.name, w.target, w.precision, w.threads) for i in networks for w in configs}
    return [
        row
        for row in rows
        if (row.model.variant, row.model.format, row.model.precision, row.asked.threads) in wanted
    ]


def pooled(rows: Sequence[BenchmarkRow]) -> list[BenchmarkRow]:
    """Join the rounds of each network and configuration to one row with all samples.

    protocol.rounds is their number; warnings are those of all rounds, everything else is that of the last
    round.
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
    """Return what identifies a row of a round."""
    return _identity(row.model.file, row.asked, row.protocol)


def _identity(file: str, asked: RequestedConfig, protocol: dict[str, Any]) -> str:
    return json.dumps([file, to_json(asked), to_json(protocol)], sort_keys=True)


class _TimeLeft:
    """Guesses of the remaining time, corrected by the time that the first measurements took."""

    def __init__(self, guesses: Sequence[float]):
        self.guesses, self.start = guesses, time.monotonic()

    def guessed(self) -> str:
        return _duration(sum(self.guesses))

    def after(self, index: int) -> str:
        done, left = sum(self.guesses[: index + 1]), sum(self.guesses[index + 1 :])
        return _duration(left * (time.monotonic() - self.start) / done)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
