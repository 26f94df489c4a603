"""The parity report that `convert --int8` writes by itself: on which pictures, and what it says where not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_edet.cli import main
from edge_edet.converters.inspect.accuracy import pictures_and_accuracy
from edge_edet.converters.inspect.result import read_inspectable
from edge_edet.converters.inspect.verdict.advice import calibrated_on
from edge_edet.converters.pipeline import FileWritten, Note, Request, run
from edge_edet.errors import InputError


def request(output: Path, **more: Any) -> Request:
    """The bundled D0 at a sixtieth of its work."""
    given = {
        "variants": ("d0",),
        "precisions": ("int8",),
        "weights": "bundled",
        "image_size": 64,
        "formats": ("tflite",),
        "recipe": "minmax",
        "threads": 1,
    }
    return Request(output=output, **(given | more))  # type: ignore[arg-type]


@pytest.fixture
def nested(smears: Path, tmp_path: Path) -> Path:
    """Pictures below a folder that looks labelled, in names that are not plain."""
    folder = tmp_path / "my pictures"
    inside = folder / "day 1" / "größer"
    inside.mkdir(parents=True)
    for n in range(3):
        (inside / f"smear {n}.png").write_bytes((smears / f"smear{n}.png").read_bytes())
    (folder / "camera.json").write_text("{}")
    return folder


@pytest.mark.parametrize(("nms", "given", "count"), [("none", False, 2), ("in-graph", True, 3)])
def test_pictures_of_the_data_else_of_the_calibration_are_compared_on(
    nms: str, given: bool, count: int, nested: Path, tmp_path: Path
) -> None:
    more: dict[str, Any] = {"data": nested / "day 1"} if given else {}
    asked = request(tmp_path / "out", calibration=nested, calibration_images=2, nms=nms, **more)
    events: list[Any] = []
    [written] = run(asked, events.append).files
    first, note = events
    assert isinstance(first, FileWritten)  # reported before the comparison, which takes longer
    assert isinstance(note, Note)
    assert written.parity is not None
    assert note.text.startswith(f"parity report: {written.parity.path}: {written.parity.verdict}: ")
    name = written.path.with_suffix("").name
    assert note.text.startswith(f"parity report: {tmp_path / 'out' / name}-parity/index.html: ")
    record = json.loads((tmp_path / "out" / f"{name}-parity/report.json").read_text("utf-8"))
    assert record["protocol"]["detections"]["pictures"] == count
    assert record["accuracy"] is None
    assert {e["name"] for e in record["outputs"]} == {"box_codes", "class_logits"}
    assert not any("detection_" in f["place"] for f in record["findings"])
    model = read_inspectable(written.path)
    assert calibrated_on(model, sorted(nested.rglob("*.png")))
    assert not calibrated_on(model, sorted(nested.rglob("*.png"))[:1])


def test_without_pictures_the_note_is_a_command_that_works(tmp_path: Path) -> None:
    output = tmp_path / "my models"
    asked = request(output, image_size=None, precisions=("int8", "fp32"))
    [note] = run(asked).notes
    assert "no pictures were given, so no parity report: give --data DIR, or later" in note
    pair = f"'{output}/d0-int8.tflite' --against '{output}/d0-fp32.tflite' --data DIR"
    assert note.endswith(pair)


@pytest.mark.parametrize(
    ("data", "split", "message"),
    [
        ("nowhere", None, "no data 'nowhere': give a COCO .json or a folder of pictures"),
        ("nowhere.json", None, "no data 'nowhere.json'"),
        ("EMPTY", None, "no pictures in folder"),
        ("PICTURES", "val", "--split selects labelled data, and .* has no labels"),
        ("LABELLED", None, "camera.json' is no COCO ground truth"),
    ],
)
def test_data_is_looked_at_first(
    data: str, split: str | None, message: str, smears: Path, nested: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"EMPTY": tmp_path / "empty", "PICTURES": smears, "LABELLED": nested}
    asked = request(
        tmp_path / "out", data=places.get(data, Path(data)), split=split, calibration=smears
    )
    with pytest.raises(InputError, match=message):
        run(asked)
    assert not (tmp_path / "out").exists()


def test_split_of_bare_pictures_is_refused(smears: Path) -> None:
    with pytest.raises(InputError, match="--split selects labelled data"):
        pictures_and_accuracy(Path("a"), Path("b"), smears, "test", 1)


def test_options_without_what_they_are_about(
    capsys: pytest.CaptureFixture[str], smears: Path
) -> None:
    for arguments, text in (
        (
            ("d0", "--int8", "--max-drop", "1"),
            "--max-drop needs pictures to measure on: --data DIR",
        ),
        (("d0", "--fp32", "--max-drop", "1", "--data", "x"), "--max-drop is about --int8"),
        (("d0", "--fp32", "--data", "PICTURES"), "has no labels: without them it is about --int8"),
        (("d0", "--int8", "--split", "val"), "--split is of --data or --check-data: give one"),
        (("d0", "--int8", "--data", "x", "--check-data", "x"), "as --data does: give one of them"),
        (("d0", "--fp32", "--check-data", "PICTURES"), "has no labels: give pictures with labels"),
    ):
        given = [str(smears) if part == "PICTURES" else part for part in arguments]
        assert main(["convert", *given]) == 2
        assert text in capsys.readouterr().err
