"""`--input float32`: the same model for programs that hold the picture in floats, 0 to 255."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import InputError
from edge_edet.cli import main
from edge_edet.converters.inspect.facts import islands
from edge_edet.converters.inspect.pictures import inputs_of
from edge_edet.converters.inspect.same_network import check_same_input
from edge_edet.converters.pipeline import Request, run
from edge_edet.demo_picture import draw_smear
from edge_edet.formats.read import read_model
from edge_edet.formats.tflite.metadata import read_metadata
from edge_edet.manifest import read_manifest

SIDE = 128
# format, precisions, suppression
KINDS = [
    ("tflite", "fp32", "none"),
    ("tflite", "fp16", "none"),
    ("tflite", "int8-dynamic", "none"),
    ("tflite", "int8", "none"),
    ("tflite", "fp32", "in-graph"),
    ("tflite", "int8", "in-graph"),
    ("openvino", "fp32", "none"),
    ("openvino", "fp16", "none"),
    ("openvino", "int8", "none"),
    ("onnx", "fp32", "none"),
    ("onnx", "fp32", "in-graph"),
]
Twins = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "smear.png"
    pixels, _ = draw_smear(0)
    Image.fromarray(pixels).crop((0, 0, 320, 240)).save(path)
    return path


@pytest.fixture(scope="module")
def twins(picture: Path, tmp_path_factory: pytest.TempPathFactory) -> Twins:
    """Makes the same model with a uint8 and a float32 input."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[Any, tuple[Path, Path]] = {}

    def make(target: str, precision: str, nms: str = "none") -> tuple[Path, Path]:
        if (target, precision, nms) not in made:
            recipe = {"tflite": "minmax", "openvino": "channelwise-all"}.get(target)
            paths = []
            for dtype in ("uint8", "float32"):
                request = Request(
                    ("d0",),
                    (precision,),
                    folder,
                    weights="bundled",
                    formats=(target,),
                    nms=nms,
                    image_size=SIDE,
                    calibration=picture.parent,
                    parity_report=False,
                    recipe=recipe if precision == "int8" else None,
                    input_dtype=dtype,
                )
                paths += run(request).paths
            first, second = paths
            made[target, precision, nms] = first, second
        return made[target, precision, nms]

    return make


@pytest.mark.parametrize(("target", "precision", "nms"), KINDS)
def test_whole_grey_levels_give_the_same_outputs(
    target: str, precision: str, nms: str, twins: Twins, picture: Path
) -> None:
    bytes_in, floats_in = twins(target, precision, nms)
    assert bytes_in != floats_in
    manifest = read_manifest(floats_in)
    assert (manifest.input_dtype, manifest.precision) == ("float32", precision)
    with edge_edet.load(bytes_in) as one, edge_edet.load(floats_in) as other:
        expected, raw = one.raw(picture), other.raw(picture)
        assert expected.input.dtype == np.uint8
        assert raw.input.dtype == np.float32
        np.testing.assert_array_equal(raw.input, expected.input)
        for name, values in expected.outputs.items():
            np.testing.assert_array_equal(raw.outputs[name], values)
        assert other.detect(picture).to_dicts() == one.detect(picture).to_dicts()


@pytest.mark.parametrize(("target", "precision"), [kind[:2] for kind in KINDS if kind[2] == "none"])
def test_integers_take_whole_levels_floats_what_lies_between(
    target: str, precision: str, twins: Twins, picture: Path
) -> None:
    _, path = twins(target, precision)
    with edge_edet.load(path) as detector:
        pixels = detector.prepare(picture)[0]
        name = detector.layout.outputs["classes"]

        def logits(tensor: np.ndarray) -> np.ndarray:
            return detector.raw_of(tensor.astype(np.float32)).real(name)

        whole = logits(pixels)
        between = np.abs(logits(np.clip(pixels + 0.4, 0, 255)) - whole).max() / whole.std()
        beyond = np.where(pixels == pixels.max(), 1000, pixels)
        clipped = np.where(pixels == pixels.max(), 255, pixels)
        if precision == "int8":
            assert between == 0
            np.testing.assert_array_equal(logits(beyond), logits(clipped))
        else:
            assert between > 1e-3
            assert np.abs(logits(beyond) - logits(clipped)).max() > 1e-3


@pytest.mark.parametrize("target", ["tflite", "openvino", "onnx"])
def test_a_picture_that_another_program_normalized(
    target: str, twins: Twins, picture: Path
) -> None:
    path = twins(target, "fp32")[1]
    with edge_edet.load(path) as detector:
        raw = detector.raw(picture)
        mean, std = (np.float32(raw.about["input"][key]) for key in ("mean", "std"))
        other = detector.raw_of(detector.denormalize((raw.input - mean) / std))
        for name in raw.outputs:
            error = np.abs(other.real(name) - raw.real(name)).max() / raw.real(name).std()
            assert error < 1e-4, name


def test_a_model_of_bytes_says_what_would_take_floats(twins: Twins) -> None:
    with (
        edge_edet.load(twins("tflite", "fp32")[0]) as detector,
        pytest.raises(InputError, match="convert it with --input float32"),
    ):
        detector.denormalize(np.zeros((1, SIDE, SIDE, 3)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((1, 3, SIDE, SIDE), np.float32), r"transpose\(0, 2, 3, 1\)$"),
        (np.zeros((SIDE, SIDE, 3), np.float32), r"but is float32 \[128, 128, 3\]$"),
        (np.zeros((1, SIDE, SIDE, 3), np.uint8), r"but is uint8 \[1, 128, 128, 3\]$"),
        (["no picture"], r"must be floats \[1, 128, 128, 3\]"),
    ],
    ids=["channels first", "no batch", "bytes", "text"],
)
def test_a_normalized_picture_of_another_form_is_refused(
    values: Any, said: str, twins: Twins
) -> None:
    with (
        edge_edet.load(twins("tflite", "fp32")[1]) as detector,
        pytest.raises(InputError, match=said),
    ):
        detector.denormalize(values)


def test_tools_see_no_fault_in_the_border(twins: Twins, picture: Path) -> None:
    paths = [twins("tflite", precision)[1] for precision in ("int8", "fp32")]
    integer, exact = (read_model(path) for path in paths)
    check_same_input(integer, exact)
    assert islands(integer) == {}
    assert [op.name for op in integer.non_integer_operators] == ["ADD", "QUANTIZE"]
    assert inputs_of(integer, [picture])[0].dtype == np.float32
    metadata = read_metadata(integer, 3)
    assert (metadata.mean, metadata.std) == ((0.0,), (1.0,))
    with pytest.raises(InputError, match=r"takes .*uint8.* and .* takes .*float32"):
        check_same_input(integer, read_model(twins("tflite", "fp32")[0]))


def test_both_may_lie_in_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["convert", "d0", "--fp32", "--weights", "random", "--image-size", "64"]
    for more in ([], ["--input", "float32"]):
        assert main([*command, "--to", "tflite,onnx", "--json", "-o", str(tmp_path), *more]) == 0
    names = [Path(json.loads(line)["path"]).name for line in capsys.readouterr().out.splitlines()]
    assert names == [
        "d0-64-fp32.tflite",
        "d0-64-fp32.onnx",
        "d0-64-fp32-float32-input.tflite",
        "d0-64-fp32-float32-input.onnx",
    ]


def test_another_type_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "d0", "--fp32", "--input", "int16"]) == 2
    error = capsys.readouterr().err
    assert "--input" in error
    assert all(dtype in error for dtype in ("uint8", "int8", "float32"))
