"""The labelled pictures of `bench --data`: read before anything is measured, or sent to a board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.errors import InputError

if TYPE_CHECKING:
    from edge_edet.benchmarks.accuracy import Protocol
    from edge_edet.benchmarks.accuracy.datasets import Dataset
    from edge_edet.benchmarks.rows import BenchmarkRow

BY_NAME, MAP_AFTER = "by name", ", then "  # of Protocol.class_map

__all__ = ["Labelled", "read_labelled", "with_data"]


@dataclass(frozen=True, eq=False)
class Labelled:
    """The labelled pictures, and the options that they were named by.

    Attributes
    ----------
    path, split, limit
        As --data, --split and --limit have them.
    dataset
        What was read from there, without the limit.
    digest
        As in rows: of all pictures, whatever the limit.
    pictures
        How many of them count.
    class_map
        The file of --class-map; None: classes are matched by equal names.
    """

    path: Path
    split: str | None
    limit: int | None
    dataset: Dataset
    digest: str
    pictures: int
    class_map: Path | None = None

    def is_in(self, row: BenchmarkRow) -> bool:
        """Whether the row has AP on exactly these pictures, or cannot have any."""
        if any(one.code == "random-weights" for one in row.warnings):
            return True
        known = row.accuracy
        if known is None or (known.data_digest, known.pictures) != (self.digest, self.pictures):
            return False
        matched = str(known.protocol.get("class_map", BY_NAME)).partition(MAP_AFTER)[2]
        return Path(matched).name == (self.class_map.name if self.class_map is not None else "")

    def files(self) -> list[Path]:
        """List what a board needs of it.

        Raises
        ------
        InputError
            For --data that is a file: its pictures lie elsewhere.
        """
        if not self.path.is_dir():
            raise InputError(
                f"--data {str(self.path)!r} is a file, and a board needs the pictures too: give the "
                "folder that holds both"
            )
        return [self.path, *([self.class_map] if self.class_map is not None else [])]

    def options(self, there: Mapping[Path, str]) -> list[str]:
        """Make the options for the same command on a board; there: where each of `files` is on it."""
        split = ["--split", self.split] if self.split is not None else []
        limit = ["--limit", str(self.limit)] if self.limit is not None else []
        mapped = ["--class-map", there[self.class_map]] if self.class_map is not None else []
        return ["--data", there[self.path], *split, *limit, *mapped]

    def protocol(self) -> Protocol:
        """Make the protocol that AP is measured under."""
        from edge_edet.benchmarks.accuracy import DEFAULT_PROTOCOL

        if self.class_map is None:
            return DEFAULT_PROTOCOL
        return DEFAULT_PROTOCOL.replace(class_map=f"{BY_NAME}{MAP_AFTER}{self.class_map}")

    def given_map(self) -> dict[str, str] | None:
        """Read the class map; None without one."""
        from edge_edet.benchmarks.accuracy import read_class_map

        return None if self.class_map is None else read_class_map(self.class_map)


def read_labelled(
    data: str | Path | None,
    split: str | None = None,
    limit: int | None = None,
    class_map: Path | None = None,
) -> Labelled | None:
    """Read the labelled pictures, so that what is wrong with them shows before anything is measured.

    Parameters
    ----------
    data
        Labelled pictures, as `eval` takes them; None: AP is not measured.
    split
        Part of the data.
    limit
        Use only the first pictures, this many.
    class_map
        A .json with the model's labels and the data's categories.

    Returns
    -------
    Labelled or None
        None without data.

    Raises
    ------
    InputError
        For data that cannot be used, and for the other options without data.
    """
    if data is None:
        for option, value in (
            ("--split", split),
            ("--limit", limit),
            ("--class-map", class_map),
        ):
            if value is not None:
                raise InputError(f"{option} is for --data, which is not given: give it too")
        return None
    from edge_edet.benchmarks.accuracy.datasets import load_dataset

    path = Path(data)
    dataset = load_dataset(path, split=split)
    used = dataset.first(limit)
    used.check_files()
    found = Labelled(path, split, limit, dataset, dataset.digest(), len(used.pictures), class_map)
    found.given_map()
    return found


def with_data(rows: Sequence[BenchmarkRow], data: Labelled | None) -> list[BenchmarkRow]:
    """Select the rows that are done, which have the AP that is asked for."""
    return [row for row in rows if data is None or data.is_in(row)]
