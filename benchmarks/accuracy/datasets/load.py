"""A folder or file in any of the formats, as one data set."""

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
    """Labelled pictures from a COCO .json, a data.yaml, or a folder in COCO's, VOC's or YOLO's
    layout.

    images: where the pictures are, when not where the format has them. split: a name in
    ImageSets/Main (VOC), in data.yaml or of a folder (YOLO, and Roboflow's of any format), of
    annotations/instances_NAME.json (COCO). What was left out or read otherwise than it stands is
    counted in `notes`. follow: names of pictures in a COCO .json may lead out of the data's folder,
    or of `images`. Labels become those of the upright picture.

    Raises InputError, one line, for data that cannot be used, and MissingExtraError where data.yaml
    needs PyYAML.
    """
    path = Path(data)
    folder = Path(images) if images is not None else None
    if folder is not None and not folder.is_dir():
        raise InputError(f"--images: no folder {str(folder)!r}")
    return with_note_on_duplicates(_load(path, folder, split, follow))


def is_labelled(path: Path, split: str | None = None) -> bool:
    """Whether the pictures come with labels, by what lies there; `load_dataset` may refuse them."""
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
        if (told := other_folder(path)) is not None:
            raise InputError(f"{str(path)!r} is no labelled data that is read: {told}")
        raise InputError(
            f"{str(path)!r} is no labelled data: expected Annotations/ or .xml beside the pictures "
            "(Pascal VOC), data.yaml or labels/ (YOLO), or a .json (COCO)"
        )
    return _load_layout(path, layout, images, split, follow)


def _is_of_another_split(layout: Layout, split: str | None) -> bool:
    """Whether data.yaml does not name a split that a folder may have all the same."""
    return split is not None and layout.index is not None and split not in layout.index.splits


def _refuse_to_choose(path: Path, splits: dict[str, Path]) -> str:
    raise InputError(f"{str(path)!r} has the splits {', '.join(splits)}: choose one with --split")


def _load_file(path: Path, images: Path | None, split: str | None, follow: bool) -> Dataset:
    if path.suffix.lower() not in INDEX_SUFFIXES:
        told = other_file(path) if path.suffix.lower() != ".json" else None
        if told is not None:
            raise InputError(f"{str(path)!r} {told}")
        if split is not None:
            raise InputError(
                f"--split is for folders and data.yaml, and {str(path)!r} is COCO: give the .json "
                "of the split"
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
            f"--images is not for {str(file)!r}, which says itself where the pictures are: put them "
            "there, or change what it says"
        )
