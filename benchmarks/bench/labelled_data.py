"""The labelled pictures of `bench --data`: read before anything is measured, or sent to a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.errors import InputError

if TYPE_CHECKING:
    from edge_edet.benchmarks.accuracy.datasets import Dataset
    from edge_edet.benchmarks.rows import BenchmarkRow

__all__ = ["Labelled", "read_labelled", "with_data"]


@dataclass(frozen=True, eq=False)
class Labelled:
    """The dataset, and the options that it was named by."""

    path: Path
    split: str | None
    limit: int | None
    dataset: Dataset
    digest: str  # as in rows: of all pictures, whatever the limit
    pictures: int

    def is_in(self, row: BenchmarkRow) -> bool:
        """Whether the row has AP on just these pictures, or cannot have any."""
        if any(one.code == "random-weights" for one in row.warnings):
            return True
        known = row.accuracy
        return known is not None and (known.data_digest, known.pictures) == (
            self.digest,
            self.pictures,
        )

    def options(self, there: str) -> list[str]:
        """For the same command on a board. there: the path on it."""
        split = ["--split", self.split] if self.split is not None else []
        limit = ["--limit", str(self.limit)] if self.limit is not None else []
        return ["--data", there, *split, *limit]

    def to_send(self) -> Path:
        """The folder. Raises InputError for a file: pictures lie elsewhere than it."""
        if not self.path.is_dir():
            raise InputError(
                f"--data {str(self.path)!r} is a file, and a board needs the pictures too: give the "
                "folder that holds both"
            )
        return self.path


def read_labelled(data: str | None, split: str | None, limit: int | None) -> Labelled | None:
    """None without --data. Raises InputError for what cannot be used, or has no meaning without."""
    if data is None:
        for option, value in (("--split", split), ("--limit", limit)):
            if value is not None:
                raise InputError(f"{option} is of --data, which is not given: give it too")
        return None
    from edge_edet.benchmarks.accuracy.datasets import load_dataset

    path = Path(data)
    dataset = load_dataset(path, split=split)
    used = dataset.first(limit)
    used.check_files()
    return Labelled(path, split, limit, dataset, dataset.digest(), len(used.pictures))


def with_data(rows: Sequence[BenchmarkRow], data: Labelled | None) -> list[BenchmarkRow]:
    """The rows that are done: with the AP that is asked for, where it is."""
    return [row for row in rows if data is None or data.is_in(row)]
