"""Inputs that are no squares: files of every format, with and without suppression, and what finds in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.converters.calibrate.calibration import calibrate, find_pictures
from edge_edet.converters.quantize.calibration_record import (
    check_fits,
    load_record,
    save_record,
    serves,
)
from edge_edet.converters.weights.input_size import (
    Auto,
    Ratio,
    chosen_size,
    commonest_shape,
    read_size,
    size_note,
)
from edge_edet.converters.weights.source import asset
from edge_edet.demo_picture import draw_smear
from edge_edet.errors import InputError
from edge_edet.manifest import read_manifest
from edge_edet.network.build import build_network
from edge_edet.variants import VARIANTS

WIDTH, HEIGHT = 256, 160  # no multiple of 128: P5 is 5 x 8, P6 3 x 4, P7 2 x 2
SIZE = (HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> file of the bundled D0, with and without suppression inside."""
    folder = tmp_path_factory.mktemp("rectangular")
    found = {}
    for nms, formats in (
        ("none", ("tflite", "openvino", "onnx")),
        ("in-graph", ("tflite", "openvino", "onnx")),
    ):
        written = edge_edet.convert(
            "d0",
            "fp32",
            output=f"{folder}/",
            formats=formats,
            nms=nms,
            image_size=f"{WIDTH}x{HEIGHT}",
        )
        found |= {f"{nms} {Path(one.path).suffix}": Path(one.path) for one in written.files}
    return found


@pytest.fixture(scope="module")
def smear() -> Any:
    """[480, 640, 3] uint8 with blood cells."""
    return draw_smear(1)[0]


def test_the_name_and_the_manifest_state_the_size(files: dict[str, Path]) -> None:
    for path in files.values():
        assert path.name.startswith(f"d0-{WIDTH}x{HEIGHT}-fp32")
        manifest = read_manifest(path)
        assert manifest.variant.image_size == SIZE
        assert manifest.input_shape == (1, *SIZE, 3)


def test_every_format_finds_the_same(files: dict[str, Path], smear: Any) -> None:
    found = {}
    for name, path in files.items():
        with edge_edet.load(path, threads=1) as detector:
            assert detector.info.image_size == SIZE
            found[name] = detector.detect(smear)
    first = found["none .tflite"]
    sure = first.scores > 0.3
    assert sure.sum() > 3
    for name, other in found.items():
        count = int(sure.sum())
        np.testing.assert_allclose(
            other.scores[:count], first.scores[sure], atol=2e-3, err_msg=name
        )
        np.testing.assert_allclose(other.boxes[:count], first.boxes[sure], atol=0.5, err_msg=name)


@pytest.mark.parametrize("turned", [False, True])
def test_pictures_of_other_shapes_are_letterboxed(
    files: dict[str, Path], smear: Any, turned: bool
) -> None:
    """The same picture on a larger black canvas of the input's shape has its boxes at the same places."""
    picture = np.ascontiguousarray(smear.transpose(1, 0, 2)) if turned else smear[:, :320]
    height, width = picture.shape[:2]
    with edge_edet.load(files["none .tflite"], threads=1) as detector:
        tensor, placement = detector.prepare(picture)
        scale = min(HEIGHT / height, WIDTH / width)
        assert (placement.scale_x, placement.scale_y) == (scale, scale)
        inside = round(width * scale)
        assert (tensor[0, :, inside:] == np.array(detector.layout.pad_rgb)).all()
        expected = np.asarray(
            Image.fromarray(picture).resize(
                (inside, HEIGHT), Image.Resampling.BILINEAR, reducing_gap=1.25
            )
        )
        np.testing.assert_array_equal(tensor[0, :, :inside], expected)
        boxes = detector.detect(picture).boxes
    assert len(boxes)
    assert (boxes.min(axis=0) >= 0).all()
    assert (boxes.max(axis=0) <= [width, height, width, height]).all()


@pytest.mark.parametrize(
    ("text", "variant", "expected"),
    [
        ("384", "d0", 384),
        ("384x384", "d0", 384),
        ("512x384", "d0", (384, 512)),  # width x height; sizes inside are height, width
        ("384X512", "d0", (512, 384)),
        ("16:9", "d0", (288, 512)),
        ("9:16", "d0", (512, 288)),
        ("4:3", "d0", (384, 512)),
        ("3:2", "d0", (352, 512)),  # 341.3: rounded up, so that nothing is scaled down further
        ("1:1", "d1", 640),
        ("16:9", "d7x", (864, 1536)),
        ("640:480", "lite0", (256, 320)),  # 240
    ],
)
def test_sizes_as_they_are_written(text: str, variant: str, expected: Any) -> None:
    assert chosen_size(read_size(text), VARIANTS[variant]) == expected


def test_a_ratio_is_kept_until_the_variant_is_known() -> None:
    assert read_size(" 16:9 ") == Ratio(16, 9)


