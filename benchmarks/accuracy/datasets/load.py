"""Load a folder or file of any supported format as a data set."""

from __future__ import annotations

from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.coco import choose_file, load_coco
from edge_edet.benchmarks.accuracy.datasets.data_yaml import choose_split
from edge_edet.benchmarks.accuracy.datasets.dataset import Dataset
from edge_edet.benchmarks.accuracy.datasets.duplicates import with_note_on_duplicates
from edge_edet.benchmarks.accuracy.datasets.layout import Layout, layout_of, split_folders
from edge_edet.benchmarks.accuracy.datasets.other_formats import other_file, other_folder
from edge_edet.benchmarks.accuracy.datasets.voc import load_voc
from edge_edet.benchmarks.accuracy.datasets.yolo import (
    beside_files,
    declared,
    folder_files,
    index_of,
    load_yolo,
)
from edge_edet.errors import InputError
from edge_edet.pictures import refuse_addresses

__all__ = ["is_labelled", "load_dataset"]

INDEX_SUFFIXES = (".yaml", ".yml", ".data", ".txt")


def load_dataset(
    data: str | Path,
    *,
    images: str | Path | None = None,
    split: str | None = None,
    follow: bool = False,
) -> Dataset:
    """Load labelled pictures from a COCO .json, a data.yaml, or a folder of COCO, VOC or YOLO.

    Labels are converted to those of the upright picture. What was left out or not read as written is
    counted in the `notes` of the data set.

    Parameters
    ----------
    data
        A COCO .json, a data.yaml, or a folder of COCO, VOC or YOLO.
    images
        Folder of the pictures, if they are not where the format has them.
    split
        A name in ImageSets/Main (VOC), in data.yaml or of a folder (YOLO, and any format of Roboflow),
        or of annotations/instances_NAME.json (COCO).
    follow
        Names of pictures in a COCO .json may lead out of the data's folder, or of `images`.

    Returns
    -------
    Dataset
        Pictures with their objects.

    Raises
    ------
    InputError
        The data cannot be used.
    MissingExtraError
        A data.yaml needs PyYAML, which is not installed.
    """
    path = Path(data)
    folder = Path(images) if images is not None else None
    if folder is not None and not folder.is_dir():
        raise InputError(f"--images: no folder {str(folder)!r}")
    return with_note_on_duplicates(_load(path, folder, split, follow))


def is_labelled(path: Path, split: str | None = None) -> bool:
    """Return whether there seem to be labels, judged by file names; `load_dataset` may refuse them.

    Parameters
    ----------
    path
        A file or folder.
    split
        Part of the data.

    Returns
    -------
    bool
        Whether labels seem to be there.
    """
    if not path.is_dir():
        return path.suffix.lower() in (".json", *INDEX_SUFFIXES)
    return layout_of(path, split) is not None or bool(split_folders(path))


def _load(path: Path, images: Path | None, split: str | None, follow: bool) -> Dataset:
    if path.is_file():
        return _load_file(path, images, split, follow)
    if not path.is_dir():
        refuse_addresses(str(path))
        raise InputError(f"no data {str(path)!r}: give a COCO .json or a folder, or a data.yaml")
    layout = layout_of(path, split)
    inner = split_folders(path) if layout is None or _is_of_another_split(layout, split) else {}
    if inner and (split is None or split in inner or layout is None):
        chosen = (
            choose_split(inner, split, repr(str(path))) if split else _refuse_to_choose(path, inner)
        )
        return _load(inner[chosen], images, None, follow)
    if layout is None:
        if (reason := other_folder(path)) is not None:
            raise InputError(f"{str(path)!r} has no labels of a supported format: {reason}")
        raise InputError(
            f"{str(path)!r} is no labelled data: expected Annotations/ or .xml beside the pictures "
            "(Pascal VOC), data.yaml or labels/ (YOLO), or a .json (COCO)"
        )
    return _load_layout(path, layout, images, split, follow)


def _is_of_another_split(layout: Layout, split: str | None) -> bool:
    """Return whether data.yaml lacks a split that may still exist as a folder."""
    return split is not None and layout.index is not None and split not in layout.index.splits


def _refuse_to_choose(path: Path, splits: dict[str, Path]) -> str:
    raise InputError(f"{str(path)!r} has the splits {', '.join(splits)}: choose one with --split")


def _load_file(path: Path, images: Path | None, split: str | None, follow: bool) -> Dataset:
    if path.suffix.lower() not in INDEX_SUFFIXES:
        reason = other_file(path) if path.suffix.lower() != ".json" else None
        if reason is not None:
            raise InputError(f"{str(path)!r} {reason}")
        if split is not None:
            raise InputError(
                f"--split is for folders and data.yaml, but {str(path)!r} is a COCO file: give the "
                ".json of the split"
            )
        return load_coco(path, images, follow=follow)
    index = index_of(path)
    if index is None:
        raise InputError(
            f"{str(path)!r} has no class names: expected classes.txt, obj.names or data.yaml beside it"
        )
    _no_images(images, path)
    return load_yolo(declared(index, split))


def _load_layout(
    path: Path, layout: Layout, images: Path | None, split: str | None, follow: bool
) -> Dataset:
    if layout.kind == "voc":
        assert layout.annotations is not None
        return load_voc(path, layout.annotations, split, images)
    if layout.kind == "yolo-index":
        assert layout.index is not None
        _no_images(images, layout.index.file)
        return load_yolo(declared(layout.index, split))
    if layout.kind == "yolo-folders":
        return load_yolo(folder_files(path, split, images))
    if layout.kind == "coco":
        return load_coco(choose_file(path, layout.files, split), images, follow=follow)
    if split is not None:
        raise InputError(
            f"{str(path)!r} has no split {split!r}: its pictures lie beside the labels"
        )
    if layout.kind == "voc-beside":
        return load_voc(path, path, None, images)
    return load_yolo(beside_files(path, images))


def _no_images(images: Path | None, file: Path) -> None:
    if images is not None:
        raise InputError(
            f"--images does not apply to {str(file)!r}, which lists the places of its pictures: put "
            "them there, or change the list"
        )
