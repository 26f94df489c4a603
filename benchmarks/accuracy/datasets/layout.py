"""Recognize the format of a folder by the names of its files and sub-folders, never by trial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_edet.benchmarks.accuracy.datasets.class_names import find_names
from edge_edet.benchmarks.accuracy.datasets.coco import coco_files
from edge_edet.benchmarks.accuracy.datasets.data_yaml import DataYaml
from edge_edet.benchmarks.accuracy.datasets.files import (
    PICTURE_SUFFIXES,
    sub_folders,
    visible_files,
)
from edge_edet.benchmarks.accuracy.datasets.yolo import index_of, label_texts

__all__ = ["Layout", "layout_of", "split_folders"]

SPLIT_FOLDERS = ("train", "val", "valid", "validation", "test")
XML_FOLDERS = ("annotations", "annotation", "annots", "xml", "xmls", "labels")  # labels: FiftyOne
Kind = Literal["voc", "yolo-index", "yolo-folders", "coco", "voc-beside", "yolo-beside"]


@dataclass(frozen=True)
class Layout:
    """The format of a folder, and where its labels are.

    Attributes
    ----------
    annotations
        VOC's folder of .xml files.
    files
        COCO's .json files.
    index
        What lists YOLO's splits.
    """

    kind: Kind
    annotations: Path | None = None
    files: tuple[Path, ...] = ()
    index: DataYaml | None = None


def layout_of(folder: Path, split: str | None = None) -> Layout | None:
    """Return the layout of a folder; None where it has no labels itself.

    Parameters
    ----------
    split
        A data.yaml that does not have this split is ignored in favour of folders.

    Raises
    ------
    InputError
        A data.yaml cannot be used.
    """
    return next(_layouts(folder, split), None)


def split_folders(folder: Path) -> dict[str, Path]:
    """Return the sub-folders that are named like splits and have labels of their own."""
    return {
        place.name: place
        for place in sub_folders(folder)
        if place.name.lower() in SPLIT_FOLDERS and layout_of(place) is not None
    }


def _layouts(folder: Path, split: str | None) -> Iterator[Layout]:
    for place in sub_folders(folder):
        name = place.name.lower()
        if place.name == "Annotations" or (
            name in XML_FOLDERS
            and visible_files(place, ".xml", below=True)
            and (name != "labels" or not visible_files(place, ".txt", below=True))
        ):
            yield Layout("voc", annotations=place)
    has_folders = (folder / "labels").is_dir()
    index = index_of(folder)
    if index is not None and (split is None or _names(index, split) or not has_folders):
        yield Layout("yolo-index", index=index)
    files = coco_files(folder)
    if has_folders and (not files or _has_names(folder)):  # folders of COCO may have labels/ too
        yield Layout("yolo-folders")
    if files:
        yield Layout("coco", files=tuple(files))
    stems = {path.stem for path in visible_files(folder, *PICTURE_SUFFIXES)}
    if any(path.stem in stems for path in visible_files(folder, ".xml")):
        yield Layout("voc-beside")
    if any(path.stem in stems for path in label_texts(folder)) and find_names(
        [folder], folder.resolve().parent
    ):
        yield Layout("yolo-beside")


def _has_names(folder: Path) -> bool:
    labels = folder / "labels"
    places = [folder, labels, *sub_folders(labels), folder / "images"]
    return find_names(places, folder.resolve().parent) is not None


def _names(index: DataYaml, split: str) -> bool:
    alike = ("val", "valid", "validation")
    return split in index.splits or (split in alike and any(one in index.splits for one in alike))
