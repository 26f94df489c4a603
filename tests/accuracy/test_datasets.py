"""The same pictures and boxes from COCO, VOC and YOLO files, and every way in which they are bad."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.benchmarks.accuracy.class_mapping import class_map, read_class_map
from edge_edet.benchmarks.accuracy.coco_metrics import counted_objects
from edge_edet.benchmarks.accuracy.datasets import Category, load_dataset
from edge_edet.errors import InputError

VOC = """<annotation><size><width>64</width><height>48</height></size>
<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>
<xmin>4</xmin><ymin>4</ymin><xmax>{xmax}</xmax><ymax>34</ymax></bndbox></object></annotation>"""


@pytest.fixture
def voc(tmp_path: Path, draw: Callable[..., None]) -> Path:
    for n, (name, xmax, difficult) in enumerate([("person", 34, 0), ("dog", 80, 1), ("dog", 5, 0)]):
        draw(tmp_path / "JPEGImages" / f"{n}.png", n)
        xml = tmp_path / "Annotations" / f"{n}.xml"
        xml.parent.mkdir(exist_ok=True)
        xml.write_text(VOC.format(name=name, xmax=xmax, difficult=difficult))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "test.txt").write_text("0\n1\n\n2\n")
    (lists / "train.txt").write_text("0\n9\n")
    return tmp_path


@pytest.fixture
def yolo(tmp_path: Path, draw: Callable[..., None]) -> Path:
    for n in range(3):
        draw(tmp_path / "images" / f"{n}.png", n)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0.txt").write_text("0 0.296875 0.395833333 0.46875 0.625\n\n")
    (tmp_path / "labels" / "1.txt").write_text("1 0.9 0.5 0.4 0.5\n0 0.5 0.5 0.001 0.5\n")
    (tmp_path / "classes.txt").write_text("person\ndog\n")
    return tmp_path


def test_voc(voc: Path) -> None:
    dataset = load_dataset(voc, split="test")
    assert dataset.categories == (Category(1, "dog"), Category(2, "person"))
    assert [picture.path.name for picture in dataset.pictures] == ["0.png", "1.png", "2.png"]
    assert dataset.pictures[0].objects.boxes.tolist() == [[4, 4, 30, 30]], "without a pixel more"
    assert dataset.notes == {
        "objects marked difficult, counted like the others": 1,
        "boxes that leave the picture": 1,
    }
    kept, small = counted_objects(dataset, 1.0)
    assert ([len(objects) for objects in kept], small) == ([1, 1, 0], 1)


def test_yolo(yolo: Path) -> None:
    dataset = load_dataset(yolo)
    assert [category.name for category in dataset.categories] == ["person", "dog"]
    assert np.allclose(dataset.pictures[0].objects.boxes, [[4, 4, 30, 30]], atol=1e-3)
    assert dataset.pictures[1].objects.categories.tolist() == [2, 1]
    assert dataset.notes == {
        "pictures without a label file, which count as empty": 1,
        "boxes that leave the picture": 1,
    }
    assert counted_objects(dataset, 1.0)[1] == 1


def test_coco_with_images_elsewhere(write_coco: Callable[..., Path], tmp_path: Path) -> None:
    file = write_coco(tmp_path)
    dataset = load_dataset(file)
    assert [picture.id for picture in dataset.pictures] == [3, 8]
    assert dataset.notes == {"crowd boxes": 1}
    assert dataset.pictures[1].objects.areas.tolist() == [400, 81]
    dataset.check_files()
    assert load_dataset(tmp_path).digest() == dataset.digest(), "a folder with one .json"
    away = tmp_path / "labels-only"
    away.mkdir()
    moved = file.rename(away / "instances.json")
    with pytest.raises(InputError, match=r"2 of 2 pictures are missing, first .*3\.png"):
        load_dataset(moved).check_files()
    load_dataset(moved, images=tmp_path).check_files()


def test_bccd_has_the_objects_of_the_reference(shared: Path) -> None:
    dataset = load_dataset(shared / "data" / "bccd", split="test")
    kept, small = counted_objects(dataset, 1.0)
    assert (len(dataset.pictures), sum(map(len, kept)), small) == (72, 945, 0)


ANNOTATION = {"id": 1, "image_id": 3, "category_id": 1, "bbox": [1, 1, 9, 9]}
IMAGE = {"id": 3, "file_name": "3.png"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": [IMAGE, IMAGE]}, "image id 3 occurs twice"),
        ({"images": [{"id": "3"}]}, "image ids must be integers, but one is '3'"),
        ({"images": [{"id": 3}], "annotations": []}, "file_name must be a text, but is None"),
        ({"images": {}}, "images must be a list of objects"),
        ({"images": [], "annotations": []}, "lists no pictures"),
        ({"annotations": [ANNOTATION, ANNOTATION]}, "annotation id 1 occurs twice"),
        ({"annotations": [{**ANNOTATION, "image_id": 4}]}, "has image_id 4, which the file does n"),
        ({"annotations": [{**ANNOTATION, "image_id": []}]}, r"has image_id \[\], which the file"),
        ({"annotations": [{**ANNOTATION, "category_id": 7}]}, "has category_id 7, which the file"),
        ({"annotations": [{**ANNOTATION, "bbox": [1, 2, 3]}]}, "bbox must be 4 numbers"),
        ({"annotations": [{**ANNOTATION, "bbox": [1, 2, 3, "4"]}]}, "bbox must be 4 numbers"),
        ({"annotations": [{**ANNOTATION, "bbox": [1, 2, 3, float("nan")]}]}, "bbox must be 4 num"),
        ({"annotations": [{**ANNOTATION, "area": None}]}, "area must be a number, but is None"),
        ({"annotations": [{"id": 1, "image_id": 3, "caption": "a"}]}, "has category_id None"),
        ({"categories": [{"id": 1, "name": "a"}] * 2}, "category id 1 occurs twice"),
        (
            {"categories": [{"id": 1, "name": "a"}, {"id": 18, "name": "a"}]},
            "two categories named 'a'",
        ),
    ],
)
def test_bad_coco(
    changes: dict[str, Any], message: str, write_coco: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(write_coco(tmp_path, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is a list, like detection results"),
        ("{}", "has no images, annotations, categories"),
        ("3", "has no images, annotations, categories"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_json_of_another_kind(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        load_dataset(file)


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<annotation>", "is broken XML"),
        ("<svg/>", "its root is <svg>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "declares entities"),
        (VOC.format(name="", xmax=9, difficult=0), "an object has no name"),
        (VOC.format(name="dog", xmax="", difficult=0), "bndbox/xmax must be a number, but is ''"),
        (VOC.format(name="dog", xmax="inf", difficult=0), "bndbox/xmax must be a number"),
    ],
)
def test_bad_voc(xml: str, message: str, voc: Path) -> None:
    (voc / "Annotations" / "1.xml").write_text(xml)
    with pytest.raises(InputError, match=message):
        load_dataset(voc, split="test")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (None, "has the splits test, train: choose one with --split"),
        ("val", "no split 'val': known are test, train"),
        ("train", r"no .*9\.xml', which the split lists"),
    ],
)
def test_voc_splits(split: str | None, message: str, voc: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_dataset(voc, split=split)


def test_voc_split_lists_twice_and_missing_picture(voc: Path) -> None:
    lists = voc / "ImageSets" / "Main"
    (lists / "test.txt").write_text("0\n0\n")
    with pytest.raises(InputError, match="lists '0' twice"):
        load_dataset(voc, split="test")
    (lists / "test.txt").write_text("0\n1\n")
    (voc / "JPEGImages" / "1.png").unlink()
    with pytest.raises(InputError, match="1 of 2 pictures are missing"):
        load_dataset(voc, split="test").check_files()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.5", "line 2 has 4 numbers, expected 5"),
        (
            "0 0.5 0.5 0.5 0.5 0.5 0.5",
            "line 2 and all like it may be polygons, or boxes with keypoints",
        ),
        ("dog 0.5 0.5 0.5 0.5", "line 2 must be numbers"),
        ("2 0.5 0.5 0.5 0.5", "class 2 has no name: there are names for 2 classes"),
        ("0 320 240 50 50", "must be fractions from 0 to 1"),
        ("0 nan 0.5 0.5 0.5", "must be fractions from 0 to 1"),
    ],
)
def test_bad_yolo(line: str, message: str, yolo: Path) -> None:
    (yolo / "labels" / "1.txt").write_text(f"0 0.5 0.5 0.5 0.5\n{line}\n")
    with pytest.raises(InputError, match=message):
        load_dataset(yolo)


def test_bad_yolo_folders(yolo: Path) -> None:
    (yolo / "labels" / "7.txt").write_text("")
    with pytest.raises(InputError, match=r"1 of 3 pictures are missing, first that of .*7\.txt"):
        load_dataset(yolo)
    (yolo / "classes.txt").unlink()
    with pytest.raises(InputError, match=r"has no class names: expected classes\.txt or"):
        load_dataset(yolo)
    with pytest.raises(InputError, match="has no folder 'val'"):
        load_dataset(yolo, split="val")


def test_bad_places(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data"):
        load_dataset(tmp_path / "no")
    with pytest.raises(InputError, match="is no labelled data: expected Annotations/"):
        load_dataset(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(InputError, match=r"has 2 \.json files: give one of a\.json, b\.json"):
        load_dataset(tmp_path)
    with pytest.raises(InputError, match="--images: no folder"):
        load_dataset(tmp_path / "a.json", images=tmp_path / "no")
    with pytest.raises(InputError, match=r"--split is for folders and data\.yaml"):
        load_dataset(tmp_path / "a.json", split="test")


CATEGORIES = (Category(1, "Motorcycle"), Category(7, "tv"), Category(9, "hot dog"))


def test_classes_are_matched_by_name() -> None:
    labels = ("tvmonitor", None, "hot_dog", "cat", "motorbike")
    assert class_map(labels, CATEGORIES, {1, 7, 9}) == {0: 7, 2: 9, 4: 1}
    assert class_map(("a", None), CATEGORIES, {9}, {"a": "hot dog", "1": "tv"}) == {0: 9, 1: 7}


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        (("cat",), {}, "no class for 2 of 2 categories of the data: 'Motorcycle', 'tv'; it has 'c"),
        ((), {}, "it has no labels: convert again with --labels FILE, or give 'edge-edet eval'"),
        (("tv",), {"tv": "telly"}, "the data has no category 'telly'"),
        (("tv",), {"telly": "tv"}, "the model has no class 'telly'"),
        (("tv", "TV", "motorcycle"), {}, "two classes of the model map to the category 'tv'"),
    ],
)
def test_classes_that_do_not_match(
    labels: tuple[str, ...], given: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        class_map(labels, CATEGORIES, {1, 7}, given)


def test_bad_class_map_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no class map"):
        read_class_map(tmp_path / "no.json")
    for text, message in (
        ("{", "is no JSON"),
        ("[]", "must be an object"),
        ('{"a": 1}', "must be"),
    ):
        (tmp_path / "map.json").write_text(text)
        with pytest.raises(InputError, match=message):
            read_class_map(tmp_path / "map.json")
    (tmp_path / "map.json").write_text(json.dumps({"a": "b"}))
    assert read_class_map(tmp_path / "map.json") == {"a": "b"}
