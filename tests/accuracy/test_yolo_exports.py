"""YOLO data as Ultralytics, Roboflow, LabelImg, Label Studio, CVAT and darknet leave it.

Every export holds the same two pictures, of 64 x 48, with one box each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_edet.benchmarks.accuracy.datasets import Dataset, load_dataset
from edge_edet.errors import InputError

Draw = Callable[..., None]
BOXES = {"a": (0, [4, 4, 30, 30]), "b": (1, [8, 8, 20, 24])}  # class, x y width height
LIST = "nc: 2\nnames: ['person', 'dog']\n"
MAPPING = "names:\n  0: person\n  1: dog\n"


def _line(kind: int, box: list[int]) -> str:
    x, y, w, h = box
    return f"{kind} {(x + w / 2) / 64:.8f} {(y + h / 2) / 48:.8f} {w / 64:.8f} {h / 48:.8f}\n"


def _polygon(kind: int, box: list[int]) -> str:
    """Eight points around the same box, each side's middle too."""
    x, y, w, h = box
    steps = [(0, 0), (0.5, 0), (1, 0), (1, 0.5), (1, 1), (0.5, 1), (0, 1), (0, 0.5)]
    return f"{kind} " + " ".join(f"{(x + i * w) / 64:.6f} {(y + j * h) / 48:.6f}" for i, j in steps)


def _put(images: Path, labels: Path, draw: Draw, only: str = "ab", text: object = _line) -> None:
    for number, stem in enumerate(only):
        draw(images / f"{stem}.png", number)
        labels.mkdir(parents=True, exist_ok=True)
        (labels / f"{stem}.txt").write_text(text(*BOXES[stem]))  # type: ignore[operator]


def _check(dataset: Dataset, only: str = "ab", notes: dict[str, int] | None = None) -> None:
    dataset.check_files()
    assert [category.name for category in dataset.categories] == ["person", "dog"]
    assert [picture.path.stem for picture in dataset.pictures] == list(only)
    for picture in dataset.pictures:
        kind, box = BOXES[picture.path.stem]
        assert np.allclose(picture.objects.boxes, [box], atol=1e-3)
        assert picture.objects.categories.tolist() == [kind + 1]
    assert dataset.notes == (notes or {})


@pytest.mark.parametrize(
    ("images", "labels", "text"),
    [
        ("valid/images", "valid/labels", "val: ../valid/images\ntest:\n" + LIST),  # Roboflow
        ("valid/images", "valid/labels", "val: valid/images\n" + LIST),
        ("valid/images", "valid/labels", "val: valid\\images\n" + MAPPING),
        ("images/val", "labels/val", "path: .\ntrain: images/train\nval: images/val\n" + MAPPING),
        ("images/val", "labels/val", "path: ds\nval: images/val\n" + MAPPING),  # of the parent
        ("images/val", "labels/val", "path: ../datasets/away\nval: images/val\n" + MAPPING),
        ("images/val", "labels/val", "path: /content/away\nval: [images/val]\n" + LIST),
        ("sub/images", "sub/labels", "path: sub\nval: images\n" + LIST),
        ("images", "labels", "val: ./images\n" + LIST),
        ("valid/images", "valid/labels", "val: ds/valid/images\n" + LIST),  # Roboflow's client
        ("valid", "valid", "val: valid\n" + LIST),  # labels beside the pictures
    ],
)
def test_data_yaml(images: str, labels: str, text: str, tmp_path: Path, draw: Draw) -> None:
    folder = tmp_path / "ds"
    _put(folder / images, folder / labels, draw)
    (folder / "data.yaml").write_text(text)
    _check(load_dataset(folder / "data.yaml", split="val"))
    _check(load_dataset(folder, split="val"))
    (folder / "data.yaml").rename(folder / "ours.yml")
    _check(load_dataset(folder, split="val"))


@pytest.mark.parametrize("prefix", ["/content/old/", "C:\\\\Users\\\\x\\\\old\\\\", "/kaggle/ds/"])
def test_absolute_paths_of_another_machine(prefix: str, tmp_path: Path, draw: Draw) -> None:
    """The folder is found by what differs between the entries, never by a shorter end."""
    folder = tmp_path / "ds"
    for split in ("train", "valid"):
        _put(folder / split / "images", folder / split / "labels", draw)
    prefix = prefix.replace("\\\\", "\\")
    text = f"train: {prefix}train/images\nval: {prefix}valid/images\n"
    (folder / "data.yaml").write_text(text + LIST)
    noted = {"folders of the split found by the end of their path": 1}
    dataset = load_dataset(folder, split="val")
    _check(dataset, notes=noted)
    assert dataset.pictures[0].path.parent == folder / "valid" / "images"
    (folder / "valid").rename(folder / "other")
    _put(folder / "images", folder / "labels", draw)
    with pytest.raises(
        InputError, match=r"val is .*valid/images', which does not exist: looked in"
    ):
        load_dataset(folder, split="val")


