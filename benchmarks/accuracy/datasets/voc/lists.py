"""Read lists of names in VOC's ImageSets/, whose lines have spaces, quotes, flags or suffixes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.data_yaml import SPLITS, choose_split
from edge_edet.benchmarks.accuracy.datasets.files import (
    PICTURE_SUFFIXES,
    first_twice,
    read_lines,
    sub_folders,
    visible_files,
)
from edge_edet.benchmarks.accuracy.datasets.listed import name_parts
from edge_edet.errors import InputError

__all__ = ["ListedNames", "names_of_split", "split_lists"]

FLAG = re.compile(r"\s+(-1|[01])$")  # in lists of one class: absent, difficult, present
FOLDERS = ("JPEGImages", "images", "Images", "Annotations", "annotations")
QUOTED = re.compile(r'"(.+)"$')


@dataclass(frozen=True)
class ListedNames:
    """Names of a split.

    Attributes
    ----------
    stems
        Paths below Annotations/ without .xml.
    complete
        These are all that exist.
    """

    stems: list[str]
    complete: bool = True


def split_lists(folder: Path) -> dict[str, Path]:
    """Return name of the split -> its list, from ImageSets/Main or ImageSets itself."""
    for place in (folder / "ImageSets" / "Main", folder / "ImageSets"):
        if place.is_dir() and (files := visible_files(place, ".txt")):
            return {path.stem: path for path in files}
    return {}


def names_of_split(
    folder: Path, annotations: Path, split: str | None, known: Collection[str]
) -> ListedNames:
    """Return the names in the list of a split, else those below Annotations/SPLIT; all for no split.

    Parameters
    ----------
    known
        The stems that have an .xml.

    Raises
    ------
    InputError
        The split is missing or must be chosen, or a name has no .xml.
    """
    lists = split_lists(folder)
    if split is None:
        if lists:
            raise InputError(
                f"{str(folder)!r} has the splits {', '.join(list(lists)[:8])}: choose one with "
                "--split"
            )
        inner = [path.name for path in sub_folders(annotations)]
        if len(inner) > 1 and {name.lower() for name in inner} <= {*SPLITS}:
            raise InputError(
                f"{str(annotations)!r} has the splits {', '.join(inner)}: choose one with --split"
            )
        return ListedNames(sorted(known))
    folders = {path.name: path for path in sub_folders(annotations)}
    if not lists and split in folders:
        return ListedNames(sorted(stem for stem in known if stem.startswith(f"{split}/")), False)
    if not lists:
        raise InputError(f"{str(folder)!r} has no split {split!r}: there is no ImageSets/Main")
    file = lists[choose_split(lists, split, repr(str(folder)))]
    known = set(known)
    stems = [_stem(line, known, annotations) for line in read_lines(file) if line]
    if (twice := first_twice(stems)) is not None:
        raise InputError(f"split {split!r} of {str(folder)!r} lists {twice!r} twice")
    return ListedNames(stems, False)


def _stem(line: str, known: Collection[str], annotations: Path) -> str:
    """Return the name: the whole line if it is one, else without flag, quotes and suffix."""
    unflagged = FLAG.sub("", line)
    for text in (line, unflagged):
        for name in (text, _unquoted(text), _inner(_unquoted(text))):
            if name in known:
                return name
            stem, dot, suffix = name.rpartition(".")
            if f"{dot}{suffix}".lower() in (*PICTURE_SUFFIXES, ".xml") and stem in known:
                return stem
    missing = annotations / f"{_unquoted(unflagged)}.xml"
    raise InputError(f"no {str(missing)!r}, which the split lists")


def _inner(name: str) -> str:
    """Return what follows the folder of pictures or of .xml files in a path."""
    parts = name_parts(name)
    ends = [number for number, part in enumerate(parts) if part in FOLDERS]
    return "/".join(parts[ends[-1] + 1 :] if ends else parts)


def _unquoted(text: str) -> str:
    match = QUOTED.match(text)
    return match[1] if match else text
