"""Pictures and the objects in them, whatever format they came in."""

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

OUTSIDE_PX = 1.0  # labels made by hand end a pixel beyond the edge


@dataclass(frozen=True)
class Category:
    id: int
    name: str


@dataclass(frozen=True, eq=False)
class Objects:
    """The labelled objects of one picture, a struct of arrays."""

    boxes: npt.NDArray[np.float64]  # [n, 4] x y width height, pixels, as the file has them
    categories: npt.NDArray[np.int64]  # [n] category ids
    areas: npt.NDArray[np.float64]  # [n] as the file has them; COCO's are of the mask
    crowd: npt.NDArray[np.bool_]  # [n] a group: what is found in it is neither right nor wrong

    @classmethod
    def of(cls, rows: list[tuple[tuple[float, float, float, float], int, float, bool]]) -> Objects:
        """From (box, category id, area, crowd) of each."""
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
    """size: (width, height) as the labels state it, None where they don't."""

    id: int
    path: Path
    size: tuple[int, int] | None
    objects: Objects


@dataclass(frozen=True, eq=False)
class Dataset:
    """notes: what the loader met that a reader of the AP should know, counted."""

    source: str
    kind: str  # "coco", "voc", "yolo"
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
        """The first `limit` pictures, in the data's order."""
        if limit is None or limit >= len(self.pictures):
            return self
        if limit < 1:
            raise InputError(f"--limit must be at least 1, but got {limit}")
        return self.of(self.pictures[:limit])

    def of(self, pictures: Sequence[Picture]) -> Dataset:
        """The same data with these of its pictures."""
        return dataclasses.replace(self, pictures=tuple(pictures))

    def check_files(self) -> None:
        """Raises InputError, naming the first, where pictures are not there."""
        check_there([picture.path for picture in self.pictures], self.source)

    def digest(self) -> str:
        """sha256 over labels, and names and byte sizes of the pictures (not their bytes)."""
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
    """Raises InputError, naming the first, where pictures are not there; source: the data as given."""
    places = Path(source).suffix.lower() in (".yaml", ".yml", ".data", ".txt")
    missing = [path for path in paths if not is_file(path)]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(paths)} pictures are missing, first {str(missing[0])!r}: "
            + (
                f"check the folders that {Path(source).name} names"
                if places
                else "check the data, or say with --images where they are"
            )
        )


def outside(box: tuple[float, float, float, float], size: tuple[int, int] | None) -> bool:
    """Whether a box x y width height leaves the picture by more than a pixel."""
    if size is None:
        return False
    x, y, width, height = box
    past = max(-x, -y, x + width - size[0], y + height - size[1])
    return past > OUTSIDE_PX


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