@pytest.mark.parametrize(
    ("pictures", "shape", "size"),
    [
        ([(640, 480)] * 3, (640, 480, 3, 3), (416, 512)),  # 384 rows, and 32 of padding
        ([(480, 640)], (480, 640, 1, 1), (512, 416)),
        ([(1920, 1080)] * 2 + [(640, 480)], (1920, 1080, 2, 3), (320, 512)),
        ([(640, 426), (640, 427), (640, 428), (640, 480)], (640, 428, 3, 4), (384, 512)),  # 342.4
        ([(640, 480), (480, 640)], (640, 480, 1, 2), (416, 512)),  # as common: landscape
        ([(640, 480), (1920, 1080)], (640, 480, 1, 2), (416, 512)),  # as common: nearer to a square
        ([(500, 500)], (500, 500, 1, 1), 512),
        ([(1000, 980)], (1000, 980, 1, 1), 512),  # the square has no room for the margin
        ([(5000, 100)], (5000, 100, 1, 1), (96, 512)),  # the least that d0 takes
        ([(100, 5000)], (100, 5000, 1, 1), (512, 96)),
        ([(1, 1)], (1, 1, 1, 1), 512),
    ],
    ids=str,
)
def test_auto_takes_the_commonest_shape_and_a_margin(
    pictures: list[tuple[int, int]], shape: tuple[int, ...], size: Any
) -> None:
    found = commonest_shape(pictures)
    assert found == Auto(*shape)
    assert chosen_size(found, VARIANTS["d0"]) == size


def test_auto_says_what_it_took() -> None:
    wish = Auto(640, 480, 59, 60)
    assert size_note(wish, (416, 512)) == (
        "--image-size auto: 512x416, for pictures of 640 x 480, the shape of 59 of 60 calibration pictures; "
        "32 rows of padding stay beside them"
    )
    assert "32 columns of padding" in size_note(Auto(480, 640, 1, 1), (512, 416))
    assert size_note(Ratio(4, 3), (384, 512)) == ""


def test_auto_without_pictures_says_what_to_give(smears: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a folder of pictures with --calibration, or a size"):
        edge_edet.convert("d0", "fp32", output=tmp_path, image_size="auto")
    record = asset("d0-bccd.calibration")
    with pytest.raises(InputError, match="keeps no shapes: give the folder of pictures, or a size"):
        edge_edet.convert("d0", "fp32", output=tmp_path, image_size="auto", calibration=record)
    done = edge_edet.convert(
        "d0", "fp32", output=tmp_path, image_size="auto", calibration=smears, formats="tflite"
    )
    (file,) = done.files
    assert Path(file.path).name == "d0-auto-fp32.tflite"
    assert read_manifest(Path(file.path)).variant.image_size == (416, 512)
    assert any(
        "auto: 512x416, for pictures of 640 x 480, the shape of 6" in one for one in done.notes
    )


def test_the_squares_record_serves_a_wide_input(tmp_path: Path) -> None:
    """INT8 of the bundled weights needs no pictures at a wide size."""
    done = edge_edet.convert(
        "d0", "int8", output=tmp_path, image_size="512x416", formats="tflite", parity_report=False
    )
    said = "d0: INT8 of 512x416 by the calibration at 512, where pictures lie at the same scale"
    assert said in done.notes
    with pytest.raises(InputError, match="needs calibration pictures"):
        edge_edet.convert("d0", "int8", output=tmp_path, image_size="640x512", formats="tflite")


@pytest.mark.parametrize(
    ("measured", "built", "serves_it"),
    [
        (512, 512, True),
        (512, (416, 512), True),
        (512, (512, 416), True),
        ((416, 512), (416, 512), True),
        (512, 416, False),  # pictures are scaled further down
        (512, (512, 640), False),
        (640, (416, 512), False),
        ((416, 512), 512, False),  # it has seen less padding
        ((416, 512), (384, 512), False),
    ],
)
def test_what_a_record_serves(measured: Any, built: Any, serves_it: bool) -> None:
    assert serves(measured, built) == serves_it


def test_a_calibration_record_keeps_its_size_and_fits_no_other(
    helpers: Any, smears: Path, tmp_path: Path
) -> None:
    variant = VARIANTS["d0"].replace(image_size=(96, 160), num_classes=2)
    weights = helpers.cheap_weights(variant)
    graph = build_network(variant, weights)
    record = calibrate(graph, "w" * 64, find_pictures(smears, None, 0)[:1], threads=1)
    save_record(record, tmp_path / "wide")
    loaded = load_record(tmp_path / "wide")
    assert loaded.image_size == (96, 160)
    check_fits(loaded, graph, "w" * 64, "the record")
    tall = build_network(variant.replace(image_size=(160, 96)), weights)
    with pytest.raises(InputError) as caught:
        check_fits(loaded, tall, "w" * 64, "the record")
    assert str(caught.value) == (
        "the record is for d0 at 160x96 pixels and the model is d0 at 96x160: run 'edge-edet calibrate d0 "
        "--image-size 96x160' on your pictures"
    )
