"""The AP of `bench --data`: of the file that a row is of, measured where the command runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.benchmarks.bench.labelled_data import Labelled
from edge_edet.benchmarks.rows import Accuracy, BenchmarkRow, Warned, has_random_weights

if TYPE_CHECKING:
    from edge_edet.benchmarks.accuracy.datasets import Dataset

__all__ = ["RANDOM", "measure_accuracy", "with_accuracy"]

RANDOM = Warned(
    "random-weights",
    "the model has random weights: it finds nothing, so that there is little to postprocess",
    "take the inference only, or convert trained weights",
)


def measure_accuracy(
    model: str | Path,
    options: Mapping[str, Any],
    dataset: Dataset,
    limit: int | None,
    scheduler: str | None = None,
) -> tuple[Accuracy, str]:
    """The AP, by the evaluator's own protocol, and the runtime that it was measured with.

    options: of `edge_edet.load`. What `eval` has done already on these pictures is not done again.
    """
    from edge_edet.benchmarks.accuracy import evaluate

    result = evaluate(
        model, dataset, limit=limit, state=None, scheduler=scheduler, strict=True, **options
    )  # strict: a row's AP is of all pictures of its data
    intervals = {
        name: (value.low, value.high) if value is not None else None
        for name, value in result.intervals.items()
    }
    accuracy = Accuracy(
        dict(result.numbers),
        intervals,
        result.pictures,
        result.data,
        result.data_digest,
        result.protocol,
        dict(result.notes),
    )
    return accuracy, f"{result.ran_on['runtime']} {result.ran_on['runtime_version']}"


def with_accuracy(
    rows: Iterable[BenchmarkRow],
    models: Sequence[Path],
    data: Labelled,
    earlier: Sequence[BenchmarkRow],
    note: Callable[[str], None],
) -> Iterator[BenchmarkRow]:
    """Rows of estimates with the AP that their files have here; models: the files, each row of one.

    An earlier row of the same file and data lends its AP. The rows say that it is not the board's.
    """
    known: dict[str, tuple[Accuracy, str] | None] = {}
    for row in earlier:
        if row.accuracy is not None and row.ran is not None and data.is_in(row):
            known[row.model.sha256] = row.accuracy, f"{row.ran.runtime} {row.ran.version}"
    paths = {path.name: path for path in models}
    for row in rows:
        assert row.estimate is not None
        if row.model.sha256 not in known:
            path = paths[row.model.file]
            if has_random_weights(path):
                known[row.model.sha256] = None
            else:
                note(f"{row.model.file}: measuring AP on this machine")
                known[row.model.sha256] = measure_accuracy(path, {}, data.dataset, data.limit)
        found = known[row.model.sha256]
        if found is None:
            yield dataclasses.replace(row, warnings=(*row.warnings, RANDOM))
            continue
        accuracy, runtime = found
        told = (
            f"AP was measured by {runtime}, not on {row.device.id}: kernels of another CPU may round "
            "otherwise"
        )
        estimate = dataclasses.replace(row.estimate, notes=(*row.estimate.notes, told))
        yield dataclasses.replace(row, accuracy=accuracy, estimate=estimate)
