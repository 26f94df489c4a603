"""Pictures that EXIF turns: labels of the stored pixels are turned along, for all eight ways."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from edge_edet.benchmarks.accuracy.datasets import load_dataset
from edge_edet.benchmarks.accuracy.datasets.orientation import (
    ASSUMED_UPRIGHT,
    LIKE_OTHERS,
    TURNED,
    read_header,
    turned_boxes,
)
from edge_edet.pictures.image import read_image

BOX = [10, 5, 30, 12]  # in the stored picture of 64 x 48
SIDEWAYS = (5, 6, 7, 8)


def _save(path: Path, orientation: int, size: tuple[int, int] = (64, 48)) -> None:
    """Black, with a white box."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[5:17, 10:40] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)


def _white(path: Path) -> list[int]:
    """x y width height of the white box, as the detector gets the picture."""
    rows, columns = np.nonzero(np.asarray(read_image(path))[:, :, 0] > 127)
    x, y = columns.min(), rows.min()
    return [int(x), int(y), int(columns.max() - x + 1), int(rows.max() - y + 1)]


def _coco(
    folder: Path, names: list[str], sizes: list[tuple[int, int]], boxes: list[object]
) -> Path:
    images = [
        {"id": n, "file_name": name, "width": size[0], "height": size[1]}
        for n, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]
    objects = [{"image_id": n, "category_id": 1, "bbox": box} for n, box in enumerate(boxes)]
    file = folder / "x.json"
    file.write_text(
        json.dumps(
            {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "dog"}]}
        )
    )
    return file


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_header_and_turned_boxes_agree_with_pillow(
    orientation: int, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{suffix}"
    _save(path, orientation)
    header = read_header(path)
    assert (header.stored, header.orientation) == ((64, 48), orientation)
    assert header.upright == read_image(path).size
    turned = turned_boxes(np.array([BOX], np.float64), header.stored, orientation)
    assert np.allclose(turned, [_white(path)], atol=1 if suffix in ("jpg", "webp") else 0)


@pytest.mark.parametrize("orientation", SIDEWAYS)
@pytest.mark.parametrize("size", [(64, 48), (0, 0)])
def test_labels_of_the_stored_pixels_are_turned_along(
    orientation: int, size: tuple[int, int], tmp_path: Path
) -> None:
    """Without a size, a box tells that does not fit into the upright picture."""
    box = [40, 5, 22, 12] if size == (0, 0) else BOX
    _save(tmp_path / "a.png", orientation)
    dataset = load_dataset(_coco(tmp_path, ["a.png"], [size], [box]))
    assert dataset.notes == {TURNED: 1}
    assert dataset.pictures[0].size == (48, 64)
    expected = turned_boxes(np.array([box], np.float64), (64, 48), orientation)
    assert dataset.pictures[0].objects.boxes.tolist() == expected.tolist()


@pytest.mark.parametrize("orientation", SIDEWAYS)
def test_labels_of_the_upright_picture_stay(orientation: int, tmp_path: Path) -> None:
    _save(tmp_path / "a.png", orientation)
    dataset = load_dataset(_coco(tmp_path, ["a.png"], [(48, 64)], [BOX]))
    assert dataset.notes == {}
    assert dataset.pictures[0].objects.boxes.tolist() == [BOX]


def test_sizes_that_do_not_tell(tmp_path: Path) -> None:
    """Turned by 180 degrees both sizes are one: such a picture goes with the others."""
    for name, orientation in (("a.png", 3), ("b.png", 6), ("c.png", 1)):
        _save(tmp_path / name, orientation)
    dataset = load_dataset(_coco(tmp_path, ["a.png"], [(64, 48)], [BOX]))
    assert dataset.notes == {ASSUMED_UPRIGHT: 1}
    assert dataset.pictures[0].objects.boxes.tolist() == [BOX]
    names = ["a.png", "b.png", "c.png"]
    dataset = load_dataset(_coco(tmp_path, names, [(64, 48)] * 3, [BOX] * 3))
    assert dataset.notes == {TURNED: 1, LIKE_OTHERS: 1}
    for picture in dataset.pictures:
        assert picture.objects.boxes.tolist() == [_white(picture.path)]
    dataset = load_dataset(_coco(tmp_path, names[:2], [(64, 48), (48, 64)], [BOX] * 2))
    assert dataset.notes == {}
    assert dataset.pictures[0].objects.boxes.tolist() == [BOX]


def test_voc_and_a_size_of_neither(tmp_path: Path) -> None:
    _save(tmp_path / "a.jpg", 8)
    xml = (
        "<annotation><size><width>{}</width><height>{}</height></size><object><name>dog</name><bndbox>"
        "<xmin>10</xmin><ymin>5</ymin><xmax>40</xmax><ymax>17</ymax></bndbox></object></annotation>"
    )
    (tmp_path / "a.xml").write_text(xml.format(64, 48))
    dataset = load_dataset(tmp_path)
    assert dataset.notes == {TURNED: 1}
    assert np.allclose(dataset.pictures[0].objects.boxes, [_white(tmp_path / "a.jpg")], atol=1)
    (tmp_path / "a.xml").write_text(xml.format(640, 480))
    dataset = load_dataset(tmp_path)  # evaluating it is refused: the picture was scaled
    assert (dataset.pictures[0].size, dataset.notes) == ((640, 480), {})


def test_yolo_is_read_for_the_upright_picture(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", 6)
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.5 0.25\n")
    (tmp_path / "classes.txt").write_text("dog\n")
    dataset = load_dataset(tmp_path)
    assert dataset.pictures[0].objects.boxes.tolist() == [[12, 24, 24, 16]]
    assert dataset.notes == {ASSUMED_UPRIGHT: 1}


def test_png_without_exif_is_not_decoded(tmp_path: Path) -> None:
    """Only the header is looked at: the rest may be damaged, as far as labels go."""
    path = tmp_path / "a.png"
    Image.effect_noise((64, 48), 50).convert("RGB").save(path)
    assert ImageOps.exif_transpose(Image.open(path)).size == (64, 48)
    path.write_bytes(path.read_bytes()[:200])
    assert read_header(path).upright == (64, 48)
