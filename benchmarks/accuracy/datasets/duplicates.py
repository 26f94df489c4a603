"""Count objects that are labelled twice: evaluators count both, so one of them is never found."""

from __future__ import annotations

import dataclasses

import numpy as np

from edge_edet.benchmarks.accuracy.datasets.dataset import Dataset, Picture

__all__ = ["with_note_on_duplicates"]

TWICE = "objects labelled more than once (same class, same box), each counted"


def with_note_on_duplicates(dataset: Dataset) -> Dataset:
    """Return the same data with a note on the number of repeated labels."""
    number = sum(map(_repeated, dataset.pictures))
    if not number:
        return dataset
    return dataclasses.replace(dataset, notes={**dataset.notes, TWICE: number})


def _repeated(picture: Picture) -> int:
    objects = picture.objects
    rows = np.column_stack([objects.boxes, objects.categories, objects.crowd])
    return len(rows) - len(np.unique(rows, axis=0)) if len(rows) else 0
