"""Find pictures, label files and class names in the layouts of YOLO data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.class_names import NAME_FILES, find_names
from edge_edet.benchmarks.accuracy.datasets.data_yaml import DataYaml, choose_split
from edge_edet.benchmarks.accuracy.datasets.files import (
    PICTURE_SUFFIXES,
    sub_folders,
    visible_files,
)
from edge_edet.benchmarks.accuracy.datasets.yolo.index import keypoints_of
from edge_edet.benchmarks.accuracy.datasets.yolo.places import label_files, pictures_of_split
from edge_edet.benchmarks.accuracy.datasets.yolo.reader import YoloFiles
from edge_edet.errors import InputError

__all__ = ["beside_files", "declared", "folder_files", "label_texts"]

IMAGE_FOLDERS = ("images", "Images", "JPEGImages", "imgs")
# Text files beside labels that are none.
NO_LABELS = (
    *NAME_FILES,
    "predefined_classes.txt",
    "train.txt",
    "val.txt",
    "valid.txt",
    "test.txt",
)


def declared(data: DataYaml, split: str | None) -> YoloFiles:
    """Find the files that data.yaml, obj.data or lists name, by default those of `val`.

    Parameters
    ----------
    data
        As it was read.
    split
        Its name; None: val.

    Returns
    -------
    YoloFiles
        Files of pictures and labels, and the names of the classes.
    """
    what = repr(str(data.file))
    chosen = choose_split(data.splits, split, what)
    pictures, notes = pictures_of_split(data, chosen)
    if split is None and len(data.splits) > 1:
        notes = {
            f"pictures of the split {chosen!r}, the default without --split": len(pictures),
            **notes,
        }
    _refuse_one_label_for_two(pictures)
    source = f"{data.file}:{chosen}"
    labels = label_files(pictures)
    notes = {**notes, **data.notes}
    return YoloFiles(source, pictures, labels, data.names, data.keypoints, notes)


def folder_files(folder: Path, split: str | None, images: Path | None) -> YoloFiles:
    """Find the files of images/ and labels/, whose sub-folders may be splits.

    Parameters
    ----------
    folder
        Holds images/ and labels/.
    split
        A sub-folder; None: there is none.
    images
        Of the pictures, where they are elsewhere.

    Returns
    -------
    YoloFiles
        Files of pictures and labels, and the names of the classes.
    """
    named = next((n for n in IMAGE_FOLDERS if (folder / n).is_dir()), IMAGE_FOLDERS[0])
    pictures_folder = images or _inside(folder / named, split, PICTURE_SUFFIXES)
    labels_folder = _inside(folder / "labels", split, (".txt",))
    places = [folder, folder / "labels", labels_folder, folder / "images"]
    source = f"{folder}:{split}" if split else str(folder)
    return _paired(source, pictures_folder, labels_folder, folder, places, below=True)


def beside_files(folder: Path, images: Path | None) -> YoloFiles:
    """Find labels that lie beside the pictures, as LabelImg and darknet write them.

    Parameters
    ----------
    folder
        Of labels and pictures.
    images
        Of the pictures, where they are elsewhere.

    Returns
    -------
    YoloFiles
        Files of pictures and labels, and the names of the classes.
    """
    return _paired(str(folder), images or folder, folder, folder, [folder], below=False)


def label_texts(folder: Path, *, below: bool = False) -> list[Path]:
    """List the .txt files that may be labels: not lists of names or pictures, and no README.

    Parameters
    ----------
    folder
        To look in.
    below
        Whether to look in its sub-folders too.

    Returns
    -------
    list[Path]
        Sorted paths.
    """
    return [
        path
        for path in visible_files(folder, ".txt", below=below)
        if path.name not in NO_LABELS and not path.name.upper().startswith("README")
    ]


def _paired(
    source: str,
    pictures_folder: Path,
    labels_folder: Path,
    folder: Path,
    places: Sequence[Path],
    *,
    below: bool,
) -> YoloFiles:
    """Pair pictures with the label files of the same path below their folders."""
    names = find_names(places, folder.resolve().parent)
    if names is None:
        raise InputError(
            f"{str(folder)!r} has no class names: expected {' or '.join(NAME_FILES[:3])}, or "
            "data.yaml"
        )
    for place in (pictures_folder, labels_folder):
        if not place.is_dir():
            raise InputError(f"no folder {str(place)!r}: YOLO data has images/ and labels/")
    pictures = visible_files(pictures_folder, *PICTURE_SUFFIXES, below=below)
    _refuse_one_label_for_two(pictures)
    wanted = {path.relative_to(pictures_folder).with_suffix(".txt"): path for path in pictures}
    texts = {p.relative_to(labels_folder): p for p in label_texts(labels_folder, below=below)}
    for relative in wanted:  # a picture may be named as a list of names is
        if (labels_folder / relative).is_file():
            texts[relative] = labels_folder / relative
    lone = sorted(set(texts) - set(wanted))
    if lone:
        raise InputError(
            f"{len(lone)} of {len(texts)} pictures are missing, first that of "
            f"{str(texts[lone[0]])!r}: looked in {str(pictures_folder)!r}"
        )
    labels = [labels_folder / relative for relative in wanted]
    return YoloFiles(source, pictures, labels, names.by_class, keypoints_of(folder), names.notes)


def _refuse_one_label_for_two(pictures: Sequence[Path]) -> None:
    first: dict[Path, Path] = {}
    for path in pictures:
        other = first.setdefault(path.with_suffix(""), path)
        if other is not path:
            raise InputError(
                f"{str(path.parent)!r} has two pictures of one name, {other.name!r} and "
                f"{path.name!r}: a label file cannot belong to both"
            )


def _inside(folder: Path, split: str | None, suffixes: Sequence[str]) -> Path:
    """Return the folder or its sub-folder of the split; InputError where one must be chosen."""
    splits = {path.name: path for path in sub_folders(folder)}
    if split is not None:
        if not splits:
            raise InputError(f"{str(folder)!r} has no folder {split!r}: choose another --split")
        return splits[choose_split(splits, split, repr(str(folder)))]
    files = [path for path in visible_files(folder, *suffixes) if path.name not in NO_LABELS]
    if splits and not files:
        raise InputError(
            f"{str(folder)!r} has the splits {', '.join(list(splits)[:8])}: choose one with --split"
        )
    return folder