def test_parent_with_the_same_layout_is_not_taken_for_the_dataset(
    tmp_path: Path, draw: Draw
) -> None:
    folder = tmp_path / "ds"
    for place in (folder, tmp_path):
        _put(place / "valid" / "images", place / "valid" / "labels", draw)
    (folder / "data.yaml").write_text("val: ../valid/images\n" + LIST)
    with pytest.raises(
        InputError, match=r"val '\.\./valid/images' may be .* or .*: write the whole"
    ):
        load_dataset(folder)


def test_split_of_data_yaml(tmp_path: Path, draw: Draw) -> None:
    for split in ("train", "valid", "test"):
        only = {"train": "ab", "valid": "b", "test": "a"}[split]
        _put(tmp_path / split / "images", tmp_path / split / "labels", draw, only)
    file = tmp_path / "data.yaml"
    file.write_text("train: train/images\nval: valid/images\n" + LIST)
    _check(load_dataset(file, split="valid"), "b")
    _check(load_dataset(file), "b", {"pictures of the split 'val', the default without --split": 1})
    above = {"class names, read from data.yaml of the parent folder": 2}
    _check(load_dataset(tmp_path, split="test"), "a", above)  # data.yaml does not name it
    _check(load_dataset(tmp_path / "test"), "a", above)
    with pytest.raises(InputError, match="has no split 'test': known are train, val"):
        load_dataset(file, split="test")
    file.write_text("train: train/images\ntest: test/images\n" + LIST)
    with pytest.raises(InputError, match="has the splits train, test: choose one with --split"):
        load_dataset(file)
    file.write_text("val: [train/images, test/images]\n" + LIST)
    assert len(load_dataset(file).pictures) == 3
    file.write_text("val: train/images\n" + LIST)
    with pytest.raises(InputError, match="--images does not apply to"):
        load_dataset(file, images=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: {0: {name: person}}", "but class 0 is {'name': 'person'}"),
        ("names: [[person, dog]]", r"but class 0 is \['person', 'dog'\]"),
        ("names: person", "names must be a list of names, or a mapping from class to name"),
        ("names: {a: person}", "names must be by class, from 0 on, but one is 'a'"),
        ("names: {0: a, 00: b}", "names must be by class, from 0 on, but one is '00'"),
        ("nc: 3\nnames: [a, b]", "has nc 3, but 2 names: correct the one that is wrong"),
        ("val: images", "has no names"),
        ("- a", "has no names"),
        ("names: [a, a]\nval: images", "two categories named 'a'"),
        ("names: [a, b]\nval: {images: x}", "val must be a folder, a .txt or a list of these"),
        ("names: [a, b]\npath: [x]\nval: x", r"path must be a folder, but is \['x'\]"),
        ("names: [a, b]\nval: no/images", "val is 'no/images', which does not exist: looked in"),
        ("names: [a, b]", "has no split: expected one of train, val"),
        ("names: [a, b]\nkpt_shape: 3\nval: images", r"kpt_shape must be \[points, 2 or 3\]"),
        ("names: [a, b\nval: images", "is not valid YAML: "),
    ],
)
def test_bad_data_yaml(text: str, message: str, tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw)
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(tmp_path / "data.yaml")
    assert "\n" not in str(caught.value)


def test_names_stay_as_they_are_written(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw)
    (tmp_path / "data.yaml").write_text("val: images\nnames: [no, 1.10, 12:30, ~]\n")
    names = [category.name for category in load_dataset(tmp_path).categories]
    assert names == ["no", "1.10", "12:30", "~"]


@pytest.mark.parametrize(
    ("lines", "by_end"),
    [
        ("./images/a.png\n./images/b.png\n", 0),
        ("images/a.png\r\n\r\nimages/b.png", 0),
        ("images\\a.png\nimages\\b.png\n", 0),
        ("/content/ds/images/a.png\n/content/ds/images/b.png\n", 2),
        ("C:\\ds\\images\\a.png\nC:\\ds\\images\\b.png\n", 2),
        ("{0}/images/a.png\n{0}/images/b.png\n", 0),
    ],
)
def test_list_of_pictures(lines: str, by_end: int, tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw)
    (tmp_path / "val.txt").write_text(lines.format(tmp_path), newline="")
    (tmp_path / "data.yaml").write_text("val: val.txt\n" + LIST)
    notes = {"pictures found by the end of their listed path": by_end} if by_end else {}
    _check(load_dataset(tmp_path / "data.yaml"), notes=notes)
    _check(load_dataset(tmp_path / "val.txt"), notes=notes)


