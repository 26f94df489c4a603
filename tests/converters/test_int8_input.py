"""`--input int8`: the same model for programs that hold the picture in int8, grey levels minus 128."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.cli import main
from edge_edet.converters.pipeline import Request, run
from edge_edet.demo_picture import draw_smear
from edge_edet.formats.read import read_model
from edge_edet.formats.tflite.metadata import read_metadata
from edge_edet.manifest import read_manifest

SIDE = 128
# format, precision, suppression
KINDS = [
    ("tflite", "fp32", "none"),
    ("tflite", "int8", "none"),
    ("tflite", "int8", "in-graph"),
    ("openvino", "fp32", "none"),
    ("openvino", "int8", "none"),
    ("onnx", "fp32", "in-graph"),
]
RECIPES = {"tflite": "minmax", "openvino": "channelwise-exact"}
Twins = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "smear.png"
    pixels, _ = draw_smear(0)
    pixels[:40, :40], pixels[40:80, :40] = 0, 255  # both ends of the range
    Image.fromarray(pixels).crop((0, 0, 320, 240)).save(path)
    return path


@pytest.fixture(scope="module")
def twins(picture: Path, tmp_path_factory: pytest.TempPathFactory) -> Twins:
    """Makes the same model with a uint8 and an int8 input."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[Any, tuple[Path, Path]] = {}

    def make(target: str, precision: str, nms: str = "none") -> tuple[Path, Path]:
        if (target, precision, nms) not in made:
            paths = []
            for dtype in ("uint8", "int8"):
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
                    recipe=RECIPES[target] if precision == "int8" else None,
                    input_dtype=dtype,
                )
                paths += run(request).paths
            first, second = paths
            made[target, precision, nms] = first, second
        return made[target, precision, nms]

    return make


@pytest.mark.parametrize(("target", "precision", "nms"), KINDS)
def test_levels_minus_128_give_the_same_outputs(
    target: str, precision: str, nms: str, twins: Twins, picture: Path
) -> None:
    levels, signed = twins(target, precision, nms)
    manifest = read_manifest(signed)
    assert (manifest.input_dtype, manifest.precision) == ("int8", precision)
    with edge_edet.load(levels) as one, edge_edet.load(signed) as other:
        expected, raw = one.raw(picture), other.raw(picture)
        assert raw.input.dtype == np.int8
        np.testing.assert_array_equal(raw.input.astype(np.int16) + 128, expected.input)
        assert (raw.input.min(), raw.input.max()) == (-128, 127)
        for name, values in expected.outputs.items():
            if precision == "int8" and target == "tflite":
                np.testing.assert_array_equal(raw.outputs[name], values)
            else:  # the 128 goes into a constant: one rounding in float32 more or less
                np.testing.assert_allclose(raw.outputs[name], values, rtol=1e-3, atol=1e-3)
        assert [box["label"] for box in other.detect(picture).to_dicts()] == [
            box["label"] for box in one.detect(picture).to_dicts()
        ]


def test_the_stem_of_integers_reads_the_input_itself(twins: Twins) -> None:
    levels, signed = (read_model(path) for path in twins("tflite", "int8"))
    assert "QUANTIZE" in levels.operator_names
    assert "QUANTIZE" not in signed.operator_names
    (image,) = signed.input_tensors
    (before,) = levels.input_tensors
    assert (image.dtype, image.scales) == ("int8", (1.0,))
    assert image.zero_points[0] == before.zero_points[0] - 128
    metadata = read_metadata(signed, 3)  # (v - mean) / std on the tensor's own grid is v - 128
    assert (metadata.mean[0], metadata.std) == (float(before.zero_points[0]), (1.0,))


def test_openvino_reads_the_tflite_with_an_int8_input(twins: Twins, picture: Path) -> None:
    ov = pytest.importorskip("openvino")
    _, signed = twins("tflite", "int8")
    with edge_edet.load(signed) as detector:
        raw = detector.raw(picture)
        logits = raw.real("class_logits")
    compiled = ov.Core().compile_model(str(signed), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert compiled.input(0).element_type == ov.Type.i8
    found = compiled([raw.input])["class_logits"]
    scale = next(t for t in read_model(signed).output_tensors if t.name == "class_logits")
    real = (found.astype(np.float32) - scale.zero_points[0]) * scale.scales[0]
    # it computes the integers of the graph in float, with its own roundings
    assert np.abs(real - logits).mean() < 0.1 * logits.std()


def test_inspect_compares_it_with_its_float_twin(
    twins: Twins, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    integer, exact = twins("tflite", "int8")[1], twins("tflite", "fp32")[1]
    command = ["inspect", str(integer), "--against", str(exact), "--data", str(picture.parent)]
    assert main([*command, "--json"]) in (0, 1)  # the verdict on minmax is not asked for here
    document = json.loads(capsys.readouterr().out)
    errors = {one["name"]: one for one in document["tensors"]}
    assert "backbone/conv_stem" in errors
    assert errors["backbone/conv_stem"]["sqnr_db"] > 20


def test_other_tools_run_it(
    twins: Twins, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(twins("tflite", "int8")[1])
    rows = tmp_path / "rows.jsonl"
    command = ["bench", model, "--samples", "6", "--max-samples", "6", "--warmup", "1"]
    assert main([*command, "-o", str(rows)]) == 0
    assert json.loads(rows.read_text().splitlines()[0])["ran"]["runtime"] == "ai-edge-litert"
    assert main(["detect", "-m", model, str(picture), "--json"]) == 0
    capsys.readouterr()


def test_a_consumer_of_bytes_contradicts_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["convert", "d0", "--int8", "--for", "frigate-cpu", "--input", "int8"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "--for frigate-cpu takes uint8, which --input int8 contradicts" in error
    assert error.count("\n") == 1
