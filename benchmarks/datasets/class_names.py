"""Class names of YOLO data: one a line in a file of many names, or in data.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from edge_edet.benchmarks.datasets.data_yaml import find_data_yaml, read_data_yaml
from edge_edet.benchmarks.datasets.files import read_lines
from edge_edet.errors import InputError

__all__ = ["NAME_FILES", "find_names", "read_name_file"]

NAME_FILES = (
    "classes.txt", "names.txt", "labels.txt", "obj.names", "classes.names", "_darknet.labels",
)  # fmt: skip


def read_name_file(file: Path) -> dict[int, str]:
    """{class: name}, first line class 0; a class whose line is empty has no name."""
    found = {number: name for number, name in enumerate(read_lines(file)) if name}
    if not found:
        raise InputError(f"{str(file)!r} has no class names")
    return found


def find_names(places: Iterable[Path]) -> Mapping[int, str] | None:
    """{class: name} from the first folder that has names; None where none has.

    Raises InputError where two files of one folder name the classes differently.
    """
    for place in places:
        found = dict(_in_folder(place))
        if not found:
            continue
        (first, names), *others = found.items()
        for file, other in others:
            if other != names:
                raise InputError(
                    f"{str(first)!r} and {str(file)!r} name the classes differently: remove the "
                    "one that is wrong"
                )
        return names
    return None


def _in_folder(place: Path) -> Iterable[tuple[Path, Mapping[int, str]]]:
    for name in NAME_FILES:
        if (place / name).is_file():
            yield place / name, read_name_file(place / name)
    if (file := find_data_yaml(place)) is not None:
        yield file, read_data_yaml(file).names
