"""Inputs that are no squares: files of every format, with and without suppression, and what finds in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.converters.calibrate.calibration import calibrate, find_pictures
from edge_edet.converters.quantize.calibration_record import check_fits, load_record, save_record
from edge_edet.converters.weights.input_size import Ratio, chosen_size, read_size
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
            Image.fromarray(picture).resize((inside, HEIGHT), Image.Resampling.BILINEAR)
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
