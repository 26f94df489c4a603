"""The AP of `bench --data`: of each row's model file, measured where the command runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.bench.labelled_data import Labelled
from edge_edet.benchmarks.rows import Accuracy, BenchmarkRow, Warned, has_random_weights

__all__ = ["RANDOM", "measure_accuracy", "with_accuracy"]

RANDOM = Warned(
    "random-weights",
    "the model has random weights: it finds nothing, so postprocessing is quicker than it will be",
    "use the inference time only, or convert trained weights",
)


def measure_accuracy(
    model: str | Path,
    options: Mapping[str, Any],
    data: Labelled,
    scheduler: str | None = None,
) -> tuple[Accuracy, str]:
    """Measure the AP of a model file, by the evaluator's own protocol.

    Parameters
    ----------
    model
        The file.
    options
        For `edge_edet.load`.
    data
        The labelled pictures. What `eval` has done already on them is not done again.
    scheduler
        Address of a Dask cluster that evaluates the pictures.

    Returns
    -------
    accuracy : Accuracy
        As it stands in a row.
    runtime : str
        What it was measured with: name and version.
    """
    from edge_edet.benchmarks.accuracy import evaluate

    result = evaluate(
        model,
        data.dataset,
        data.protocol(),
        limit=data.limit,
        state=None,
        given_map=data.given_map(),
        scheduler=scheduler,
        strict=True,  # a row's AP is of all pictures of its data
        **options,
    )
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
    options: Mapping[str, Any] | None = None,
) -> Iterator[BenchmarkRow]:
    """Give estimated rows the AP that their files have on this machine.

    Parameters
    ----------
    rows
        Estimates, each of one of the files.
    models
        The files.
    data
        The labelled pictures.
    earlier
        Rows, of which one of the same file and data lends its AP.
    note
        Takes a line before an AP is measured.
    options
        For `edge_edet.load`.

    Yields
    ------
    BenchmarkRow
        The row with its AP, and a note that it was not measured on the board.
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
                known[row.model.sha256] = measure_accuracy(path, options or {}, data)
        found = known[row.model.sha256]
        if found is None:
            yield dataclasses.replace(row, warnings=(*row.warnings, RANDOM))
            continue
        accuracy, runtime = found
        text = (
            f"AP was measured by {runtime}, not on {row.device.id}: kernels of another CPU may round "
            "differently"
        )
        estimate = dataclasses.replace(row.estimate, notes=(*row.estimate.notes, text))
        yield dataclasses.replace(row, accuracy=accuracy, estimate=estimate)
