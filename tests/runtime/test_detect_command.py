from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_edet import InputError
from edge_edet.cli import main
from edge_edet.commands.detect import default_model, parse_options


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


def test_a_model_in_the_place_of_a_picture_is_named(
    tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", str(tiny_int8), str(pictures)]) == 2
    assert "is a model file, not a picture: give it with -m" in capsys.readouterr().err


def test_a_bad_picture_of_a_folder_is_counted_a_named_one_is_an_error(
    tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "b.png").write_bytes(b"")
    assert main(["detect", "-m", str(tiny_int8), str(pictures), "--json"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    padded, *notes = [line for line in captured.err.splitlines() if line.startswith("note: ")]
    assert padded.startswith("note: on average 25% of the input is padding: ")
    assert len(notes) == 1
    assert notes[0].startswith("note: 1 picture left out as unreadable: ")
    assert "b.png' is not a picture that Pillow can read: it is empty, 0 bytes" in notes[0]

    named = [str(pictures / "b.png"), str(pictures), "missing.png"]
    assert main(["detect", "-m", str(tiny_int8), *named, "--json"]) == 2
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    errors = [line for line in captured.err.splitlines() if line.startswith("edge-edet: error: ")]
    assert len(errors) == 2
    assert "b.png" in errors[0]
    assert "no picture 'missing.png'" in errors[1]


def test_strict_makes_a_bad_picture_of_a_folder_an_error(
    tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "b.png").write_bytes(b"")
    assert main(["detect", "-m", str(tiny_int8), str(pictures), "--json", "--strict"]) == 2
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert "edge-edet: error: " in captured.err


def test_a_folder_of_bad_pictures_alone_is_an_error(
    tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"no picture")
    assert main(["detect", "-m", str(tiny_int8), str(tmp_path)]) == 2
    assert "edge-edet: error: none of the 2 pictures can be read" in capsys.readouterr().err


def test_the_range_and_what_is_odd_stand_in_the_json(
    tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = np.arange(4096, dtype=np.uint16).reshape(64, 64)  # a 12-bit sensor
    for name in ("a.png", "b.png"):
        Image.fromarray(grey).save(tmp_path / name)
    command = ["detect", "-m", str(tiny_int8), str(tmp_path), "--json"]
    assert main(command) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out.splitlines()[0])
    assert document["range"] is None
    assert "stay below 2^12" in document["notes"][0]
    assert "note: 2 pictures with 16-bit values that stay below 2^12" in captured.err
    assert "first 'a.png': values from 0 to 4095" in captured.err
    assert "give --range auto or --range=0,4095" in captured.err
    for given, kept in (("auto", "auto"), ("0,4095", "0,4095"), ("-5.5,1e4", "-5.5,10000")):
        assert main([*command, f"--range={given}"]) == 0
        captured = capsys.readouterr()
        document = json.loads(captured.out.splitlines()[0])
        assert (document["range"], document["notes"]) == (kept, [])
        assert "note:" not in captured.err


@pytest.mark.parametrize(
    "text", ["", "1", "5,5", "9,1", "0,x", "0,nan", "0,1,2", "inf,1", "min,max"]
)
def test_ranges_that_are_none_are_refused(
    text: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", str(pictures), f"--range={text}"]) == 2
    assert f"--range {text!r}: expected auto, or two numbers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("srt://192.168.1.2:554/live", "'srt://192.168.1.2:554/live' is a stream; only"),
        ("https://x/a.jpg", "'https://x/a.jpg' is an address"),
        ("/dev/null", "'/dev/null' is a device; only 'edge-edet detect' reads"),
        ("clip.MP4", "'clip.MP4' is no video that can be read: invalid data"),
    ],
)
def test_videos_and_streams_are_named_as_such(
    given: str,
    message: str,
    tiny_int8: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.MP4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 100)
    assert main(["detect", "-m", str(tiny_int8), given]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ("calibrate", "d0", "--calibration"),
        ("convert", "d0", "--int8", "--data"),
        ("eval", "MODEL", "--data"),
        ("bench", "MODEL", "--images"),
    ],
)
def test_every_command_names_a_stream_as_it_was_given(
    command: tuple[str, ...], tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(tiny_int8) if word == "MODEL" else word for word in command]
    assert main([*words, "rtsp://192.168.1.2/live"]) == 2
    assert "'rtsp://192.168.1.2/live' is a stream" in capsys.readouterr().err


def test_draw_writes_pngs_and_no_leftovers(tiny_int8: Path, pictures: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(pictures / "a.png")  # the same stem as a.jpg
    out = tmp_path / "out" / "deep"
    assert main(["detect", "-m", str(tiny_int8), str(pictures), "--draw", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["a-2.png", "a.png", "b.png", "c.png"]
    drawn = np.asarray(Image.open(out / "b.png"))
    assert drawn.shape == (48, 64, 3)
    assert np.any(drawn != (50, 60, 70))


def test_drawings_below_the_pictures_are_not_pictures_of_the_next_run(
    tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["detect", "-m", str(tiny_int8), str(pictures), "--draw", str(pictures / "out")]
    for _ in range(2):
        assert main(command) == 0
        assert capsys.readouterr().out.count("2 objects") == 3


def test_draw_never_replaces_the_picture(
    tiny_int8: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (pictures / "b.png").read_bytes()
    assert main(["detect", "-m", str(tiny_int8), str(pictures), "--draw", str(pictures)]) == 2
    assert (
        "is an input of this command, and would be replaced: give another --draw"
        in capsys.readouterr().err
    )
    assert (pictures / "b.png").read_bytes() == before


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
