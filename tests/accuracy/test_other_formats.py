"""Labels in formats that are not read: each is told by name, with what to do instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.accuracy.datasets import load_dataset
from edge_edet.errors import InputError

EXPORT = "export or convert the labels to COCO, YOLO or Pascal VOC"
BOX = {"x": 9, "y": 9, "width": 8, "height": 8}


@pytest.mark.parametrize(
    ("document", "whose"),
    [
        (
            {"version": "5.5.0", "shapes": [], "imagePath": "a.png"},
            "labelme's, one .json a picture",
        ),
        ({"asset": {}, "regions": [], "version": "2.2.0"}, "VoTT's, one .json a picture"),
        ({"name": "x", "assets": {}, "tags": []}, "VoTT's"),
        ({"_via_settings": {}, "_via_img_metadata": {}}, "VGG Image Annotator's"),
        ({"a.png9": {"filename": "a.png", "size": 9, "regions": []}}, "VGG Image Annotator's"),
        ({"description": "", "size": {"height": 1, "width": 1}, "objects": []}, "Supervisely's"),
        ([{"id": 1, "data": {"image": "/a.png"}, "annotations": []}], "Label Studio's own JSON"),
        ([{"data_row": {"id": "x"}, "projects": {}}], "Labelbox's"),
        ([{"image": "a.png", "annotations": [{"label": "dog", "coordinates": BOX}]}], "CreateML's"),
        ([{"name": "a.jpg", "labels": []}], "Scalabel's or BDD100K's"),
    ],
)
def test_json(document: Any, whose: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document))
    for data in (tmp_path, tmp_path / "a.json"):
        with pytest.raises(InputError, match=f"a.json' is {whose}.*: {EXPORT}$"):
            load_dataset(data)


def test_a_folder_of_one_json_a_picture(tmp_path: Path, draw: Callable[..., None]) -> None:
    for name in "ab":
        draw(tmp_path / f"{name}.png", 1)
        text = json.dumps({"shapes": [], "imagePath": f"{name}.png"})
        (tmp_path / f"{name}.json").write_text(text)
    with pytest.raises(
        InputError, match=r"a.json' is labelme's, one .json a picture, which is not supported"
    ):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "_annotations.csv",
            b"filename,width",
            f"is a table of labels, which is not supported: {EXPORT}",
        ),
        ("cells.tfrecord", b"\x10\0", f"is a TFRecord, which is not supported: {EXPORT}"),
        (
            "annotations.xml",
            b"<?xml version='1.0'?><annotations>",
            f"is CVAT's for images: {EXPORT}",
        ),
    ],
)
def test_files_and_folders_with_them(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name}' {message}"):
        load_dataset(tmp_path / name)
    with pytest.raises(
        InputError, match=f"has no labels of a supported format: '{name}' in it {message}"
    ):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.xml", "is a single .xml: give the folder"),
        ("cells.zip", "is an archive: unpack it and give the folder"),
    ],
)
def test_files_whose_folder_is_meant(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"<annotation/>")
    with pytest.raises(InputError, match=f"{name}' {message}"):
        load_dataset(tmp_path / name)
