"""COCO: one .json with images, annotations and categories."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.datasets.dataset import Category, Dataset, Objects, Picture, outside
from edge_edet.errors import InputError

__all__ = ["load_coco"]

KEYS = ("images", "annotations", "categories")


def load_coco(file: Path, images: Path | None = None) -> Dataset:
    """Pictures in the file's order. Raises InputError for a .json of another kind."""
    document = _read(file)
    what = repr(str(file))
    names = _by_id(document["categories"], f"{what}: category")
    categories = tuple(Category(i, _text(row, "name", what)) for i, row in names.items())
    rows = _by_id(document["images"], f"{what}: image")
    _by_id([a for a in document["annotations"] if "id" in a], f"{what}: annotation")
    sizes = {i: _size(row) for i, row in rows.items()}
    objects: dict[int, list[Any]] = {i: [] for i in rows}
    beyond = crowds = 0
    for number, row in enumerate(document["annotations"]):
        where = f"{what}: annotation {row.get('id', number)}"
        image, category = row.get("image_id"), row.get("category_id")
        if type(image) is not int or image not in objects:
            raise InputError(f"{where} is of image {image!r}, which the file does not list")
        if type(category) is not int or category not in names:
            raise InputError(f"{where} has category {category!r}, which the file does not list")
        box = _box(row.get("bbox"), where)
        area = row.get("area", box[2] * box[3])
        if not _is_number(area):
            raise InputError(f"{where}: area must be a number, but is {area!r}")
        crowd = bool(row.get("iscrowd", 0))
        crowds += crowd
        beyond += outside(box, sizes[image])
        objects[image].append((box, category, float(area), crowd))
    folder = images or _folder(file, [_text(row, "file_name", what) for row in rows.values()])
    pictures = tuple(
        Picture(i, folder / row["file_name"], sizes[i], Objects.of(objects[i]))
        for i, row in rows.items()
    )
    notes = {"crowd boxes": crowds, "boxes reaching out of the picture": beyond}
    return Dataset(str(file), "coco", categories, pictures, {k: n for k, n in notes.items() if n})


def _read(file: Path) -> dict[str, list[dict[str, Any]]]:
    what = repr(str(file))
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} is no JSON: {error}") from None
    if isinstance(document, list):
        raise InputError(
            f"{what} is a list, as detection results are: expected COCO's ground truth, an object "
            f"with {', '.join(KEYS)}"
        )
    missing = [k for k in KEYS if not isinstance(document, dict) or k not in document]
    if missing:
        raise InputError(f"{what} is no COCO ground truth: it has no {', '.join(missing)}")
    for key in KEYS:
        rows = document[key]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{what}: {key} must be a list of objects")
    return {key: document[key] for key in KEYS}


def _by_id(rows: list[dict[str, Any]], what: str) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        number = row.get("id")
        if type(number) is not int or abs(number) >= 2**53:
            raise InputError(f"{what} ids must be integers, but one is {number!r}")
        if number in found:
            raise InputError(f"{what} id {number} is there twice")
        found[number] = row
    return found


def _text(row: dict[str, Any], key: str, what: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{what}: {key} must be a text, but is {value!r} (id {row.get('id')})")
    return value


def _size(row: dict[str, Any]) -> tuple[int, int] | None:
    width, height = row.get("width"), row.get("height")
    good = type(width) is int and type(height) is int and width > 0 and height > 0
    return (width, height) if good else None  # type: ignore[return-value]


def _box(value: Any, where: str) -> tuple[float, float, float, float]:
    if not isinstance(value, list) or len(value) != 4 or not all(map(_is_number, value)):
        raise InputError(f"{where}: bbox must be 4 numbers x y width height, but is {value!r}")
    x, y, width, height = map(float, value)
    return x, y, width, height


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _folder(file: Path, names: list[str]) -> Path:
    """Where the pictures are: beside the .json, or in its folder images/."""
    beside = file.parent
    if names and not (beside / names[0]).is_file() and (beside / "images").is_dir():
        return beside / "images"
    return beside
