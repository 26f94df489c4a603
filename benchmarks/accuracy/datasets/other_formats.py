"""Recognize labels of formats that are not supported, so that the message can name them.

Keys: labelme (labelme/label_file.py), VoTT and VGG Image Annotator (their project and export .json),
Supervisely, Label Studio's and Labelbox's own JSON, Apple's CreateML, Scalabel and BDD100K, CVAT for images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["ADVICE", "other_file", "other_folder", "other_json"]

ADVICE = "export or convert the labels to COCO, YOLO or Pascal VOC"
_MAX_BYTES = 16 << 20
_BY_SUFFIX = {
    ".csv": "is a table of labels",
    ".tsv": "is a table of labels",
    ".parquet": "is a table of labels",
    ".tfrecord": "is a TFRecord",
    ".record": "is a TFRecord",
    ".tfrecords": "is a TFRecord",
}
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
_OBJECTS = (  # keys of the document -> its format
    ({"shapes", "imagePath"}, "labelme's, one .json a picture"),
    ({"asset", "regions"}, "VoTT's, one .json a picture"),
    ({"assets"}, "VoTT's"),
    ({"_via_img_metadata"}, "VGG Image Annotator's"),
    ({"objects", "size"}, "Supervisely's, one .json a picture"),
)
_ITEMS = (  # keys of the items of a list, or of the values of an object -> its format
    ({"data", "annotations"}, "Label Studio's own JSON"),
    ({"data", "completions"}, "Label Studio's own JSON"),
    ({"data_row", "projects"}, "Labelbox's"),
    ({"Label", "Labeled Data"}, "Labelbox's"),
    ({"filename", "regions"}, "VGG Image Annotator's"),
    ({"name", "labels"}, "Scalabel's or BDD100K's"),
)


def other_json(document: Any) -> str | None:
    """Return which format the document has, such as "is labelme's"; None for unknown ones."""
    if isinstance(document, Mapping):
        for keys, whose in _OBJECTS:
            if keys <= set(document):
                return f"is {whose}"
    items = list(document.values()) if isinstance(document, Mapping) else document
    if not isinstance(items, list) or not items or not isinstance(items[0], Mapping):
        return None
    first = items[0]
    for keys, whose in _ITEMS:
        if keys <= set(first):
            return f"is {whose}"
    within = first.get("annotations")
    createml = isinstance(within, list) and {"image", "imagefilename"} & set(first)
    return "is CreateML's" if createml else None


def other_file(path: Path) -> str | None:
    """Return what an unsupported file is, with advice; None where it may be COCO's."""
    suffix = path.suffix.lower()
    if suffix in _ARCHIVES:
        return "is an archive: unpack it and give the folder"
    if suffix == ".xml":
        with path.open("rb") as opened:
            start = opened.read(4096)
        if b"<annotations" in start:
            return f"is CVAT's for images: {ADVICE}"
        return "is a single .xml: give the folder with the .xml of all pictures"
    if suffix in _BY_SUFFIX:
        return f"{_BY_SUFFIX[suffix]}, which is not supported: {ADVICE}"
    if suffix == ".json" and path.stat().st_size <= _MAX_BYTES:
        try:
            whose = other_json(json.loads(path.read_bytes()))
        except (ValueError, RecursionError):
            return None
        return f"{whose}, which is not supported: {ADVICE}" if whose is not None else None
    return None


def other_folder(folder: Path) -> str | None:
    """Return what other format a folder without supported labels has; None for unknown ones."""
    for path in sorted(folder.iterdir())[:1000]:
        suffix = path.suffix.lower()
        if path.name.startswith(".") or not path.is_file():
            continue
        if suffix in _BY_SUFFIX or (suffix == ".xml" and path.name == "annotations.xml"):
            reason = other_file(path)
            return f"{path.name!r} in it {reason}" if reason is not None else None
    return None
