"""Read the lists of YOLO's splits: data.yaml, darknet's obj.data, or train.txt and the like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.class_names import find_names, read_name_file
from edge_edet.benchmarks.accuracy.datasets.data_yaml import (
    SPLITS,
    DataYaml,
    find_data_yaml,
    read_data_yaml,
)
from edge_edet.benchmarks.accuracy.datasets.files import read_lines, visible_files
from edge_edet.benchmarks.accuracy.datasets.listed import find_listed
from edge_edet.errors import InputError

__all__ = ["index_of", "keypoints_of"]


def index_of(path: Path) -> DataYaml | None:
    """Return the splits that a file lists, or a file in a folder; None where there is none.

    Files are .yaml of Ultralytics, .data of darknet, and train.txt and the like with class names beside
    them.

    Parameters
    ----------
    path
        A file or folder.

    Returns
    -------
    DataYaml | None
        The splits, and the names of the classes.
    """
    if path.is_dir():
        file = find_data_yaml(path)
        if file is not None and (found := read_data_yaml(file)).splits:
            return found
        data = visible_files(path, ".data")
        if len(data) == 1 and any(line.startswith("names") for line in read_lines(data[0])):
            return _read_obj_data(data[0])
        lists = {name: path / f"{name}.txt" for name in SPLITS if (path / f"{name}.txt").is_file()}
        return _lists(path, lists) if lists and not (path / "labels").is_dir() else None
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return read_data_yaml(path)
    if suffix == ".data":
        return _read_obj_data(path)
    return _lists(path.parent, {path.stem: path}) if suffix == ".txt" else None


def _lists(folder: Path, lists: Mapping[str, Path]) -> DataYaml | None:
    names = find_names([folder], folder.resolve().parent)
    if names is None:
        return None
    splits = {name: (file.name,) for name, file in lists.items()}
    first = next(iter(lists.values()))
    return DataYaml(first, names.by_class, None, splits, keypoints_of(folder), names.notes)


def _read_obj_data(file: Path) -> DataYaml:
    """Read darknet's `key = value` lines: names, train, valid, test."""
    what = repr(str(file))
    pairs = (line.partition("=") for line in read_lines(file) if line and line[0] not in "#;")
    values = {key.strip(): value.strip() for key, _, value in pairs}
    bases = [file.parent, file.resolve().parent.parent]
    if not values.get("names"):
        raise InputError(f"{what} has no line 'names = FILE'")
    [names] = find_listed([values["names"]], bases, strip=True).paths
    splits = {}
    for key in SPLITS:
        if values.get(key):
            [path] = find_listed([values[key]], bases, strip=True).paths
            splits[key] = (str(path.resolve()),)
    read = read_name_file(names)
    return DataYaml(file, read.by_class, None, splits, None, read.notes)


def keypoints_of(folder: Path) -> tuple[int, int] | None:
    """Return the kpt_shape of the data.yaml in the folder or in its parent."""
    for place in (folder, folder.resolve().parent):
        if (file := find_data_yaml(place)) is not None:
            return read_data_yaml(file).keypoints
    return None
