from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_edet import InputError
from edge_edet.cli import main
from edge_edet.detect_command import default_model, find_pictures, parse_options


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("b.png", "a.jpg", "c.PNG"):
        Image.new("RGB", (64, 48), (50, 60, 70)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_table(tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", "-m", str(tiny_int8), str(pictures / "a.jpg")]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == f"{pictures / 'a.jpg'}: 64 x 48, 2 objects"
    assert lines[0].split() == ["score", "label", "xmin", "ymin", "xmax", "ymax"]
    assert lines[1].split()[:2] == ["0.953", "dog"]
    assert all(len(line) <= 80 for line in lines)


def test_json_lines(tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["detect", "-m", str(tiny_int8), str(pictures), "--json", "--threads", "1"])
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 0
    assert [Path(d["image"]).name for d in documents] == ["a.jpg", "b.png", "c.PNG"]
    assert documents[0]["detections"][0]["label"] == "dog"
    assert (documents[0]["width"], documents[0]["height"]) == (64, 48)


def test_one_bad_picture_among_many(
    tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "b.png").write_bytes(b"")
    status = main(["detect", "-m", str(tiny_int8), str(pictures), "missing.png", "--json"])
    captured = capsys.readouterr()
    assert status == 2
    assert len(captured.out.splitlines()) == 2
    errors = [line for line in captured.err.splitlines() if line.startswith("edge-edet: error: ")]
    assert len(errors) == 2
    assert "b.png" in errors[0]
    assert "no picture 'missing.png'" in errors[1]


def test_draw_writes_pngs_and_no_leftovers(tiny_int8: Path, pictures: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(pictures / "a.png")  # the same stem as a.jpg
    out = tmp_path / "out" / "deep"
    assert main(["detect", "-m", str(tiny_int8), str(pictures), "--draw", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["a-2.png", "a.png", "b.png", "c.png"]
    drawn = np.asarray(Image.open(out / "b.png"))
    assert drawn.shape == (48, 64, 3)
    assert np.any(drawn != (50, 60, 70))


def test_draw_never_replaces_the_picture(
    tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (pictures / "b.png").read_bytes()
    assert main(["detect", "-m", str(tiny_int8), str(pictures), "--draw", str(pictures)]) == 2
    assert "--draw would replace" in capsys.readouterr().err
    assert (pictures / "b.png").read_bytes() == before


def test_files_folders_and_patterns_each_once(pictures: Path) -> None:
    given = [str(pictures / "b.png"), str(pictures), str(pictures / "*.jpg")]
    assert [p.name for p in find_pictures(given)] == ["b.png", "a.jpg", "c.PNG"]


def test_empty_folders_and_patterns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures in folder"):
        find_pictures([str(tmp_path)])
    with pytest.raises(InputError, match="no file matches"):
        find_pictures([str(tmp_path / "*.jpg")])


def test_default_model_is_the_newest(tmp_path: Path) -> None:
    import os

    with pytest.raises(InputError, match="'edge-edet convert --int8 d0'"):
        default_model(tmp_path)
    for age, name in enumerate(("new", "old")):
        (tmp_path / f"{name}.tflite").touch()
        os.utime(tmp_path / f"{name}.tflite", (1000 - age, 1000 - age))
    assert default_model(tmp_path).stem == "new"


def test_delegate_options() -> None:
    assert parse_options(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    with pytest.raises(InputError, match="must be KEY=VALUE, but got 'a'"):
        parse_options(["a"])
