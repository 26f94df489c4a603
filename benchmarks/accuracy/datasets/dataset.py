"""Pictures and their labelled objects, independent of the format of the files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.benchmarks.accuracy.datasets.files import is_file
from edge_edet.errors import InputError

__all__ = ["Category", "Dataset", "Objects", "Picture", "check_there", "outside"]

OUTSIDE_PX = 1.0  # labels drawn by hand may end a pixel beyond the edge


@dataclass(frozen=True)
class Category:
    """A class of the data.

    Attributes
    ----------
    id
        Its number in the data.
    name
        Its name.
    """

    id: int
    name: str


@dataclass(frozen=True, eq=False)
class Objects:
    """The labelled objects of one picture, as arrays.

    Attributes
    ----------
    boxes
        [n, 4] x y width height in pixels, as the file has them.
    categories
        [n] category ids.
    areas
        [n] in pixels, as the file has them; COCO's are those of the masks.
    crowd
        [n] whether it is a group; detections within a group are neither correct nor wrong.
    """

    boxes: npt.NDArray[np.float64]
    categories: npt.NDArray[np.int64]
    areas: npt.NDArray[np.float64]
    crowd: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, rows: list[tuple[tuple[float, float, float, float], int, float, bool]]) -> Objects:
        """Build the arrays from (box, category id, area, crowd) of each object.

        Parameters
        ----------
        rows
            Of each object: box (x, y, width, height in pixels), category id, area in square
            pixels, whether a crowd.

        Returns
        -------
        Objects
            The arrays, in this order.
        """
        return cls(
            np.array([row[0] for row in rows], np.float64).reshape(-1, 4),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float64),
            np.array([row[3] for row in rows], bool),
        )

    def __len__(self) -> int:
        return len(self.categories)

    def __getitem__(self, part: npt.NDArray[np.bool_]) -> Objects:
        return Objects(self.boxes[part], self.categories[part], self.areas[part], self.crowd[part])


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture with its labels.

    Attributes
    ----------
    size
        (width, height) as the labels state it; None where they don't.
    """

    id: int
    path: Path
    size: tuple[int, int] | None
    objects: Objects


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures.

    Attributes
    ----------
    source
        The path and the split, for messages.
    kind
        "coco", "voc" or "yolo".
    notes
        Text -> count of what a reader of the AP should know, such as pictures that were left out.

    Raises
    ------
    InputError
        There are no pictures, or two categories have one name.
    """

    source: str
    kind: str
    categories: tuple[Category, ...]
    pictures: tuple[Picture, ...]
    notes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.pictures:
            raise InputError(f"{self.source!r} lists no pictures")
        names = [category.name for category in self.categories]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"{self.source!r} has two categories named {twice[0]!r}")

    def first(self, limit: int | None) -> Dataset:
        """Return the first `limit` pictures in the order of the data; all for None.

        Parameters
        ----------
        limit
            How many pictures; None: all.

        Returns
        -------
        Dataset
            The same data with these pictures.

        Raises
        ------
        InputError
            For less than 1.
        """
        if limit is None or limit >= len(self.pictures):
            return self
        if limit < 1:
            raise InputError(f"--limit must be at least 1, but got {limit}")
        return self.of(self.pictures[:limit])

    def of(self, pictures: Sequence[Picture]) -> Dataset:
        """Return the same data with only these pictures.

        Parameters
        ----------
        pictures
            Of this data.

        Returns
        -------
        Dataset
            The data with these.
        """
        return dataclasses.replace(self, pictures=tuple(pictures))

    def check_files(self) -> None:
        """Raise InputError, naming the first one, where pictures are missing."""
        check_there([picture.path for picture in self.pictures], self.source)

    def digest(self) -> str:
        """Return the sha256 of the labels and of the pictures' names and byte sizes (not their bytes).

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        h = hashlib.sha256()
        h.update(_canonical([[c.id, c.name] for c in self.categories]))
        for picture in self.pictures:
            stat = picture.path.stat() if is_file(picture.path) else None
            row = [picture.id, picture.path.name, stat.st_size if stat else None]
            h.update(_canonical(row))
            for array in dataclasses.astuple(picture.objects):
                h.update(np.ascontiguousarray(array).tobytes())
        return h.hexdigest()


def check_there(paths: Sequence[Path], source: str = "") -> None:
    """Check that all pictures exist.

    Parameters
    ----------
    source
        The data as the person gave it, for the advice.

    Raises
    ------
    InputError
        Pictures are missing; it names the first one.
    """
    from_list = Path(source).suffix.lower() in (".yaml", ".yml", ".data", ".txt")
    missing = [path for path in paths if not is_file(path)]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(paths)} pictures are missing, first {str(missing[0])!r}: "
            + (
                f"check the folders that {Path(source).name} names"
                if from_list
                else "check the data, or give their folder with --images"
            )
        )


def outside(box: tuple[float, float, float, float], size: tuple[int, int] | None) -> bool:
    """Return whether a box x y width height leaves the picture by more than a pixel."""
    if size is None:
        return False
    x, y, width, height = box
    past = max(-x, -y, x + width - size[0], y + height - size[1])
    return past > OUTSIDE_PX


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
