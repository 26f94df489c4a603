"""Measures jobs on this machine, one after the other, and tells of each what happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.benchmarks.bench.accuracy import RANDOM, measure_accuracy
from edge_edet.benchmarks.measuring import Job, load_options, run_fresh, run_here
from edge_edet.benchmarks.rows import (
    BenchmarkRow,
    has_random_weights,
    row_from_dict,
    row_to_dict,
    with_checks,
)
from edge_edet.errors import EdgeEdetError

if TYPE_CHECKING:
    from edge_edet.benchmarks.accuracy.datasets import Dataset

__all__ = ["Failure", "measure_jobs"]


@dataclass(frozen=True)
class Failure:
    """A job that gave no row."""

    job: Job
    error: EdgeEdetError


def measure_jobs(
    jobs: Sequence[Job],
    earlier: Sequence[BenchmarkRow],
    emit: Callable[[dict[str, Any]], None],
    *,
    dataset: Dataset | None = None,
    limit: int | None = None,
    fresh: bool = True,
    scheduler: str | None = None,
) -> Iterator[Failure]:
    """Emits the lines of docs/measuring.md; gives the jobs that failed, the others go on.

    earlier: rows to hold new ones against. scheduler: of a Dask cluster for the pictures of the dataset.
    """
    rows = list(earlier)
    for number, job in enumerate(jobs, 1):
        told = f"{number} of {len(jobs)}: " if len(jobs) > 1 else ""
        try:
            for line in run_fresh(job) if fresh else run_here(job):
                if line["kind"] == "measured":
                    row = _finished(
                        job, row_from_dict(line["row"], job.name), rows, dataset, limit, scheduler
                    )
                    rows.append(row)
                    emit({"kind": "row", "key": row.key, "row": row_to_dict(row)})
                elif line["kind"] == "progress":
                    emit({**line, "text": told + line["text"]})
                else:
                    emit(line)
        except EdgeEdetError as error:
            yield Failure(job, error)


def _finished(
    job: Job,
    row: BenchmarkRow,
    others: Sequence[BenchmarkRow],
    dataset: Dataset | None,
    limit: int | None,
    scheduler: str | None,
) -> BenchmarkRow:
    if has_random_weights(Path(job.model)):
        row = dataclasses.replace(row, warnings=(*row.warnings, RANDOM))
    elif dataset is not None:
        options = load_options(job.model, job.asked)
        accuracy, _ = measure_accuracy(job.model, options, dataset, limit, scheduler)
        row = dataclasses.replace(row, accuracy=accuracy)
    return with_checks(row, others)
