"""Class names of YOLO data: one per line in a text file, which has many usual names, or in data.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.data_yaml import find_data_yaml, read_data_yaml
from edge_edet.benchmarks.accuracy.datasets.files import read_lines
from edge_edet.errors import InputError
from edge_edet.labels import parse_label_text

__all__ = ["NAME_FILES", "ClassNames", "find_names", "read_name_file"]

NAME_FILES = (
    "classes.txt",
    "names.txt",
    "labels.txt",
    "obj.names",
    "classes.names",
    "_darknet.labels",
)


@dataclass(frozen=True)
class ClassNames:
    """Names by class, without classes that have no name, and notes on how they were read."""

    by_class: Mapping[int, str]
    notes: Mapping[str, int] = field(default_factory=dict)


def read_name_file(file: Path) -> ClassNames:
    """Read a file of names: the first line is class 0, or each line begins with its class.

    Raises
    ------
    InputError
        The file is no list of names.
    """
    what = repr(str(file))
    lines = read_lines(file)
    if not any(lines):
        raise InputError(f"{what} has no class names")
    read = parse_label_text("\n".join(lines), what)
    found = {number: name for number, name in enumerate(read.names) if name is not None}
    return ClassNames(found, {f"class names, {read.note}": len(found)} if read.note else {})


def find_names(places: Iterable[Path], above: Path) -> ClassNames | None:
    """Find class names in the first folder that has any; None where none has.

    Parameters
    ----------
    places
        Folders, the first one that has names is used.
    above
        The parent folder of the data, which is searched last, with a note.

    Raises
    ------
    InputError
        Two files of one folder name the classes differently.
    """
    for place in (*places, above):
        found = dict(_in_folder(place))
        if not found:
            continue
        (first, names), *others = found.items()
        for file, other in others:
            if other.by_class != names.by_class:
                raise InputError(
                    f"{str(first)!r} and {str(file)!r} name the classes differently: remove the "
                    "one that is wrong"
                )
        if place == above:
            text = f"class names, read from {first.name} of the parent folder"
            return ClassNames(names.by_class, {text: len(names.by_class), **names.notes})
        return names
    return None


def _in_folder(place: Path) -> Iterable[tuple[Path, ClassNames]]:
    for name in NAME_FILES:
        if (place / name).is_file():
            yield place / name, read_name_file(place / name)
    if (file := find_data_yaml(place)) is not None:
        yield file, ClassNames(read_data_yaml(file).names)
