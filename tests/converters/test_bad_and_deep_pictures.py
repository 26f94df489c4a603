"""Pictures of more than 8 bits, and bad ones, in what is calibrated and compared on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.cli import main
from edge_edet.converters.calibrate.calibration import calibrate, find_pictures
from edge_edet.converters.pipeline import Request, run
from edge_edet.converters.quantize.calibration_record import (
    CalibrationRecord,
    agreed_range,
    load_record,
    save_record,
)
from edge_edet.errors import ImageError, InputError
from edge_edet.formats.read import read_model
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph
from edge_edet.pictures.value_range import PictureRange
from edge_edet.variants import VARIANTS

TINY = VARIANTS["d0"].replace(image_size=64, num_classes=2)
TWELVE_BITS = (0.0, 4080.0)


@pytest.fixture(scope="module")
def graph(helpers: Any) -> Graph:
    return build_network(TINY, helpers.cheap_weights(TINY))


def grey_copies(smears: Path, folder: Path, factor: int) -> Path:
    """Three of the smears in grey; factor 1: of 8 bits, 16: as a 12-bit sensor in a 16-bit file."""
    folder.mkdir()
    for number in range(3):
        with Image.open(smears / f"smear{number}.png") as image:
            grey = np.asarray(image.convert("L"))
        if factor > 1:
            grey = grey.astype(np.uint16) * factor
        Image.fromarray(grey).save(folder / f"{number}.png")
    return folder


def spoil(folder: Path) -> Path:
    """What macOS leaves, a file of no bytes, a torn one and a link that leads nowhere."""
    (folder / "._0.png").write_bytes(b"\0\5\x16\7 Mac OS X")
    (folder / "empty.png").write_bytes(b"")
    (folder / "torn.png").write_bytes((folder / "0.png").read_bytes()[:2000])
    (folder / "lost.jpg").symlink_to(folder / "nowhere.jpg")
    return folder


def calibrate_tiny(graph: Graph, folder: Path, picture_range: PictureRange) -> CalibrationRecord:
    pictures = find_pictures(folder, None, 0)
    return calibrate(graph, "w" * 64, pictures, 1, picture_range=picture_range)


def test_a_range_gives_the_record_of_the_same_pictures_in_8_bits(
    graph: Graph, smears: Path, tmp_path: Path
) -> None:
    plain = calibrate_tiny(graph, grey_copies(smears, tmp_path / "8", 1), None)
    deep = grey_copies(smears, tmp_path / "16", 16)
    ranged = calibrate_tiny(graph, deep, TWELVE_BITS)
    assert ranged.digest == plain.digest  # of names and pixels
    assert ranged.picture_range == TWELVE_BITS
    for record, name in ((plain, "a"), (ranged, "b")):
        save_record(dataclasses.replace(record, picture_range=None, source=""), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert calibrate_tiny(graph, deep, None).digest != plain.digest


@pytest.mark.parametrize("picture_range", [None, "auto", (-5.5, 4095.0)])
def test_the_record_keeps_the_range(
    picture_range: PictureRange, graph: Graph, smears: Path, tmp_path: Path
) -> None:
    record = calibrate_tiny(graph, grey_copies(smears, tmp_path / "16", 16), picture_range)
    save_record(record, tmp_path / "x.calibration")
    assert load_record(tmp_path / "x.calibration").picture_range == picture_range


RECORD = CalibrationRecord({}, "d0", 64, "", "", 1, "", {}, {})


@pytest.mark.parametrize(
    ("asked", "taken", "agreed", "note"),
    [
        (None, None, None, ""),
        ("auto", "auto", "auto", ""),
        (None, "auto", "auto", "it was taken with --range auto: other pictures are read so too"),
        ((0.0, 5.0), None, (0.0, 5.0), "--range 0,5 is for other pictures only"),
    ],
)
def test_record_and_option_agree_or_it_is_said(
    asked: PictureRange, taken: PictureRange, agreed: PictureRange, note: str
) -> None:
    record = dataclasses.replace(RECORD, picture_range=taken)
    found, said = agreed_range(asked, record, "it")
    assert found == agreed
    assert note in said
    assert bool(note) == bool(said)


def test_two_different_ranges_are_refused() -> None:
    record = dataclasses.replace(RECORD, picture_range="auto")
    with pytest.raises(
        InputError, match="it was taken with --range auto, and --range 0,5 is asked"
    ):
        agreed_range((0.0, 5.0), record, "it")


def test_calibrate_counts_bad_pictures_and_strict_ends(
    smears: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = spoil(grey_copies(smears, tmp_path / "16", 16))
    output = tmp_path / "x.calibration"
    command = [
        "calibrate",
        "d0",
        "--weights",
        "bundled",
        "--image-size",
        "64",
        "--threads",
        "1",
        "--calibration",
        str(folder),
        "-o",
        str(output),
    ]
    assert main(command) == 0
    error = capsys.readouterr().err
    assert "note: 3 pictures left out as unreadable: " in error
    assert "note: 3 pictures with 16-bit values that stay below 2^12" in error
    assert "give --range auto or --range=0,4095" in error
    assert load_record(output).pictures == 3
    assert main([*command, "--range", "0,4080"]) == 0
    captured = capsys.readouterr()
    assert "3 pictures  range 0,4080  digest " in captured.out
    assert "16-bit" not in captured.err
    assert load_record(output).picture_range == TWELVE_BITS
    output.unlink()
    assert main([*command, "--strict"]) == 2
    assert "edge-edet: error: " in capsys.readouterr().err
    assert not output.exists()


def tiny_request(output: Path, **more: Any) -> Request:
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


def test_convert_leaves_bad_pictures_out_and_range_and_counts_travel(
    smears: Path, tmp_path: Path
) -> None:
    folder = spoil(grey_copies(smears, tmp_path / "16", 16))
    asked = tiny_request(tmp_path / "out", calibration=folder, picture_range=TWELVE_BITS)
    found = run(asked)
    assert found.notes[0].startswith("3 pictures left out as unreadable: ")
    [written] = found.files
    provenance = read_model(written.path).metadata
    assert any(
        '"range": "0,4080"' in str(text) or b"0,4080" in text for text in provenance.values()
    )
    report = tmp_path / "out" / f"{written.path.stem}-parity"
    record = json.loads((report / "report.json").read_text("utf-8"))
    assert record["protocol"]["detections"]["pictures"] == 3
    assert record["range"] == "0,4080"
    assert list(record["notes"].values()) == [3]
    page = (report / "index.html").read_text("utf-8")
    assert "0,4080" in page
    assert "3 pictures left out as unreadable" in page
    with pytest.raises(ImageError):
        run(dataclasses.replace(asked, strict=True))


def test_a_record_s_range_is_that_of_the_parity_report_s_pictures(
    smears: Path, tmp_path: Path
) -> None:
    folder = grey_copies(smears, tmp_path / "16", 16)
    source = tmp_path / "x.calibration"
    command = [
        "calibrate",
        "d0",
        "--weights",
        "bundled",
        "--image-size",
        "64",
        "--threads",
        "1",
        "--calibration",
        str(folder),
        "-o",
        str(source),
        "--range",
        "auto",
    ]
    assert main(command) == 0
    asked = tiny_request(tmp_path / "out", calibration=source, data=folder)
    notes = run(asked).notes
    assert "was taken with --range auto: other pictures are read so too" in notes[0]
    [report] = (tmp_path / "out").glob("*-parity/report.json")
    assert json.loads(report.read_text("utf-8"))["range"] == "auto"
    other = dataclasses.replace(asked, picture_range=(0, 4095))
    with pytest.raises(InputError, match=r"taken with --range auto, and --range 0,4095 is asked"):
        run(other)
