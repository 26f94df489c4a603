"""COCO data as Roboflow, Label Studio, CVAT, FiftyOne and COCO itself lay it out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.accuracy.datasets import load_dataset
from edge_edet.errors import InputError

Draw = Callable[..., None]
BY_END = "pictures found by the end of their listed name"
DOG = [{"id": 0, "name": "dog", "supercategory": "animal"}]


def _document(names: Sequence[str], categories: Any = None, **more: Any) -> str:
    images = [
        {"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names)
    ]
    objects = [
        {"id": n, "image_id": n, "category_id": 0, "bbox": [4, 4, 30, 30], **more}
        for n in range(len(names))
    ]
    return json.dumps({"images": images, "annotations": objects, "categories": categories or DOG})


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("file", "images", "split"),
    [
        ("annotations/instances_val2017.json", "val2017", "val2017"),
        ("annotations/instances_val2017.json", "images/val2017", "val2017"),
        ("annotations/instances_default.json", "images", "default"),  # CVAT
        ("annotations/instances_default.json", "images/default", "default"),
        ("annotations/instances_val.json", "val", "val"),
        ("annotations/custom_val.json", "images", "val"),
        ("test/_annotations.coco.json", "test", "test"),  # Roboflow
        ("valid/_annotations.coco.json", "valid", "val"),
        ("labels.json", "data", "labels"),  # FiftyOne
        ("result.json", "images", "result"),  # Label Studio
        ("annotations.json", ".", "annotations"),
        ("instances_val.json", "val", "val"),
    ],
)
def test_layouts(file: str, images: str, split: str, tmp_path: Path, draw: Draw) -> None:
    folder = tmp_path / "ds"
    _write(folder / file, _document(["a.png", "b.png"]))
    (folder / file).with_name("._x.json").write_bytes(b"\0\5\x16\7")
    for n, name in enumerate("ab"):
        draw(folder / images / f"{name}.png", n)
    load_dataset(folder / file).check_files()
    dataset = load_dataset(folder, split=split)
    dataset.check_files()
    assert dataset.pictures[0].path.resolve() == (folder / images / "a.png").resolve()
    assert dataset.notes == {}


def test_which_file_of_a_folder(tmp_path: Path, draw: Draw) -> None:
    for n, split in enumerate(("train2017", "val2017")):
        draw(tmp_path / split / f"{split}.png", n)
        _write(tmp_path / f"annotations/instances_{split}.json", _document([f"{split}.png"]))
        _write(tmp_path / f"annotations/captions_{split}.json", "{}")
    dataset = load_dataset(tmp_path, split="val2017")
    dataset.check_files()
    assert dataset.pictures[0].path == tmp_path / "val2017" / "val2017.png"
    with pytest.raises(InputError, match=r"has 2 \.json files: give one of instances_train2017"):
        load_dataset(tmp_path)
    with pytest.raises(InputError, match="has no split 'test': known are train2017, val2017"):
        load_dataset(tmp_path, split="test")
    (tmp_path / "annotations" / "instances_train2017.json").unlink()
    load_dataset(tmp_path).check_files()


@pytest.mark.parametrize(
    ("names", "by_end"),
    [
        (["images/a.png", "images/b.png"], 2),
        (["images\\a.png", "images\\b.png"], 2),
        (["../../label-studio/data/media/upload/7/a.png", "../../ls/media/8/b.png"], 2),
        (["/data/upload/7/a.png", "/data/b.png"], 2),
        (["C:\\data\\a.png", "D:\\b.png"], 2),
        (["https://example.org/x/a.png?sig=1#t", "https://example.org/b.png"], 2),
        (["s3://bucket/x/a.png", "gs://bucket/b.png"], 2),
        (["/data/local-files/?d=x/a.png", "/data/local-files/?d=x%2Fb.png"], 2),
        (["./a.png", "b.png"], 0),
    ],
)
def test_names_of_other_places(names: list[str], by_end: int, tmp_path: Path, draw: Draw) -> None:
    for n, stem in enumerate("ab"):
        draw(tmp_path / "there" / f"{stem}.png", n)
    file = _write(tmp_path / "result.json", _document(names))
    dataset = load_dataset(file, images=tmp_path / "there")
    dataset.check_files()
    assert [picture.path.name for picture in dataset.pictures] == ["a.png", "b.png"]
    assert dataset.notes == ({BY_END: by_end} if by_end else {})
    with pytest.raises(InputError, match="2 of 2 pictures"):
        load_dataset(file).check_files()


def test_encoded_names(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a b.png", 1)
    file = _write(tmp_path / "x.json", _document(["https://example.org/x/a%20b.png"]))
    assert load_dataset(file, images=tmp_path).pictures[0].path.name == "a b.png"
    _write(file, _document(["a%20b.png"]))
    assert load_dataset(file).pictures[0].path.name == "a b.png"
    draw(tmp_path / "a%20b.png", 2)
    assert load_dataset(file).pictures[0].path.name == "a%20b.png", "as it stands comes first"


@pytest.mark.parametrize(
    "name", ["a\0.png", "x" * 5000, "http://[a/b.png", "//", "..", "a/../../b"]
)
def test_names_that_are_no_paths(name: str, tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a.png", 1)
    file = _write(tmp_path / "x.json", _document([name]))
    for images in (None, tmp_path):
        with pytest.raises(InputError, match="1 of 1 pictures"):
            load_dataset(file, images=images).check_files()


def test_urls_are_shown_as_they_are(tmp_path: Path) -> None:
    file = _write(tmp_path / "x.json", _document(["https://example.org/b/a.png?sig=1"]))
    with pytest.raises(InputError, match=r"1 of 1 .* URLs, first 'https://example.org/b/a\.png\?s"):
        load_dataset(file)


def test_two_pictures_of_one_file_name_stay_two(tmp_path: Path, draw: Draw) -> None:
    names = ["/data/cam1/a.png", "/data/cam2/a.png"]
    file = _write(tmp_path / "x.json", _document(names))
    draw(tmp_path / "flat" / "a.png", 1)
    with pytest.raises(InputError, match=r"'/data/cam1/a\.png' and '/data/cam2/a\.png' would both"):
        load_dataset(file, images=tmp_path / "flat")
    for cam in ("cam1", "cam2"):
        draw(tmp_path / "deep" / cam / "a.png", 1)
    draw(tmp_path / "deep" / "a.png", 1)
    paths = [picture.path for picture in load_dataset(file, images=tmp_path / "deep").pictures]
    assert [path.parent.name for path in paths] == ["cam1", "cam2"]


def test_sub_folders_in_names(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "images" / "cam1" / "a.png", 1)
    file = _write(tmp_path / "annotations" / "x.json", _document(["cam1\\a.png"]))
    dataset = load_dataset(file)
    dataset.check_files()
    assert dataset.notes == {}


@pytest.mark.parametrize(
    ("categories", "kept", "notes"),
    [
        (
            [{"id": 1, "name": "dog", "supercategory": "none"}, {**DOG[0], "supercategory": "dog"}],
            [0],
            {"categories without objects that are a group of others, left out": 1},
        ),
        (
            [{"id": 7, "name": "animal", "supercategory": "none"}, *DOG],
            [0],
            {"categories without objects that are a group of others, left out": 1},
        ),
        (
            [{"id": 0, "name": "dog"}, {"id": 5, "name": "dog"}],
            [0],
            {"categories without objects that repeat another category's name, left out": 1},
        ),
        (
            [{"id": 0, "name": "dog"}, {"id": 1, "name": "person", "supercategory": "person"}],
            [0, 1],
            {},
        ),
    ],
)
def test_categories_that_are_no_classes(
    categories: Any, kept: list[int], notes: dict[str, int], tmp_path: Path, draw: Draw
) -> None:
    draw(tmp_path / "a.png", 1)
    dataset = load_dataset(_write(tmp_path / "x.json", _document(["a.png"], categories)))
    assert [category.id for category in dataset.categories] == kept
    assert dataset.notes == notes


def test_two_categories_of_one_name_with_objects(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a.png", 1)
    document = json.loads(_document(["a.png"], [*DOG, {**DOG[0], "id": 4}]))
    document["annotations"].append({**document["annotations"][0], "id": 9, "category_id": 4})
    file = _write(tmp_path / "x.json", json.dumps(document))
    with pytest.raises(
        InputError, match="named 'dog', id 0 with 1 objects and id 4 with 1 objects"
    ):
        load_dataset(file)


def test_what_is_read_otherwise_is_told(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a.png", 1)
    more = {"ignore": 1, "attributes": {"rotation": 30.0, "occluded": False}}
    dataset = load_dataset(_write(tmp_path / "x.json", _document(["a.png", "a.png"], **more)))
    assert dataset.notes == {
        "objects with a rotation, of which the unrotated box is used": 2,
        "objects marked ignore, counted like the others, as pycocotools does": 2,
        "pictures listed more than once, each time with its own labels": 1,
    }


def _data_and_another_folder(tmp_path: Path, draw: Draw) -> tuple[Path, Path]:
    """data/, with pictures in images/, and a picture elsewhere."""
    data, other = tmp_path / "data", tmp_path / "private" / "a.png"
    draw(data / "images" / "a.png", 1)
    draw(other, 2)
    (data / "annotations").mkdir()
    return data, other


@pytest.mark.parametrize("kind", ["up", "absolute", "up again", "windows"])
@pytest.mark.parametrize("where", ["instances.json", "annotations/instances.json"])
def test_names_that_lead_out_of_the_data_are_followed_when_asked(
    kind: str, where: str, tmp_path: Path, draw: Draw
) -> None:
    data, other = _data_and_another_folder(tmp_path, draw)
    up = "../" * (where.count("/") + 1)
    name = {
        "up": f"{up}private/a.png",
        "absolute": str(other),
        "up again": f"./{up}private/../private/a.png",
        "windows": f"{up}private/a.png".replace("/", "\\"),
    }[kind]
    file = _write(data / where, _document([name]))
    if kind == "windows":  # no path here, and none is made of it
        with pytest.raises(InputError, match="1 of 1 pictures are missing"):
            load_dataset(file).check_files()
        return
    with pytest.raises(
        InputError, match=r"1 of 1 pictures are listed outside of the data's folder"
    ):
        load_dataset(file)
    with pytest.raises(InputError, match=r"with --images, .* 'edge-edet eval --follow'$"):
        load_dataset(data)
    found = load_dataset(file, follow=True).pictures[0].path
    assert found.resolve() == other.resolve()


def test_an_absolute_name_goes_to_the_folder_that_is_given(tmp_path: Path, draw: Draw) -> None:
    """Not to the file of that name elsewhere on this machine."""
    data, other = _data_and_another_folder(tmp_path, draw)
    file = _write(data / "x.json", _document([str(other)]))
    dataset = load_dataset(file, images=data / "images")
    assert dataset.pictures[0].path == data / "images" / "a.png"
    assert dataset.notes == {BY_END: 1}
    assert load_dataset(file, images=data / "images", follow=True).pictures[0].path == other


@pytest.mark.parametrize(
    "name", ["../images/a.png", "../labels/../images/a.png", "{data}/images/a.png"]
)
def test_names_that_stay_in_the_data_are_followed(name: str, tmp_path: Path, draw: Draw) -> None:
    data, _ = _data_and_another_folder(tmp_path, draw)
    file = _write(data / "annotations" / "x.json", _document([name.format(data=data)]))
    dataset = load_dataset(file)
    dataset.check_files()
    assert dataset.pictures[0].path.resolve() == data / "images" / "a.png"


def test_links_of_the_datas_owner_are_followed_and_names_do_not_climb_out_by_them(
    tmp_path: Path, draw: Draw
) -> None:
    data, other = _data_and_another_folder(tmp_path, draw)
    (data / "elsewhere").symlink_to(other.parent)
    (data / "x").mkdir()
    file = _write(data / "x.json", _document(["elsewhere/a.png"]))
    load_dataset(file).check_files()
    draw(tmp_path / "outside.png", 3)
    _write(file, _document(["elsewhere/../outside.png"]))  # private/.., which is not data/
    with pytest.raises(InputError, match="are listed outside of the data's folder"):
        load_dataset(file)


def test_the_command_follows_when_asked(
    run_eval: Callable[..., Any], foreign: Path, tmp_path: Path, draw: Draw
) -> None:
    data, other = _data_and_another_folder(tmp_path, draw)
    file = _write(data / "x.json", _document([str(other)]))
    done = run_eval(foreign, "--data", file)
    assert done.returncode == 2
    assert "eval --follow" in done.stderr
    done = run_eval(foreign, "--data", file, "--follow", "--bootstrap", "0")
    assert "outside" not in done.stderr


def test_whole_numbers_with_a_point_are_ids(tmp_path: Path, draw: Draw) -> None:
    """As pandas writes a column that once had a hole."""
    draw(tmp_path / "a.png", 1)
    document = json.loads(_document(["a.png"]))
    document["annotations"][0] |= {"image_id": 0.0, "category_id": 0.0}
    dataset = load_dataset(_write(tmp_path / "a.json", json.dumps(document)))
    assert dataset.pictures[0].objects.categories.tolist() == [0]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]], "boxes within 0 to 1, first 0.1 0.2 0.3 0.4: these look"),
        ([[40, 30, 60, 40], [30, 20, 64, 48]], "all fit as x0 y0 x1 y1, first 40 30 60 40: write width"),
        ([[40, 30, 60, 40], [30, 20, 8, 9]], None),  # the second is no pair of corners
        ([[40, 30, 60, 40], [2, 2, 9, 9], [1, 1, 8, 8]], None),  # most stay inside
        ([[0.5, 0.5, 1, 1], [4, 4, 9, 9]], None),
    ],
)  # fmt: skip
def test_boxes_of_another_form(
    boxes: list[list[float]], message: str | None, tmp_path: Path, draw: Draw
) -> None:
    """Fractions: Azure Machine Learning's export. Corners: scripts."""
    draw(tmp_path / "a.png", 1)
    document = json.loads(_document(["a.png"]))
    document["annotations"] = [
        {"id": n, "image_id": 0, "category_id": 0, "bbox": box} for n, box in enumerate(boxes)
    ]
    file = _write(tmp_path / "a.json", json.dumps(document))
    if message is None:
        assert len(load_dataset(file).pictures[0].objects) == len(boxes)
    else:
        with pytest.raises(InputError, match=message):
            load_dataset(file)
