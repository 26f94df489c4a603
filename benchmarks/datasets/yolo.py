"""YOLO: images/, labels/ with one .txt for each picture, class names one a line."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image

from edge_edet.benchmarks.datasets.dataset import Category, Dataset, Objects, Picture, outside
from edge_edet.errors import InputError

__all__ = ["load_yolo"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
NAME_FILES = ("classes.txt", "names.txt", "obj.names", "classes.names")
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
ORIENTATION_TAG = 0x0112
SLACK = 1e-3  # fractions written with few digits


def load_yolo(folder: Path, split: str | None = None, images: Path | None = None) -> Dataset:
    """Pictures by name; class n has category id n + 1. No .txt means no object, and is counted."""
    pictures_folder = images or _inside(folder / "images", split)
    labels_folder = _inside(folder / "labels", split)
    names = _names(folder)
    files = sorted(p for p in _listed(pictures_folder) if p.suffix.lower() in SUFFIXES)
    by_stem = {path.stem: path for path in files}
    if len(by_stem) < len(files):
        raise InputError(f"{str(pictures_folder)!r} has two pictures of one name")
    labels = {path.stem: path for path in _listed(labels_folder) if path.suffix == ".txt"}
    if split is None:  # the names may lie among the labels, as labelling tools put them
        labels = {stem: path for stem, path in labels.items() if path.name not in NAME_FILES}
    lone = sorted(set(labels) - set(by_stem))
    if lone:
        raise InputError(
            f"{len(lone)} of {len(labels)} pictures are missing, first that of "
            f"{str(labels[lone[0]])!r}: looked in {str(pictures_folder)!r}"
        )
    pictures, beyond = [], 0
    for number, (stem, path) in enumerate(by_stem.items(), 1):
        size = _size(path)
        rows = _parse(labels[stem], size, len(names)) if stem in labels else []
        beyond += sum(outside(box, size) for box, _, _, _ in rows)
        pictures.append(Picture(number, path, size, Objects.of(rows)))
    notes = {
        "pictures without a label file, taken as empty": len(set(by_stem) - set(labels)),
        "boxes reaching out of the picture": beyond,
    }
    categories = tuple(Category(number, name) for number, name in enumerate(names, 1))
    source = f"{folder}:{split}" if split else str(folder)
    return Dataset(
        source, "yolo", categories, tuple(pictures), {k: n for k, n in notes.items() if n}
    )


def _inside(folder: Path, split: str | None) -> Path:
    if split is not None:
        if not (folder / split).is_dir():
            raise InputError(f"{str(folder)!r} has no folder {split!r}: choose another --split")
        return folder / split
    splits = (
        sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    )
    if splits and not any(path.is_file() for path in folder.iterdir()):
        names = ", ".join(splits[:8])
        raise InputError(f"{str(folder)!r} has the splits {names}: choose one with --split")
    return folder


def _listed(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"no folder {str(folder)!r}: YOLO data has images/ and labels/")
    return sorted(path for path in folder.iterdir() if path.is_file())


def _names(folder: Path) -> list[str]:
    for place in (folder, folder / "labels"):
        for name in NAME_FILES:
            if (place / name).is_file():
                text = (place / name).read_text("utf-8-sig", "replace")
                names = [line.strip() for line in text.splitlines() if line.strip()]
                if names:
                    return names
                raise InputError(f"{str(place / name)!r} has no class names")
    raise InputError(f"{str(folder)!r} has no class names: expected {' or '.join(NAME_FILES)}")


def _size(path: Path) -> tuple[int, int]:
    """(width, height) of the upright picture, from its header."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(ORIENTATION_TAG, 1) in SIDEWAYS
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise InputError(f"cannot read picture {str(path)!r}: {error}") from None
    return (height, width) if turned else (width, height)


Row = tuple[tuple[float, float, float, float], int, float, bool]


def _parse(file: Path, size: tuple[int, int], classes: int) -> list[Row]:
    """Lines `class cx cy w h`, as fractions of the picture, into pixels."""
    rows: list[Row] = []
    for number, line in enumerate(file.read_text("utf-8-sig", "replace").splitlines(), 1):
        if not line.strip():
            continue
        where = f"{str(file)!r} line {number}"
        fields = line.split()
        try:
            category, values = int(fields[0]), [float(text) for text in fields[1:]]
        except ValueError:
            raise InputError(f"{where} must be numbers 'class x y w h', but is {line!r}") from None
        if len(values) != 4:
            raise InputError(f"{where} has {len(fields)} numbers, expected 5: class x y w h")
        if not 0 <= category < classes:
            raise InputError(f"{where}: class {category} has no name, there are {classes}")
        if not all(math.isfinite(v) and -SLACK <= v <= 1 + SLACK for v in values):
            raise InputError(f"{where}: x y w h must be fractions from 0 to 1, but is {line!r}")
        (x, y, w, h), (width, height) = values, size
        box = ((x - w / 2) * width, (y - h / 2) * height, w * width, h * height)
        rows.append((box, category + 1, box[2] * box[3], False))
    return rows