def test_list_with_pictures_that_are_not_there(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw)
    (tmp_path / "data.yaml").write_text("val: val.txt\n" + LIST)
    (tmp_path / "val.txt").write_text("images/a.png\nother/b.png\n")
    with pytest.raises(InputError, match=r"1 of 2 pictures are missing, first .*other/b\.png"):
        load_dataset(tmp_path)
    (tmp_path / "val.txt").write_text("images/a.png\nimages/a.png\n")
    with pytest.raises(InputError, match=r"lists 'images/a\.png' twice"):
        load_dataset(tmp_path)
    (tmp_path / "val.txt").unlink()
    with pytest.raises(InputError, match=r"val is 'val\.txt', which does not exist"):
        load_dataset(tmp_path)


def test_darknet_and_cvat(tmp_path: Path, draw: Draw) -> None:
    """CVAT's YOLO 1.1: obj.data and train.txt name all below data/, which the archive lacks."""
    _put(tmp_path / "obj_train_data", tmp_path / "obj_train_data", draw)
    (tmp_path / "obj.names").write_text("person\ndog\n")
    (tmp_path / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n"
    )
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.png\ndata/obj_train_data/b.png\n")
    notes = {"pictures found by the end of their listed path": 2}
    for data in (tmp_path, tmp_path / "obj.data", tmp_path / "train.txt"):
        _check(load_dataset(data), notes=notes)
    (tmp_path / "obj.data").unlink()
    _check(load_dataset(tmp_path, split="train"), notes=notes)


def test_index_before_each_name(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw)
    (tmp_path / "classes.txt").write_text("0 person\n1 dog\n")
    note = "class names, each line has its index, such as '0 person'"
    _check(load_dataset(tmp_path), notes={note: 2})


def test_coco_with_yolo_labels_beside_it(tmp_path: Path, draw: Draw) -> None:
    """Ultralytics' download of COCO: labels/ and annotations/, and no names but in the .json."""
    _put(tmp_path / "images" / "val2017", tmp_path / "labels" / "val2017", draw)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []}'
    )
    assert load_dataset(tmp_path, split="val2017").kind == "coco"
    (tmp_path / "classes.txt").write_text("person\ndog\n")
    _check(load_dataset(tmp_path, split="val2017"))


def test_labelimg_leaves_the_names_among_the_labels(tmp_path: Path, draw: Draw) -> None:
    folder = tmp_path / "ds"
    _put(folder / "images" / "val", folder / "labels" / "val", draw)
    (folder / "labels" / "val" / "classes.txt").write_text("person\ndog\n")
    _check(load_dataset(folder, split="val"))
    (folder / "classes.txt").write_text("person\ndog\n")
    _check(load_dataset(folder, split="val"))
    (folder / "data.yaml").write_text("names: [dog, person]")
    with pytest.raises(InputError, match=r"classes\.txt' and .*data\.yaml' name the classes diff"):
        load_dataset(folder, split="val")


def test_pictures_and_labels_in_one_folder(tmp_path: Path, draw: Draw) -> None:
    folder = tmp_path / "ds"
    _put(folder, folder, draw)
    with pytest.raises(InputError, match="is no labelled data"):  # captions look like this too
        load_dataset(folder)
    (folder / "classes.txt").write_text("person\ndog\n")
    (folder / "README.dataset.txt").write_text("made by hand")
    _check(load_dataset(folder))
    with pytest.raises(InputError, match="has no split 'test': its pictures lie beside"):
        load_dataset(folder, split="test")
    (folder / "classes.txt").rename(tmp_path / "_darknet.labels")
    above = {"class names, read from _darknet.labels of the parent folder": 2}
    _check(load_dataset(folder), notes=above)
    (folder / "lone.txt").write_text("")
    with pytest.raises(InputError, match=r"1 of 3 pictures are missing, first that of .*lone"):
        load_dataset(folder)


