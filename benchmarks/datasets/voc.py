"""Pascal VOC: Annotations/*.xml, JPEGImages/, lists of names in ImageSets/Main."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from xml.etree.ElementTree import Element

from edge_edet.benchmarks.datasets.dataset import Category, Dataset, Objects, Picture, outside
from edge_edet.errors import InputError

__all__ = ["load_voc"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp")
MAX_XML_BYTES = 16 << 20
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def load_voc(folder: Path, split: str | None = None, images: Path | None = None) -> Dataset:
    """Pictures in the split's order; categories by name in alphabetical order, ids from 1.

    A box is xmax - xmin wide: VOC's own evaluation adds a pixel, COCO's does not. `difficult`
    objects count like all others.
    """
    stems = _stems(folder, split)
    parsed = [(stem, _parse(folder / "Annotations" / f"{stem}.xml")) for stem in stems]
    found = sorted({name for _, (_, rows) in parsed for name, _, _ in rows})
    ids = {name: number for number, name in enumerate(found, 1)}
    pictures, difficult, beyond = [], 0, 0
    for number, (stem, (size, rows)) in enumerate(parsed, 1):
        difficult += sum(hard for _, _, hard in rows)
        beyond += sum(outside(box, size) for _, box, _ in rows)
        objects = Objects.of([(box, ids[n], box[2] * box[3], False) for n, box, _ in rows])
        path = _picture(images or folder / "JPEGImages", stem)
        pictures.append(Picture(number, path, size, objects))
    notes = {
        "objects marked difficult, counted like the others": difficult,
        "boxes reaching out of the picture": beyond,
    }
    source = f"{folder}:{split}" if split else str(folder)
    categories = tuple(Category(number, name) for name, number in ids.items())
    return Dataset(
        source, "voc", categories, tuple(pictures), {k: n for k, n in notes.items() if n}
    )


def _stems(folder: Path, split: str | None) -> list[str]:
    lists = sorted(path.stem for path in (folder / "ImageSets" / "Main").glob("*.txt"))
    if split is None:
        if lists:
            raise InputError(
                f"{str(folder)!r} has the splits {', '.join(lists[:8])}: choose one with --split"
            )
        return sorted(path.stem for path in (folder / "Annotations").glob("*.xml"))
    if split not in lists:
        known = f"known are {', '.join(lists[:8])}" if lists else "there is no ImageSets/Main"
        raise InputError(f"{str(folder)!r} has no split {split!r}: {known}")
    lines = (folder / "ImageSets" / "Main" / f"{split}.txt").read_text("utf-8", "replace")
    stems = [line.split()[0] for line in lines.splitlines() if line.strip()]
    if twice := next((s for i, s in enumerate(stems) if s in set(stems[:i])), None):
        raise InputError(f"split {split!r} of {str(folder)!r} lists {twice!r} twice")
    return stems


Row = tuple[str, tuple[float, float, float, float], bool]


def _parse(file: Path) -> tuple[tuple[int, int] | None, list[Row]]:
    """(width, height), None where 0, and (name, box x y width height, difficult) of each."""
    what = repr(str(file))
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no {what}, which the split lists") from None
    if len(data) > MAX_XML_BYTES or b"<!ENTITY" in data:
        raise InputError(f"{what} is no VOC annotation: too large, or with entities")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise InputError(f"{what} is broken XML: {error}") from None
    if root.tag != "annotation":
        raise InputError(f"{what} is no VOC annotation: its root is <{root.tag}>")
    width, height = (_number(root, f"size/{side}", what, 0.0) for side in ("width", "height"))
    size = (int(width), int(height)) if width > 0 and height > 0 else None
    rows: list[Row] = []
    for node in root.iter("object"):
        name = (node.findtext("name") or "").strip()
        if not name:
            raise InputError(f"{what}: an object has no name")
        xmin, ymin, xmax, ymax = (_number(node, f"bndbox/{c}", what) for c in CORNERS)
        box = (xmin, ymin, xmax - xmin, ymax - ymin)
        rows.append((name, box, (node.findtext("difficult") or "0").strip() == "1"))
    return size, rows


def _number(node: Element, path: str, what: str, default: float | None = None) -> float:
    text = node.findtext(path)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{what}: {path} must be a number, but is {text!r}")
    return value


def _picture(folder: Path, stem: str) -> Path:
    """The picture of that name, .jpg where there is none: reported as missing later."""
    paths = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])
