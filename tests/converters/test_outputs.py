"""`--outputs`: the type of an INT8 model's outputs, at the border of the same network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edge_edet
from edge_edet.cli import main
from edge_edet.demo_picture import draw_smear
from edge_edet.formats.tflite import read_tflite

SMEAR = draw_smear(3)[0]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for dtype in (None, "uint8", "float32"):
        edge_edet.convert(
            "d0", "int8", formats="tflite", weights="bundled", output=folder, output_dtype=dtype
        )
    return folder


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_values_and_detections_are_those_of_int8(models: Path, dtype: str) -> None:
    path = models / f"d0-int8-{dtype}-outputs.tflite"
    assert [tensor.dtype for tensor in read_tflite(path).output_tensors] == [dtype, dtype]
    with edge_edet.load(models / "d0-int8.tflite") as detector:
        expected, raw = detector.detect(SMEAR), detector.raw(SMEAR)
    with edge_edet.load(path) as detector:
        found, changed = detector.detect(SMEAR), detector.raw(SMEAR)
    for name in ("box_codes", "class_logits"):
        assert changed.outputs[name].dtype == dtype
        # one multiplication in float32, in another place
        np.testing.assert_allclose(changed.real(name), raw.real(name), rtol=1e-6)
    assert len(expected.scores) > 10
    assert found.classes.tolist() == expected.classes.tolist()
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--int8", "--nms", "in-graph", "--to", "tflite"], "does not go with --nms in-graph"),
        (["--fp32", "--to", "tflite"], "does not go with a float precision"),
        (["--int8"], "does not go with other formats: say --to tflite"),
    ],
)
def test_what_has_floats_there_anyway_refuses_integers(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "d0", "--weights", "bundled", "--outputs", "uint8", "-o", str(tmp_path)]
    assert main([*command, *options]) == 2
    line = capsys.readouterr().err
    assert f"--outputs uint8 {message}" in line
    assert line.count("\n") == 1
