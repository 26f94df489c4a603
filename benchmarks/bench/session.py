"""One run of the bench command: what all its places share, and what happens at each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edge_edet.benchmarks.bench.accuracy import with_accuracy
from edge_edet.benchmarks.bench.expected_time import expected_words
from edge_edet.benchmarks.bench.labelled_data import Labelled, with_data
from edge_edet.benchmarks.bench.output import BenchOutput
from edge_edet.benchmarks.bench.plan import Plan, make_jobs
from edge_edet.benchmarks.bench.remote import measure_remote
from edge_edet.benchmarks.bench.run import measure_jobs
from edge_edet.benchmarks.bench.targets import Place
from edge_edet.benchmarks.counting import count_rows, to_count
from edge_edet.benchmarks.measuring import RowMeasured, input_load_options
from edge_edet.benchmarks.rows import BenchmarkRow, done_keys
from edge_edet.devices.counting import find_core
from edge_edet.errors import EdgeEdetError, InputError

__all__ = ["BenchSession", "check_countable", "check_estimable"]


@dataclass(frozen=True, eq=False)
class BenchSession:
    """What all places of one bench command share.

    Attributes
    ----------
    plan
        What runs, and how it is measured.
    data
        Labelled pictures for AP; None without.
    models
        The model files.
    named
        Whether the user named them: one that cannot be measured is an error then; otherwise it is left out.
    earlier
        Rows that the file held before.
    resume
        Whether those need not be measured again.
    skip
        Keys of rows to leave out.
    fresh
        Whether each row has a process of its own.
    output
        Takes all events.
    """

    plan: Plan
    data: Labelled | None
    models: Sequence[Path]
    named: bool
    earlier: Sequence[BenchmarkRow]
    resume: bool
    skip: frozenset[str]
    fresh: bool
    output: BenchOutput

    @property
    def known(self) -> Sequence[BenchmarkRow]:
        """Rows that need not be measured again."""
        return self.earlier if self.resume else ()

    @property
    def done(self) -> set[str]:
        """The keys of these, and of those to skip."""
        return done_keys(with_data(self.known, self.data)) | self.skip

    def measure(self, places: Sequence[Place]) -> list[EdgeEdetError]:
        """Measure at all places: hosts side by side, what is on this machine in its turn.

        Parameters
        ----------
        places
            This machine, hosts, and boards that are estimated.

        Returns
        -------
        list of EdgeEdetError
            What failed, while the rest went on. A single place raises what ends it.
        """
        if len(places) == 1:
            return list(self._at(places[0]))
        failures: list[EdgeEdetError] = []

        def one(place: Place) -> None:
            try:
                for error in self._at(place):
                    failures.append(error)
            except EdgeEdetError as error:
                failures.append(error)

        here = [place for place in places if place.kind != "remote"]
        away = [place for place in places if place.kind == "remote"]
        with ThreadPoolExecutor(len(away) or 1) as pool:
            running = [pool.submit(one, place) for place in away]
            try:
                for place in here:
                    one(place)
                for future in running:
                    future.result()
            except KeyboardInterrupt:
                self.output.stopped = True  # each ends with its next event, and what runs there
                raise
        return failures

    def _at(self, place: Place) -> Iterator[EdgeEdetError]:
        """Hand over to what measures at this kind of place. Yields what failed there."""
        if self.plan.count:
            yield from self._count(place)
        elif place.kind == "remote":
            self._remote(place)
        elif place.kind == "estimate":
            self._estimate(place)
        else:
            yield from self._here(place)

    def _remote(self, place: Place) -> None:
        from edge_edet.devices.remote import open_transport

        assert place.host is not None
        with contextlib.closing(open_transport(place.host)) as transport:
            measure_remote(transport, self.models, self.plan, self.known, self.output, self.data)

    def _count(self, place: Place) -> Iterator[EdgeEdetError]:
        assert place.host is not None
        assert place.host.emulated is not None
        done = self.done
        rows = count_rows(
            self.models,
            self.plan.grid.all(),
            place.host.emulated,
            per_operator=self.plan.per_operator,
            timeout_s=self.plan.time_limit_s,
            done=done.__contains__,
            note=self.output.note,
        )
        for row in rows:
            if isinstance(row, EdgeEdetError):
                yield row
            else:
                self.output(RowMeasured(row))

    def _estimate(self, place: Place) -> None:
        from edge_edet.benchmarks.estimate import estimate_rows

        assert place.device is not None
        found = estimate_rows(
            self.models,
            place.device,
            self.plan.grid.all(),
            named=self.named,
            note=self.output.note,
            counted=self.earlier,
        )
        left: Iterable[BenchmarkRow] = [row for row in found if row.key not in self.done]
        if self.data is not None:
            known = [*self.earlier, *self.output.rows]
            options = input_load_options(self.plan.input)
            left = with_accuracy(left, self.models, self.data, known, self.output.note, options)
        for row in left:
            self.output(RowMeasured(row))

    def _here(self, place: Place) -> Iterator[EdgeEdetError]:
        assert place.device is not None
        data, note = self.data, self.output.note
        jobs = make_jobs(self.models, self.plan, place.device, named=self.named, note=note)
        left = [job for job in jobs if job.key not in self.done]
        if len(left) < len(jobs):
            note(f"{len(jobs) - len(left)} of {len(jobs)} rows are there already")
        if left and (not self.named or len(left) > 1 or data is not None):
            note(expected_words(left, data.pictures if data is not None else 0))
        for failure in measure_jobs(left, self.known, self.output, data=data, fresh=self.fresh):
            yield failure.error


def check_countable(place: Place, plan: Plan, data: str | None) -> None:
    """Raise InputError for what cannot be counted, before anything runs.

    Parameters
    ----------
    place
        Where it is to be counted.
    plan
        What is to be counted.
    data
        What --data names; None: it was not given.

    Raises
    ------
    InputError
        Without an emulated core, and for what drawn inputs have not.
    """
    if place.host is None or place.host.emulated is None:
        raise InputError("--count needs an emulated core: give --host emulated:rpi4, say")
    if data is not None:
        raise InputError("--count runs drawn inputs, which have no AP: leave --data out")
    find_core(place.host.emulated)
    for asked in plan.grid.all():
        to_count(asked)


def check_estimable(place: Place, plan: Plan) -> None:
    """Raise InputError for what only a measurement gives, before anything is measured.

    Parameters
    ----------
    place
        A board that cannot be reached.
    plan
        What is to be measured.

    Raises
    ------
    InputError
        For what only a measurement gives.
    """
    from edge_edet.benchmarks.estimate import configs_to_estimate

    assert place.device is not None
    configs_to_estimate(plan.grid.all(), place.device.id)
    for option, given in (("--sustain", plan.sustain_s), ("--images", plan.pictures)):
        if given:
            raise InputError(
                f"{place.device.id} cannot be reached, and an estimate of the inference has no "
                f"{option}: give --host, or leave {option} out"
            )
