"""Detection in tiles: where they lie, and that boxes come back to their place in the picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import Detections, InputError
from edge_edet.cli import main
from edge_edet.detection import PostprocessConfig, TiledDetector
from edge_edet.detection.tiles import Tile, tiles_of

ALL = PostprocessConfig(iou_threshold=1.0)  # no box suppresses another


@pytest.mark.parametrize("size", [(640, 480), (101, 67), (3, 2), (1, 1), (5000, 100)])
@pytest.mark.parametrize("tiles", ["2x2", "1x3", "8x8", "auto"])
def test_tiles_cover_the_picture_and_overlap(size: tuple[int, int], tiles: str) -> None:
    whole, *parts = tiles_of(tiles, size, (64, 64))
    assert whole == (0, 0, *size)
    seen = np.zeros((size[1], size[0]), int)
    for left, top, right, bottom in parts:
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        seen[top:bottom, left:right] += 1
    assert len(parts) != 1
    assert not parts or seen.min() >= 1


def test_the_overlap_is_a_fifth_of_a_tile() -> None:
    _, first, second = tiles_of("2x1", (900, 100), (64, 64))
    assert first == Tile(0, 0, 500, 100)
    assert second == Tile(400, 0, 900, 100)


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ((512, 512), 0),
        ((768, 768), 0),  # 1.5 times the input
        ((769, 600), 2),
        ((1920, 1080), 6),  # of 738 x 600
        ((9000, 9000), 16),  # no more, however large
    ],
)
def test_auto(size: tuple[int, int], count: int) -> None:
    assert len(tiles_of("auto", size, (512, 512))) == 1 + count


@pytest.mark.parametrize("tiles", ["", "2", "0x2", "9x1", "2x2x2", "2 x 2", "Auto", "-1x2"])
def test_bad_tiles(tiles: str, tiny_int8: Path) -> None:
    with pytest.raises(
        InputError, match="tiles must be COLUMNSxROWS, each from 1 to 8, such as 2x2"
    ):
        edge_edet.load(tiny_int8, tiles=tiles)


def test_one_tile_is_the_picture_as_ever(tiny_int8: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
    with edge_edet.load(tiny_int8) as plain, edge_edet.load(tiny_int8, tiles="1x1") as tiled:
        expected, found = plain.detect(image), tiled.detect(image)
    assert np.array_equal(found.boxes, expected.boxes)
    assert np.array_equal(found.scores, expected.scores)


def test_every_tile_is_seen_and_its_boxes_are_moved(tiny_int8: Path) -> None:
    # This model finds the same objects in every input, so each tile has them at the same place.
    image = np.zeros((120, 120, 3), np.uint8)
    with edge_edet.load(tiny_int8) as plain, edge_edet.load(tiny_int8, tiles="2x2") as tiled:
        _, *parts = tiles_of("2x2", (120, 120), (64, 64))
        expected = set()
        for left, top, right, bottom in parts:
            for one in plain.detect(image[top:bottom, left:right], config=ALL):
                box = one.box + np.array([left, top, left, top])
                near = np.abs(box - (left, top, right, bottom)) < 2
                if not (near & [left > 0, top > 0, right < 120, bottom < 120]).any():
                    expected.add(tuple(np.rint(box).astype(int).tolist()))
        found = tiled.detect(image, config=ALL)
        places = {tuple(np.rint(one.box).astype(int).tolist()) for one in found}
        assert expected
        assert expected <= places
        tensor, placement = tiled.prepare(image)
        assert tensor.shape[0] == 5
        again = tiled.select(tiled.infer(tensor), placement, config=ALL)
        (many,) = tiled.detect_many([image], config=ALL)
        assert np.array_equal(many.boxes, found.boxes)
        assert np.array_equal(again.boxes, found.boxes)


def of(*rows: tuple[float, float, float, float, float]) -> Detections:
    """Detections of one class: xmin, ymin, xmax, ymax, score."""
    values = np.array(rows, np.float32).reshape(-1, 5)
    n = len(values)
    return Detections(values[:, :4], values[:, 4], np.zeros(n, np.int64), ("dog",) * n)


def test_boxes_that_an_inner_border_cuts_off_are_left_out() -> None:
    from edge_edet.detection.tiles.tiled_detector import _moved

    found = of(
        (0, 10, 20, 30, 0.9),  # at the picture's own border
        (70, 10, 100, 30, 0.8),  # cut off on the right
        (40, 90, 60, 99, 0.7),  # cut off below
        (40, 40, 60, 60, 0.6),
    )
    moved = _moved(found, Tile(0, 0, 100, 100), (180, 180))
    assert moved.scores.tolist() == pytest.approx([0.9, 0.6])
    moved = _moved(found, Tile(80, 80, 180, 180), (180, 180))
    assert moved.boxes.tolist() == [[150, 90, 180, 110], [120, 170, 140, 179], [120, 120, 140, 140]]


def test_an_object_of_two_tiles_is_one() -> None:
    from edge_edet.detection.tiles.tiled_detector import _merged

    parts = [of((10, 10, 50, 50, 0.5)), of((11, 10, 51, 50, 0.9), (200, 10, 250, 60, 0.4))]
    merged = _merged(parts, PostprocessConfig())
    assert merged.boxes.tolist() == [[11, 10, 51, 50], [200, 10, 250, 60]]
    assert merged.scores.tolist() == pytest.approx([0.9, 0.4])
    assert len(_merged(parts, PostprocessConfig(max_detections=1))) == 1
    assert len(_merged([of(), of()], PostprocessConfig())) == 0


def test_small_cells_of_a_large_picture_are_found(bundled_int8: Path) -> None:
    from edge_edet.demo_picture import draw_smear

    smears = [draw_smear(seed) for seed in range(4)]
    large = Image.new("RGB", (1280, 960))
    cells = []
    for number, (pixels, boxes) in enumerate(smears):
        x, y = 640 * (number % 2), 480 * (number // 2)
        large.paste(Image.fromarray(pixels), (x, y))
        cells += [(a + x, b + y, c + x, d + y) for a, b, c, d, kind in boxes if kind == 2]
    hits = {}
    for tiles in (None, "2x2"):
        with edge_edet.load(bundled_int8, tiles=tiles) as detector:
            found = detector.detect(large)
        boxes = found[found.classes == 2].boxes
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        hits[tiles] = sum(
            bool(((middles > cell[:2]) & (middles < cell[2:])).all(axis=1).any()) for cell in cells
        )
    assert hits["2x2"] >= hits[None] + 6, hits  # of twelve platelets, 9 and 0 when this was written


def test_command(tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (120, 120)).save(picture)
    command = ["detect", str(picture), "-m", str(tiny_int8), "--tiles", "2x2"]
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tiles"] == "2x2"
    assert len(document["detections"]) > 2
    assert main([*command, "--raw", str(tmp_path / "x.npz")]) == 2
    assert "leave one out" in capsys.readouterr().err


def test_eval_says_its_tiles(
    bundled_int8: Path,
    write_smear: Callable[[Path], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_smear(tmp_path / "data") / "labels.json"
    command = [
        "eval",
        str(bundled_int8),
        "--data",
        str(data),
        "--images",
        str(data.parent / "images"),
    ]
    assert main([*command, "--bootstrap", "0", "--tiles", "2x1"]) == 0
    assert "tiles: 2x1, and the whole picture" in capsys.readouterr().out
    assert main([*command, "--bootstrap", "0", "--json"]) == 0
    assert "tiles" not in json.loads(capsys.readouterr().out)["results"][0]["ran_on"]


def test_a_tiled_detector_is_one(tiny_int8: Path) -> None:
    with edge_edet.load(tiny_int8, tiles="auto") as detector:
        assert isinstance(detector, TiledDetector)
        image = np.zeros((300, 300, 3), np.uint8)
        with pytest.raises(InputError, match="raw outputs are those of one input"):
            detector.raw(image)
        with pytest.raises(InputError, match="the tensor must be"):
            detector.infer(np.zeros((0, 64, 64, 3), np.uint8))
