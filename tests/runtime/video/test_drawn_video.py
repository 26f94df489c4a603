"""The drawn video: the same cells in every frame, and what the bundled D0 finds of them in an MP4."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import edge_edet
from edge_edet.cli import main as detect
from edge_edet.demo_picture import CLASSES
from edge_edet.demo_video import HEIGHT, WIDTH, draw_smear_video, main

FRAMES = 24


def test_cells_keep_their_ids_and_move_by_little() -> None:
    last: dict[int, tuple[float, ...]] = {}
    moved = []
    for drawn in draw_smear_video(2, 12):
        assert (drawn.image.shape, drawn.image.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        assert len(set(drawn.ids)) == len(drawn.ids) == len(drawn.boxes)
        assert {kind for *_, kind in drawn.boxes} == {0, 1, 2}
        now = dict(zip(drawn.ids, drawn.boxes, strict=True))
        for one, (xmin, ymin, xmax, ymax, kind) in now.items():
            assert 0 <= xmin < xmax <= WIDTH
            assert 0 <= ymin < ymax <= HEIGHT
            if one in last:
                assert last[one][4] == kind
                moved.append(xmax - last[one][2])
                assert abs(ymin - last[one][1]) <= 8
        last = now
    assert 3 < np.mean(moved) < 8  # they flow to the right, cut off at the edge
    assert max(moved) < 14


def test_same_seed_same_pixels() -> None:
    first, again, other = (next(draw_smear_video(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert first.boxes == again.boxes
    assert not np.array_equal(first.image, other.image)


def test_a_box_stands_where_its_cell_is() -> None:
    dark = {
        0: 190,
        1: 170,
        2: 150,
    }  # plasma's green is above 190, that of the middle of a cell below
    for drawn in draw_smear_video(4, 3):
        for xmin, ymin, xmax, ymax, kind in drawn.boxes:
            if xmin > 0 and xmax < WIDTH and ymin > 0 and ymax < HEIGHT:
                x, y = round((xmin + xmax) / 2), round((ymin + ymax) / 2)
                assert drawn.image[y - 2 : y + 3, x - 2 : x + 3, 1].mean() < dark[kind]


def test_command_writes_the_video_and_its_boxes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "smear.mp4"
    assert main([str(path), "--frames", "3"]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: 3 frames with ")
    lines = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == [0, 1, 2]
    drawn = next(draw_smear_video(1, 3))
    assert [one["id"] for one in lines[0]["cells"]] == drawn.ids
    assert {one["label"] for one in lines[0]["cells"]} == set(CLASSES)
    assert main([str(path), "--frames", "3"]) == 0  # its own video is replaced


def test_detect_does_not_replace_a_drawn_smear(
    tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    assert main([str(source), "--frames", "2"]) == 0
    other.write_bytes(source.read_bytes())
    assert detect(["detect", str(source), "-m", str(tiny_int8), "--draw", str(other)]) == 2
    assert "is not a drawn video of 'edge-edet detect'" in capsys.readouterr().err
    assert other.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["x.avi"], "must be named .mp4"), (["x.mp4", "--frames", "0"], "--frames must be")],
)
def test_command_refuses(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_ap_over_the_frames_of_an_mp4(
    make_video: Callable[..., Path], bundled_int8: Path, tmp_path: Path
) -> None:
    drawn = list(draw_smear_video(1, FRAMES))
    clip = make_video(
        tmp_path / "smear.mp4", pictures=[one.image for one in drawn], size=(WIDTH, HEIGHT)
    )
    found: list[dict[str, Any]] = []
    with edge_edet.load(bundled_int8, score_threshold=0.01) as detector:
        for frame, detections in edge_edet.stream(clip, detector, every=3):
            for one in detections:
                x, y, right, bottom = one.box
                found.append(
                    {
                        "image_id": frame.number + 1,
                        "category_id": one.class_id + 1,
                        "bbox": [x, y, right - x, bottom - y],
                        "score": one.score,
                    }
                )
    numbers = range(0, FRAMES, 3)
    truth = COCO()
    with contextlib.redirect_stdout(io.StringIO()):
        truth.dataset = {
            "images": [{"id": n + 1} for n in numbers],
            "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES, 1)],
            "annotations": [
                {
                    "id": 1000 * n + k,
                    "image_id": n + 1,
                    "category_id": kind + 1,
                    "bbox": [x, y, right - x, bottom - y],
                    "area": (right - x) * (bottom - y),
                    "iscrowd": 0,
                }
                for n in numbers
                for k, (x, y, right, bottom, kind) in enumerate(drawn[n].boxes, 1)
            ],
        }
        truth.createIndex()
        scored = COCOeval(truth, truth.loadRes(found), "bbox")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    ap, ap50 = scored.stats[:2]
    # 0.67 and 0.39 when this was written: cells that cover each other are hard to tell apart. Boxes of a
    # frame that is 18 pixels away have an AP of less than half of that.
    assert ap50 > 0.6, scored.stats
    assert ap > 0.34, scored.stats
