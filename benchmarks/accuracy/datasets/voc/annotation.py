"""Read one .xml of Pascal VOC: size, file name and objects."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from edge_edet.benchmarks.accuracy.datasets.voc.xml_text import UNREADABLE, decode_xml
from edge_edet.errors import InputError
from edge_edet.files import Limit, read_input

__all__ = ["Annotation", "LabelledObject", "read_annotation"]

LIMIT = Limit(16 << 20, "the labels of one picture have some kilobytes")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class LabelledObject:
    """One object.

    Attributes
    ----------
    box
        x y width height in pixels.
    rotated
        CVAT's attribute states a rotation; the box is the one before it.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool
    rotated: bool


@dataclass(frozen=True)
class Annotation:
    """The labels of one picture.

    Attributes
    ----------
    size
        (width, height); None where it is 0.
    filename
        "" where there is none.
    as_declared
        The file has the encoding that it declares.
    """

    size: tuple[int, int] | None
    filename: str
    objects: tuple[LabelledObject, ...]
    as_declared: bool


def read_annotation(file: Path) -> Annotation:
    """Read an annotation.

    Raises
    ------
    InputError
        The file is none, or a name is not text in any known encoding.
    """
    what = repr(str(file))
    text, as_declared = decode_xml(read_input(file, what, LIMIT))
    if "<!ENTITY" in text:
        raise InputError(f"{what} is no VOC annotation: it declares entities")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"{what} is broken XML: {error}") from None
    if root.tag != "annotation":
        raise InputError(f"{what} is no VOC annotation: its root is <{root.tag}>")
    width, height = (_number(root, f"size/{side}", what, 0.0) for side in ("width", "height"))
    size = (int(width), int(height)) if width > 0 and height > 0 else None
    objects = tuple(_object(node, what) for node in root.iter("object"))
    filename = (root.findtext("filename") or "").strip()
    return Annotation(size, filename, objects, as_declared)


def _object(node: Element, what: str) -> LabelledObject:
    name = (node.findtext("name") or "").strip()
    if not name:
        raise InputError(f"{what}: an object has no name")
    if UNREADABLE in name:
        raise InputError(
            f"{what}: the name {name!r} is not in the encoding that the file declares: save it as "
            "UTF-8"
        )
    if node.find("bndbox") is None:
        others = ", ".join(f"<{child.tag}>" for child in node)[:80]
        raise InputError(f"{what}: {name!r} has no <bndbox>, only {others}: give upright boxes")
    xmin, ymin, xmax, ymax = (_number(node, f"bndbox/{c}", what) for c in CORNERS)
    difficult = (node.findtext("difficult") or "0").strip() == "1"
    box = (xmin, ymin, xmax - xmin, ymax - ymin)
    return LabelledObject(name, box, difficult, _is_rotated(node))


def _is_rotated(node: Element) -> bool:
    for attribute in node.iterfind("attributes/attribute"):
        if attribute.findtext("name") == "rotation":
            try:
                return float(attribute.findtext("value") or "0") % 360 != 0
            except ValueError:
                return False
    return False


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