def test_label_studio_with_notes_json_and_sub_folders(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images" / "cam 1", tmp_path / "labels" / "cam 1", draw, "a")
    _put(tmp_path / "images", tmp_path / "labels", draw, "b")
    (tmp_path / "classes.txt").write_text("person\ndog\n")
    (tmp_path / "notes.json").write_text("{}")
    dataset = load_dataset(tmp_path)
    assert sorted(picture.path.stem for picture in dataset.pictures) == ["a", "b"]
    assert all(len(picture.objects) == 1 for picture in dataset.pictures)


def test_hidden_files_are_left_out(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw)
    (tmp_path / "classes.txt").write_text("person\ndog\n")
    for name in ("images/._a.png", "labels/._a.txt", "._classes.txt", "images/.x.png"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    (tmp_path / "images" / "__MACOSX").mkdir()
    (tmp_path / "images" / "__MACOSX" / "a.png").write_bytes(b"\0")
    (tmp_path / "images" / ".thumbs").mkdir()
    (tmp_path / "images" / ".thumbs" / "a.png").write_bytes(b"\0")
    _check(load_dataset(tmp_path))


def test_empty_lines_of_names_keep_their_number(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw, "b")
    (tmp_path / "classes.txt").write_text("\ndog\n\n")
    assert [(c.id, c.name) for c in load_dataset(tmp_path).categories] == [(2, "dog")]
    (tmp_path / "classes.txt").write_bytes("人\ndog".encode("gbk"))
    with pytest.raises(InputError, match=r"classes\.txt' is not UTF-8 text: save it as UTF-8"):
        load_dataset(tmp_path)
    (tmp_path / "classes.txt").write_bytes("person\r\ndog\r\n".encode("utf-16"))
    _check(load_dataset(tmp_path), "b")


POLYGONS = "polygons, of which the box around their points is used"


def test_polygons_are_the_box_around_their_points(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw, text=_polygon)
    (tmp_path / "classes.txt").write_text("person\ndog\n")
    _check(load_dataset(tmp_path), notes={POLYGONS: 2})
    (tmp_path / "labels" / "b.txt").write_text(_line(*BOXES["b"]))  # mixed with boxes
    _check(load_dataset(tmp_path), notes={POLYGONS: 1})


def test_corners_of_an_oriented_box(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "images" / "a.png", 1)
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("person\ndog\n")
    (tmp_path / "labels" / "a.txt").write_text("0.0 0.6 0.5 0.7 0.6 0.6 0.7 0.5 0.6\n")
    dataset = load_dataset(tmp_path)
    assert np.allclose(dataset.pictures[0].objects.boxes, [[32, 24, 12.8, 9.6]])
    assert dataset.notes == {POLYGONS: 1}


KEYPOINTS = "0.5 0.5 0.4 0.4 0.4 0.4 2 0.6 0.6 1 0.5 0.5 2"  # three, with visibility


def test_keypoints_are_not_taken_for_a_polygon(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "images" / "a.png", 1)
    (tmp_path / "labels").mkdir()
    labels = tmp_path / "labels" / "a.txt"
    (tmp_path / "data.yaml").write_text("val: images\nkpt_shape: [3, 3]\n" + LIST)
    labels.write_text(f"0 {KEYPOINTS}\n0 0.5 0.5 0.4 0.4\n")
    dataset = load_dataset(tmp_path)
    assert np.allclose(dataset.pictures[0].objects.boxes[0], [19.2, 14.4, 25.6, 19.2])
    assert dataset.notes["objects with keypoints, of which only the box is used"] == 2
    labels.write_text("0 0.5 0.5 0.4 0.4 0.1 0.2\n")
    with pytest.raises(InputError, match="has 7 numbers, expected 14: class x y w h and 3 keypoi"):
        load_dataset(tmp_path)
    (tmp_path / "data.yaml").write_text("val: images\n" + LIST)
    labels.write_text(f"0 {KEYPOINTS}\n")
    with pytest.raises(InputError, match=r"has 14 numbers, expected 5, .* state kpt_shape in data"):
        load_dataset(tmp_path)
    labels.write_text(f"0 {KEYPOINTS} 0 0 0\n")  # four points: as many numbers as a polygon has
    with pytest.raises(
        InputError,
        match="may be polygons, or boxes with keypoints: if they are",
    ):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "0 0.5 0.5 0.2 0.2 0.93",
            "has 6 numbers, but expected 5: .* The sixth may be the score of a pred",
        ),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.1", "has 8 numbers, expected 5, class x y w h, or a poly"),
        ("0 0.7 0.1 0.9 0.1 0.9 1.2", "must be fractions from 0 to 1, but are 0.7 0.1 0.9"),
        ("0.5 0.5 0.5 0.2 0.2", "must be numbers 'class x y w h', but is '0.5 0.5"),
        ("0,0.5,0.5,0.2,0.2", "must be numbers 'class x y w h'"),
        ("-1 0.5 0.5 0.2 0.2", "class -1 has no name"),
    ],
)
def test_lines_of_another_kind(line: str, message: str, tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "images" / "a.png", 1)
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("person\ndog\n")
    (tmp_path / "labels" / "a.txt").write_text(line)
    with pytest.raises(InputError, match=message):
        load_dataset(tmp_path)


def test_lines_that_stand_twice_are_told(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "images", tmp_path / "labels", draw)
    (tmp_path / "classes.txt").write_text("person\ndog\n")
    label = tmp_path / "labels" / "a.txt"
    label.write_text(label.read_text() * 3)
    dataset = load_dataset(tmp_path)
    assert len(dataset.pictures[0].objects) == 3
    twice = "objects labelled more than once (same class, same box), each counted"
    assert dataset.notes == {twice: 2}
