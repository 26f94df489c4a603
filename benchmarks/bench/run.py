"""Measures jobs on this machine, one after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.benchmarks.bench.accuracy import RANDOM, measure_accuracy
from edge_edet.benchmarks.bench.labelled_data import Labelled
from edge_edet.benchmarks.measuring import (
    Emit,
    Job,
    ProgressMade,
    RowMeasured,
    run_fresh,
    run_here,
)
from edge_edet.benchmarks.rows import (
    BenchmarkRow,
    has_random_weights,
    with_checks,
)
from edge_edet.errors import EdgeEdetError

__all__ = ["Failure", "measure_jobs"]


@dataclass(frozen=True)
class Failure:
    """A job that gave no row, and why."""

    job: Job
    error: EdgeEdetError


def measure_jobs(
    jobs: Sequence[Job],
    earlier: Sequence[BenchmarkRow],
    emit: Emit,
    *,
    data: Labelled | None = None,
    fresh: bool = True,
    scheduler: str | None = None,
) -> Iterator[Failure]:
    """Measure jobs one after the other.

    Parameters
    ----------
    jobs
        What to measure.
    earlier
        Rows that new ones are compared with for their warnings.
    emit
        Takes every event.
    data
        Labelled pictures that each row gets its AP on.
    fresh
        Whether each job has a process of its own.
    scheduler
        Address of a Dask cluster that evaluates the pictures.

    Yields
    ------
    Failure
        For a job that gave no row; the others go on.
    """
    rows = list(earlier)
    for number, job in enumerate(jobs, 1):
        place = f"{number} of {len(jobs)}: " if len(jobs) > 1 else ""
        try:
            for event in run_fresh(job) if fresh else run_here(job):
                if isinstance(event, RowMeasured):
                    rows.append(_finished(job, event.row, rows, data, scheduler))
                    event = RowMeasured(rows[-1])
                elif isinstance(event, ProgressMade):
                    event = dataclasses.replace(event, text=place + event.text)
                emit(event)
        except EdgeEdetError as error:
            yield Failure(job, error)


def _finished(
    job: Job,
    row: BenchmarkRow,
    others: Sequence[BenchmarkRow],
    data: Labelled | None,
    scheduler: str | None,
) -> BenchmarkRow:
    if has_random_weights(Path(job.model)):
        row = dataclasses.replace(row, warnings=(*row.warnings, RANDOM))
    elif data is not None:
        accuracy, _ = measure_accuracy(job.model, job.load_options(), data, scheduler)
        row = dataclasses.replace(row, accuracy=accuracy)
    return with_checks(row, others)
