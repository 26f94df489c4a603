"""The drawn smears are the same pixels everywhere that Pillow and numpy are."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_edet.demo_picture import HEIGHT, PLATELET, RBC, WBC, WIDTH, draw_smear, main


@pytest.mark.parametrize("seed", range(4))
def test_smear_has_every_kind_of_cell_within_reach_of_the_picture(seed: int) -> None:
    pixels, boxes = draw_smear(seed)
    assert (pixels.shape, pixels.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    kinds = [kind for *_, kind in boxes]
    assert kinds.count(RBC) >= 8
    assert kinds.count(WBC) == 1
    assert kinds.count(PLATELET) == 3
    for xmin, ymin, xmax, ymax, _ in boxes:
        assert xmin < xmax > 0
        assert ymin < ymax > 0
        assert xmin < WIDTH
        assert ymin < HEIGHT


def test_same_seed_same_pixels_and_another_seed_others() -> None:
    first, boxes = draw_smear(1)
    again, boxes_again = draw_smear(1)
    assert np.array_equal(first, again)
    assert boxes == boxes_again
    assert not np.array_equal(first, draw_smear(2)[0])


def test_pixels_equal_the_original_drawing(shared: Path) -> None:
    original = runpy.run_path(str(shared / "tools" / "draw_smear.py"))["draw"]
    for seed in (0, 1, 7):
        pixels, boxes = draw_smear(seed)
        expected_pixels, expected_boxes = original(seed)
        assert np.array_equal(pixels, expected_pixels)
        assert np.array_equal(boxes, expected_boxes)


def test_command_writes_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "smear.png"
    main([str(path), "--seed", "3"])
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), draw_smear(3)[0])
    assert capsys.readouterr().out.startswith(f"{path}: drawn with ")
