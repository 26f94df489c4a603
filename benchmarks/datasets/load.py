"""Which format a folder or file is in: by what lies there, never by trial."""

from __future__ import annotations

from pathlib import Path

from edge_edet.benchmarks.datasets.coco import load_coco
from edge_edet.benchmarks.datasets.dataset import Dataset
from edge_edet.benchmarks.datasets.voc import load_voc
from edge_edet.benchmarks.datasets.yolo import load_yolo
from edge_edet.errors import InputError

__all__ = ["load_dataset"]


def load_dataset(
    data: str | Path, *, images: str | Path | None = None, split: str | None = None
) -> Dataset:
    """Labelled pictures from a COCO .json, or a folder in VOC's, YOLO's or COCO's layout.

    images: where the pictures are, when not beside the labels (COCO). split: a name in
    ImageSets/Main (VOC), or the sub-folder of images/ and labels/ (YOLO).
    Raises InputError, one line, for data that cannot be used.
    """
    path = Path(data)
    folder = Path(images) if images is not None else None
    if folder is not None and not folder.is_dir():
        raise InputError(f"--images: no folder {str(folder)!r}")
    if path.is_file():
        _no_split(split, path)
        return load_coco(path, folder)
    if not path.is_dir():
        raise InputError(f"no data {str(path)!r}: give a COCO .json or a folder")
    if (path / "Annotations").is_dir():
        return load_voc(path, split, folder)
    if (path / "labels").is_dir():
        return load_yolo(path, split, folder)
    found = sorted([*path.glob("*.json"), *path.glob("annotations/*.json")])
    if len(found) == 1:
        _no_split(split, path)
        return load_coco(found[0], folder)
    if found:
        names = ", ".join(file.name for file in found[:5])
        raise InputError(f"{str(path)!r} has {len(found)} .json files: give one of {names}")
    raise InputError(
        f"{str(path)!r} is no labelled data: expected Annotations/ (Pascal VOC), labels/ (YOLO) "
        "or one .json (COCO)"
    )


def _no_split(split: str | None, path: Path) -> None:
    if split is not None:
        raise InputError(f"--split is for VOC and YOLO folders, and {str(path)!r} is COCO")
