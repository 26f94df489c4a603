"""Class names of YOLO data: one a line in a file of many names, or in data.yaml."""

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
    """by_class: a class that has no name is not there. notes: how the names were read otherwise."""

    by_class: Mapping[int, str]
    notes: Mapping[str, int] = field(default_factory=dict)


def read_name_file(file: Path) -> ClassNames:
    """First line class 0, or an index before each name (`edge_edet.labels.file`).

    Raises InputError for what is no list of names.
    """
    what = repr(str(file))
    lines = read_lines(file)
    if not any(lines):
        raise InputError(f"{what} has no class names")
    read = parse_label_text("\n".join(lines), what)
    found = {number: name for number, name in enumerate(read.names) if name is not None}
    return ClassNames(found, {f"class names, {read.note}": len(found)} if read.note else {})


def find_names(places: Iterable[Path], above: Path) -> ClassNames | None:
    """From the first folder that has names, at last from the one above; None where none has.

    Raises InputError where two files of one folder name the classes differently.
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
            text = f"class names, read from {first.name} of the folder above"
            return ClassNames(names.by_class, {text: len(names.by_class), **names.notes})
        return names
    return None


def _in_folder(place: Path) -> Iterable[tuple[Path, ClassNames]]:
    for name in NAME_FILES:
        if (place / name).is_file():
            yield place / name, read_name_file(place / name)
    if (file := find_data_yaml(place)) is not None:
        yield file, ClassNames(read_data_yaml(file).names)
