"""Find the pictures that data.yaml, obj.data and lists name, on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edge_edet.benchmarks.accuracy.datasets.data_yaml import DataYaml
from edge_edet.benchmarks.accuracy.datasets.files import (
    PICTURE_SUFFIXES,
    exists,
    first_twice,
    is_file,
    read_lines,
    visible_files,
)
from edge_edet.benchmarks.accuracy.datasets.listed import find_listed, is_absolute, name_parts
from edge_edet.errors import InputError

__all__ = ["label_files", "pictures_of_list", "pictures_of_split"]

IMAGES = ("images", "JPEGImages")  # Ultralytics and darknet look for labels/ beside these
Notes = dict[str, int]
BY_END = "pictures found by the end of their listed path"
FOLDER_BY_END = "folders of the split found by the end of their path"


def pictures_of_split(data: DataYaml, split: str) -> tuple[list[Path], Notes]:
    """Return the pictures of a split in the order of its entries, those of a folder by name, and notes.

    Raises
    ------
    InputError
        An entry does not exist.
    """
    root = _root(data)
    pictures: list[Path] = []
    notes = {BY_END: 0, FOLDER_BY_END: 0}
    for entry in data.splits[split]:
        place, as_listed = _place(data, split, entry, root)
        notes[FOLDER_BY_END] += not as_listed
        if place.is_dir():
            pictures += visible_files(place, *PICTURE_SUFFIXES, below=True)
        else:
            found, by_end = pictures_of_list(place, [root, data.file.parent])
            pictures += found
            notes[BY_END] += by_end
    return pictures, notes


def pictures_of_list(file: Path, bases: Sequence[Path]) -> tuple[list[Path], int]:
    """Return the pictures of a list, one per line, and how many were not found as written.

    Lines are relative to the list or to one of the bases.
    """
    names = [line for line in read_lines(file) if line]
    if (twice := first_twice(names)) is not None:
        raise InputError(f"{str(file)!r} lists {twice!r} twice")
    found = find_listed(names, [file.parent, *bases], strip=True)
    return list(found.paths), found.read_otherwise


def label_files(pictures: Sequence[Path]) -> list[Path]:
    """Return the label file of each picture: in labels/ for images/ if any exists, else beside it."""
    apart = [_apart(path) for path in pictures]
    beside = [path.with_suffix(".txt") for path in pictures]
    return beside if _none_there(apart) and not _none_there(beside) else apart


def _none_there(paths: Sequence[Path]) -> bool:
    return not any(is_file(path) for path in paths)


def _apart(picture: Path) -> Path:
    parts = list(picture.parts)
    for number in reversed(range(len(parts) - 1)):
        if parts[number] in IMAGES:
            parts[number] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _root(data: DataYaml) -> Path:
    """Return the folder that entries are relative to.

    It is `path` of data.yaml, relative to the file's folder or its parent; or the file's folder, if
    `path` belongs to another machine.
    """
    folder = data.file.parent
    if data.root is not None:
        inner = data.root.replace("\\", "/")
        for base in (folder, folder.resolve().parent):
            if exists(base / inner) and (base / inner).is_dir():
                return base / inner
    return folder


def _place(data: DataYaml, split: str, entry: str, root: Path) -> tuple[Path, bool]:
    """Return the folder or list of an entry, and whether it is where the entry states."""
    folder = data.file.parent
    inner = entry.replace("\\", "/")
    found = [base / inner for base in (root, folder) if exists(base / inner)][:1]
    own = folder.resolve()
    if not found and not is_absolute(inner) and name_parts(inner)[:1] == (own.name,):
        beside = own.parent / inner  # Roboflow's client writes the name of the folder before all
        found = [beside] if exists(beside) else []
    if inner.startswith("../") and not PurePosixPath(inner[3:]).is_absolute():
        # Roboflow writes ../train/images for what lies beside data.yaml
        found += [base / inner[3:] for base in (root, folder) if exists(base / inner[3:])][:1]
    if len({place.resolve() for place in found}) > 1:
        raise InputError(
            f"{str(data.file)!r}: {split} {entry!r} may be {str(found[0])!r} or {str(found[1])!r}: "
            "write the whole path"
        )
    if found:
        return found[0], True
    if (place := _by_end(data, inner, root)) is not None:
        return place, False
    raise InputError(
        f"{str(data.file)!r}: {split} is {entry!r}, which does not exist: looked in {str(root)!r}; "
        "write the path relative to the file"
    )


def _by_end(data: DataYaml, inner: str, root: Path) -> Path | None:
    """Find an absolute path of another machine by its end.

    The end follows the folder that all entries share, or one with the name of data.yaml's folder.
    """
    if not is_absolute(inner):
        return None
    parts = name_parts(inner)
    folder = data.file.parent.resolve()
    all_parts = {name_parts(entry) for entries in data.splits.values() for entry in entries}
    shared = _shared(sorted(all_parts)) if len(all_parts) > 1 else max(len(parts) - 2, 0)
    own = [number + 1 for number, part in enumerate(parts) if part == folder.name]
    for cut in [*own, *range(1, shared + 1)]:
        for base in (root, folder):
            if parts[cut:] and exists(base.joinpath(*parts[cut:])):
                return base.joinpath(*parts[cut:])
    return None


def _shared(rows: Sequence[tuple[str, ...]]) -> int:
    """Return how many leading folders all rows have in common."""
    count = 0
    for column in zip(*(row[:-1] for row in rows), strict=False):
        if len(set(column)) > 1:
            break
        count += 1
    return count
