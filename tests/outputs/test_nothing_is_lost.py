"""Output replaces only what the same command wrote before, and never an input."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from edge_edet.cli import main
from edge_edet.converters.inspect.figure.layout import DRAWN_BY, Figure
from edge_edet.converters.inspect.figure.to_png import png
from edge_edet.converters.inspect.figure.to_svg import svg
from edge_edet.errors import InputError
from edge_edet.files.locks import LockFile, lock_of
from edge_edet.output_files.kinds import DRAWING, page_by, png_by, starts_with, svg_by
from edge_edet.output_files.outputs import Outputs
from tests.outputs.conftest import SMALL, converted, everything

MINE = b"a file of mine\n"
CALIBRATE = ("calibrate", "d0", "--weights", "bundled", "--threads", "1", "--image-size", "64")


def error(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line of a refusal."""
    lines = [one for one in capsys.readouterr().err.splitlines() if "error:" in one]
    assert len(lines) == 1, lines
    return lines[0].removeprefix("edge-edet: error: ")


def test_a_drawing_never_takes_the_place_of_a_picture(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drawing of in.jpg would be in.png, which is the second input."""
    monkeypatch.chdir(photos)
    before = everything(photos)
    for more in ([], ["--overwrite"]):
        assert main(["detect", "-m", str(model), "in.jpg", "in.png", "--draw", ".", *more]) == 2
        assert error(capsys) == (
            "'in.png' is an input of this command, and would be replaced: give another --draw"
        )
    assert everything(photos) == before


def spelled(photos: Path, how: str) -> Path:
    """Make another name of photos/in.png, in a folder where in.jpg would be drawn to in.png."""
    folder = photos.parent / "elsewhere"
    folder.mkdir()
    if how == "symlink":
        (folder / "in.png").symlink_to(photos / "in.png")
    elif how == "hard link":
        os.link(photos / "in.png", folder / "in.png")
    elif how == "link to the folder":
        folder.rmdir()
        folder.symlink_to(photos)
    else:
        return photos / ".." / photos.name / "." / ""
    return folder


@pytest.mark.parametrize("how", ["symlink", "hard link", "link to the folder", "dots"])
def test_an_input_is_known_under_other_names(
    how: str, model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = spelled(photos, how)
    before = everything(photos)
    command = ["detect", "-m", str(model), str(photos / "in.jpg"), str(photos / "in.png")]
    assert main([*command, "--draw", str(folder), "--overwrite"]) == 2
    assert "is an input of this command" in error(capsys)
    assert everything(photos) == before


def test_a_drawing_replaces_a_drawing_and_a_foreign_picture_only_with_overwrite(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["detect", "-m", str(model), str(photos / "in.jpg"), "--draw", str(tmp_path / "out")]
    assert main(command) == 0
    assert main(command) == 0
    drawn = tmp_path / "out" / "in.png"
    shutil.copy(photos / "in.png", drawn)
    assert main(command) == 2
    assert error(capsys) == (
        f"{str(drawn)!r} is there and is not a drawing of 'edge-edet detect': give another --draw, or "
        "--overwrite to replace it"
    )
    assert drawn.read_bytes() == (photos / "in.png").read_bytes()
    assert main([*command, "--overwrite"]) == 0
    assert DRAWING.wrote(drawn)
    assert [path.name for path in drawn.parent.iterdir()] == ["in.png"]


def test_a_drawing_that_is_an_input_is_not_drawn_over(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["detect", "-m", str(model), str(photos / "in.jpg"), "--draw", str(out)]) == 0
    before = everything(out)
    command = ["detect", "-m", str(model), str(out / "in.png"), "--draw", str(out), "--overwrite"]
    assert main(command) == 2
    assert "is an input" in error(capsys)
    assert everything(out) == before


def test_a_record_replaces_no_other_file_and_not_its_weights(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edge_edet.converters.weights.source import asset

    weights, mine = tmp_path / "w.safetensors", tmp_path / "thesis.txt"
    shutil.copy(asset("d0-bccd.safetensors"), weights)
    mine.write_bytes(MINE)
    command = ["calibrate", "d0", "--threads", "1", "--image-size", "64", "--calibration"]
    command += [str(photos), "--weights", str(weights), "-o"]
    before = everything(tmp_path)
    for target, more, message in (
        (weights, ["--overwrite"], "is an input of this command"),
        (
            mine,
            [],
            "is there and is not a record of 'edge-edet calibrate': give another -o, or --ov",
        ),
        (
            photos / "in.png",
            ["--overwrite"],
            f"may be data of this command, which reads '{photos}'",
        ),
        (tmp_path, ["--overwrite"], "is a folder, a file is to be written there"),
        (Path("/dev/null"), ["--overwrite"], "'/dev/null' is no regular file"),
    ):
        assert main([*command, str(target), *more]) == 2
        assert message in error(capsys)
        assert everything(tmp_path) == before
    record = tmp_path / "new" / "d0.calibration"
    assert main([*command, str(record)]) == 0
    assert main([*command, str(record)]) == 0
    assert main([*command, str(mine), "--overwrite"]) == 0
    assert mine.read_bytes() == record.read_bytes()
    assert set(everything(tmp_path)) - set(before) == {
        "new/d0.calibration",
        "new/d0.corrections",
        "thesis.txt.corrections",
    }


@pytest.mark.parametrize("to", ["tflite", "openvino", "onnx"])
def test_a_model_replaces_a_model_only(
    to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = converted(tmp_path, to=to, seed=1)
    first = everything(tmp_path)
    converted(tmp_path, to=to, seed=2)
    second = everything(tmp_path)
    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first)
    for name in first:
        (tmp_path / name).write_bytes(MINE)
        before = everything(tmp_path)
        command = ["convert", "--fp32", "lite0", *SMALL, "--to", to, "-o", str(tmp_path)]
        assert main(command) == 2
        assert "is there and is not " in error(capsys)
        assert everything(tmp_path) == before
        converted(tmp_path, "--overwrite", to=to, seed=2)
        assert everything(tmp_path) == second
    path.write_bytes(b"")  # nothing is lost, as with mktemp
    converted(tmp_path, *(["--overwrite"] if to == "openvino" else []), to=to)


def test_a_model_that_is_read_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file of --labels is read last; it may have any name."""
    path = tmp_path / "lite0-64-fp32.tflite"
    path.write_text("".join(f"name {number}\n" for number in range(90)))
    before = everything(tmp_path)
    command = ["convert", "--fp32", "lite0", *SMALL, "--to", "tflite", "-o", str(tmp_path)]
    assert main([*command, "--labels", str(path), "--overwrite"]) == 2
    assert "is an input" in error(capsys)
    assert everything(tmp_path) == before


def test_a_parity_report_and_a_report_leave_foreign_pages(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are refused before anything is measured, and before any of the files is written."""
    page = tmp_path / "site" / "index.html"
    page.parent.mkdir()
    page.write_text("<!doctype html><title>Mine</title>")
    before = everything(page.parent)
    converted(tmp_path / "m", seed=0)
    int8 = [arg if arg != "--fp32" else "--int8" for arg in ("convert", "--fp32", "lite0", *SMALL)]
    assert main([*int8, "--to", "tflite", "--recipe", "minmax", "-o", str(tmp_path / "m")]) == 0
    compare = [
        "compare-float",
        str(tmp_path / "m/lite0-64-int8.tflite"),
        "--data",
        str(photos),
        "--threads",
        "1",
    ]
    compare += ["--against", str(tmp_path / "m/lite0-64-fp32.tflite"), "-o"]
    capsys.readouterr()
    assert main([*compare, str(page.parent)]) == 2
    assert "index.html' is there and is not a parity report of edge-edet" in error(capsys)
    assert everything(page.parent) == before
    other = tmp_path / "c"
    assert main([*compare, str(other)]) in (0, 1)
    assert main([*compare, str(other)]) in (0, 1)
    assert sorted(everything(other)) == ["index.html", "report.json"]
    figure = ["inspect", compare[1], "--against", compare[7], "--data", str(photos)]
    for name in ("error.svg", "error.png"):
        target = other / name
        target.write_bytes(MINE)
        assert main([*figure, "--figure", str(target)]) == 2
        assert "is not a figure of 'edge-edet inspect'" in error(capsys)
        assert target.read_bytes() == MINE
        for more in (["--overwrite"], []):
            assert main([*figure, "--figure", str(target), *more]) in (0, 1)
    assert main([*figure, "--figure", str(tmp_path / "m/x.svg"), "--json"]) in (0, 1)


def test_rows_are_added_to_rows_only(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "notes.jsonl"
    mine.write_bytes(MINE)
    assert main(["bench", str(model), "-o", str(mine), "--samples", "6"]) == 2
    assert "expected a row as JSON" in error(capsys)
    assert everything(tmp_path) == {"notes.jsonl": MINE}


def test_a_study_leaves_foreign_tables_and_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["reproduce", "fig4", "--variants", "d0", "--count-only", "-o", str(tmp_path)]
    assert main(command) == 0
    assert main(command) == 0
    for name in ("fig4.txt", "fig4.csv"):
        (tmp_path / name).write_bytes(MINE)
        assert main(command) == 2
        assert f"{name}' is there and is not a table of 'edge-edet reproduce'" in error(capsys)
        assert (tmp_path / name).read_bytes() == MINE
        assert main([*command, "--overwrite"]) == 0


def test_a_link_that_leads_nowhere_and_one_to_a_foreign_file(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(MINE)
    for number, target in enumerate(("nowhere", "mine")):
        link = tmp_path / f"link{number}"
        link.symlink_to(tmp_path / target)
        with Outputs() as outputs, pytest.raises(InputError, match="--overwrite"):
            outputs.write(link, b"x", DRAWING)
        with Outputs(overwrite=True) as outputs:
            outputs.write(link, b"x", DRAWING)
        assert link.read_bytes() == b"x"
    assert (tmp_path / "mine").read_bytes() == MINE
    assert not (tmp_path / "nowhere").exists()


def test_what_appears_during_the_run_is_not_replaced(tmp_path: Path) -> None:
    with Outputs() as outputs:
        outputs.claim(tmp_path / "a.png", DRAWING)
        (tmp_path / "a.png").write_bytes(MINE)
        with pytest.raises(InputError, match="is there and is not a drawing"):
            outputs.write(tmp_path / "a.png", b"x", DRAWING)
    assert everything(tmp_path) == {"a.png": MINE}


def test_a_long_name_fits(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".png")
    with Outputs() as outputs:
        outputs.write(path, b"x", DRAWING)
    assert list(tmp_path.iterdir()) == [path]


def test_two_commands_that_write_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lite0-64-fp32.tflite"
    lock = LockFile.take(lock_of(path))
    assert lock is not None
    command = ["convert", "--fp32", "lite0", *SMALL, "--to", "tflite", "-o", str(tmp_path)]
    assert main(command) == 2
    assert error(capsys) == (
        f"{str(path)!r} is being written by another edge-edet (process {os.getpid()}): wait until it is "
        "done, or give another -o"
    )
    lock.close()
    assert main(command) == 0
    assert list(tmp_path.iterdir()) == [path]


def test_folders_that_stay_empty_are_removed(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    with Outputs() as outputs:
        outputs.claim(deep / "x", None)
        assert deep.is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("test", "content", "ours"),
    [
        (
            page_by("edge-edet report"),
            b'<!doctype html><meta name="generator" content="Hugo">',
            False,
        ),
        (page_by("edge-edet report"), b"edge-edet report", False),
        (page_by("a"), b'<!DOCTYPE html><meta name="generator" content="a">', True),
        (page_by("a"), b'{"doc": "<meta name=\\"generator\\" content=\\"a\\">"}', False),
        (svg_by(DRAWN_BY), svg(Figure("t", ())).encode(), True),
        (svg_by("edge-edet report"), svg(Figure("t", ())).encode(), False),
        (png_by(DRAWN_BY), png(Figure("t", ())), True),
        (png_by("edge-edet detect"), png(Figure("t", ())), False),
        (png_by("x"), b"\x89PNG\r\n\x1a\n" + b"\xff" * 40, False),
        (png_by("x"), b"\x89PNG\r\n\x1a\n", False),
        (starts_with("a,b"), b"a,b\n1,2\n", True),
        (starts_with("a,b"), b"a,bc\n", False),
        (DRAWING.wrote, json.dumps({"Software": "edge-edet detect"}).encode(), False),
    ],
)
def test_marks_of_our_files(test: object, content: bytes, ours: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert callable(test)
    assert test(path) == ours


def test_every_command_that_can_refuse_has_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        "convert",
        "calibrate",
        "detect",
        "inspect",
        "compare-float",
        "report",
        "reproduce",
    ):
        assert main([command, "--help"]) == 0
        assert "--overwrite" in capsys.readouterr().out, command
    assert main(["weights", "pull", "--help"]) == 0
    assert "--overwrite" in capsys.readouterr().out
    assert sys.argv
