"""Read COCO: one .json with images, annotations and categories."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.accuracy.datasets.box_forms import refuse_other_boxes
from edge_edet.benchmarks.accuracy.datasets.coco.categories import classes_of
from edge_edet.benchmarks.accuracy.datasets.coco.places import find_pictures
from edge_edet.benchmarks.accuracy.datasets.dataset import Dataset, Objects, Picture, outside
from edge_edet.benchmarks.accuracy.datasets.orientation import with_upright_labels
from edge_edet.benchmarks.accuracy.datasets.other_formats import ADVICE, other_json
from edge_edet.errors import InputError
from edge_edet.files import Limit, read_input

__all__ = ["load_coco"]

KEYS = ("images", "annotations", "categories")
LIMIT = Limit(1 << 30, "COCO's own train2017, the largest in use, has 0.45 GB")
MAX_SIDE = 2**31 - 1  # pixels
CROWDS = "crowd boxes"
BEYOND = "boxes that leave the picture"
ROTATED = "objects with a rotation, of which the unrotated box is used"
IGNORED = "objects marked ignore, counted like the others, as pycocotools does"
LISTED_TWICE = "pictures listed more than once, each time with its own labels"
NOTES = (CROWDS, BEYOND, ROTATED, IGNORED, LISTED_TWICE)


def load_coco(file: Path, images: Path | None = None, *, follow: bool = False) -> Dataset:
    """Read a COCO file; pictures keep its order.

    Parameters
    ----------
    file
        The .json.
    images
        Folder of the pictures, if they are not where the format has them.
    follow
        Names of pictures may lead out of the data's folder, or of `images`.

    Returns
    -------
    Dataset
        Pictures with their objects.

    Raises
    ------
    InputError
        The file is damaged or of another kind.
    """
    document = _read(file)
    what = repr(str(file))
    named = _by_id(document["categories"], f"{what}: category")
    for row in named.values():
        _text(row, "name", what)
    rows = _by_id(document["images"], f"{what}: image")
    _by_id([a for a in document["annotations"] if "id" in a], f"{what}: annotation")
    sizes = {i: _size(row, f"{what}: image {i}") for i, row in rows.items()}
    objects: dict[int, list[Any]] = {i: [] for i in rows}
    notes = dict.fromkeys(NOTES, 0)
    used: Counter[int] = Counter()
    for number, row in enumerate(document["annotations"]):
        where = f"{what}: annotation {row.get('id', number)}"
        image, category = _whole(row.get("image_id")), _whole(row.get("category_id"))
        if type(image) is not int or image not in objects:
            raise InputError(f"{where} has image_id {image!r}, which the file does not list")
        if type(category) is not int or category not in named:
            raise InputError(f"{where} has category_id {category!r}, which the file does not list")
        box = _box(row.get("bbox"), where)
        area = row.get("area", box[2] * box[3])
        if not _is_number(area):
            raise InputError(f"{where}: area must be a number, but is {area!r}")
        crowd = bool(row.get("iscrowd", 0))
        notes[CROWDS] += crowd
        notes[BEYOND] += outside(box, sizes[image])
        notes[ROTATED] += _is_rotated(row)
        notes[IGNORED] += bool(row.get("ignore", 0)) and not crowd
        used[category] += 1
        objects[image].append((box, category, float(area), crowd))
    refuse_other_boxes([(box, sizes[i]) for i, rows in objects.items() for box, *_ in rows], what)
    categories, left_out = classes_of(named, used, what)
    names = [_text(row, "file_name", what) for row in rows.values()]
    paths, otherwise = find_pictures(file, names, images, follow=follow)
    notes[LISTED_TWICE] = len(paths) - len(set(paths))
    pictures = tuple(
        Picture(i, path, sizes[i], Objects.of(objects[i]))
        for i, path in zip(rows, paths, strict=True)
    )
    notes = {**otherwise, **notes, **left_out}
    return with_upright_labels(
        Dataset(str(file), "coco", categories, pictures, {k: n for k, n in notes.items() if n})
    )


def _read(file: Path) -> dict[str, list[dict[str, Any]]]:
    what = repr(str(file))
    data = read_input(file, what, LIMIT)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} is no JSON: {error}") from None
    known = isinstance(document, dict) and set(KEYS) <= set(document)
    if not known and (whose := other_json(document)) is not None:
        raise InputError(f"{what} {whose}, which is not supported: {ADVICE}")
    if isinstance(document, list):
        raise InputError(
            f"{what} is a list, like detection results: expected COCO's ground truth, an object with "
            f"{', '.join(KEYS)}"
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
        number = _whole(row.get("id"))
        if type(number) is not int or abs(number) >= 2**53:
            raise InputError(f"{what} ids must be integers, but one is {number!r}")
        if number in found:
            raise InputError(f"{what} id {number} occurs twice")
        found[number] = row
    return found


def _whole(value: Any) -> Any:
    """Return 3 for 3.0, as tables of numbers write it; anything else unchanged."""
    return int(value) if type(value) is float and value.is_integer() else value


def _text(row: dict[str, Any], key: str, what: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{what}: {key} must be a text, but is {value!r} (id {row.get('id')})")
    return value


def _size(row: dict[str, Any], what: str) -> tuple[int, int] | None:
    width, height = row.get("width"), row.get("height")
    for side in (width, height):
        if type(side) is int and side > MAX_SIDE:
            raise InputError(
                f"{what}: width and height must be at most {MAX_SIDE:,}, but one is {side}"
            )
    good = type(width) is int and type(height) is int and width > 0 and height > 0
    return (width, height) if good else None  # type: ignore[return-value]


def _box(value: Any, where: str) -> tuple[float, float, float, float]:
    if not isinstance(value, list) or len(value) != 4 or not all(map(_is_number, value)):
        raise InputError(f"{where}: bbox must be 4 numbers x y width height, but is {value!r}")
    x, y, width, height = map(float, value)
    return x, y, width, height


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 2**63  # neither NaN nor infinite


def _is_rotated(row: dict[str, Any]) -> bool:
    """Return whether CVAT's attribute states a rotation: the box is the one before it."""
    attributes = row.get("attributes")
    angle = attributes.get("rotation", 0) if isinstance(attributes, dict) else 0
    return _is_number(angle) and angle % 360 != 0
