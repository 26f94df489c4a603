"""`--recipe per-tensor`: one scale for all of a weight, channels balanced so that it does."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.cli import main
from edge_edet.converters.calibrate.reconstruct import fit
from edge_edet.converters.int8.affine import FACTOR_STEPS, Affine, Quantized, quantize_weight
from edge_edet.converters.quantize.balance import balance
from edge_edet.converters.quantize.corrections import Correction, corrected
from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.demo_picture import draw_smear
from edge_edet.detection.preprocess import letterbox
from edge_edet.devices.targets import check_model, find_target
from edge_edet.errors import InputError
from edge_edet.formats import read_model
from edge_edet.formats.tflite import read_tflite
from edge_edet.network.graph import Graph, Node
from edge_edet.pictures.image import read_image
from edge_edet.variants import VARIANTS

GRID = Affine.from_range(-4.0, 4.0)


@pytest.fixture(scope="module")
def pixels() -> Any:
    return letterbox(read_image(draw_smear(3)[0]), 512, (0, 0, 0))[0]


def test_the_float_network_stays_the_same_function(bundled: Any, pixels: Any, helpers: Any) -> None:
    graph, statistics, _ = bundled
    balanced = balance(graph, statistics, 0.3)
    assert len(balanced.swishes) == 32  # the stem's, one of its block, two of each of 15 others
    for name in balanced.swishes:
        steps = balanced.graph.node(name).attrs["factors"].astype(np.float64) * FACTOR_STEPS
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
        assert round(steps.max()) == FACTOR_STEPS
    plain = helpers.run_model(write_tflite(graph, "fp32"), pixels)
    other = helpers.run_model(write_tflite(balanced.graph, "fp32"), pixels)
    for name, values in plain.items():
        assert np.abs(other[name] - values).max() <= 1e-4 * np.ptp(values), name


def test_balancing_is_what_makes_one_scale_do(bundled: Any, pixels: Any, helpers: Any) -> None:
    graph, statistics, _ = bundled
    exact = helpers.run_model(write_tflite(graph, "fp32"), pixels)["class_logits"]

    def error(built: Graph, quantized: Quantized) -> float:
        data = write_tflite(built, "int8", quantized, output_dtype="float32")
        found = helpers.run_model(data, pixels)["class_logits"]
        kept = exact > -4  # where the float model sees something
        return float(np.square(found[kept] - exact[kept]).mean())

    built, quantized = quantize(graph, statistics, RECIPES["per-tensor"])
    assert all(weight.per_tensor for weight in quantized.weights.values())
    plain, channels = quantize(graph, statistics, RECIPES["equalized"])
    weights = {
        node.name: quantize_weight(node.weight, node.op, per_tensor=True)
        for node in plain.nodes
        if node.weight is not None
    }
    naive = dataclasses.replace(channels, weights=weights)
    assert error(built, quantized) < 0.25 * error(plain, naive)


@pytest.mark.parametrize("inputs", [8, 80], ids=["refitted", "gains alone"])
def test_a_correction_keeps_one_scale_and_finds_a_channel_that_is_off(inputs: int) -> None:
    random = np.random.default_rng(1)
    weight = random.normal(0, 1, (4, 1, 1, inputs)).astype(np.float32)
    bias = random.normal(0, 1, 4).astype(np.float32)
    node = Node("conv", "x", ("in",), (1, 8, 8, 4), weight.shape, weight, bias, {"stride": 1})
    quantized = quantize_weight(weight, "conv", per_tensor=True)
    x = random.normal(0, 1, (2000, 1, inputs)).astype(np.float32)
    gains = np.asarray([1.0, 1.3, 0.8, 1.1], np.float32)
    wanted = (x.reshape(len(x), -1) @ weight.reshape(4, -1).T) * gains + bias + 0.5
    correction = fit(node, quantized, GRID, x, wanted)
    graph = Graph(VARIANTS["d0"], "in", [node], {})
    found = corrected(graph, Quantized({"in": GRID}, {"x": quantized}), {"x": correction})
    after = found.weights["x"]
    assert after.per_tensor
    assert len(set(after.scale.tolist())) == 1
    real = x.reshape(len(x), -1) @ after.dequantize().reshape(4, -1).T + found.biases["x"]
    # rounding: half a step of the common scale in each of the inputs, ridge and float16 on top
    assert np.abs(real - wanted).mean() < 0.02 * np.abs(wanted).mean() + after.scale[0]
    np.testing.assert_allclose(real.mean(axis=0), wanted.mean(axis=0), atol=2e-3)


def test_the_file_has_one_scale_in_every_tensor_and_runs(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for seed in range(2):
        Image.fromarray(draw_smear(seed)[0]).save(pictures / f"{seed}.png")
    made = edge_edet.convert(
        "d0",
        "int8",
        target="litert-npu-mediatek",
        calibration=pictures,
        image_size=128,
        parity_report=False,
        output=tmp_path,
    )
    (path,) = made.paths
    model = read_tflite(path)
    assert all(len(tensor.scales) <= 1 for tensor in model.tensors)
    assert model.non_integer_operators == ()
    assert check_model(read_model(path), find_target("litert-npu-mediatek")).verdict == "runs"
    with edge_edet.load(path) as detector:
        assert detector.manifest is not None
        recipe = detector.manifest.provenance["recipe"]
        assert (recipe["name"], recipe["per_tensor"]) == ("per-tensor", True)
        assert detector.raw(draw_smear(0)[0]).outputs["class_logits"].std() > 1


def test_gains_of_channels_are_refused_where_they_share_a_scale() -> None:
    weight = np.ones((2, 1, 1, 3), np.float32)
    node = Node("conv", "x", ("in",), (1, 8, 8, 2), weight.shape, weight, np.zeros(2, np.float32))
    quantized = Quantized({"in": GRID}, {"x": quantize_weight(weight, "conv", per_tensor=True)})
    correction = Correction(
        np.asarray([1, 1.5], np.float16), np.zeros(2, np.float16), np.zeros(0, np.int8)
    )
    with pytest.raises(InputError, match="its weights have one scale: give pictures"):
        corrected(Graph(VARIANTS["d0"], "in", [node], {}), quantized, {"x": correction})


def test_a_budget_chooses_among_other_recipes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "d0", "--int8", "--for", "litert-npu-mediatek", "--max-drop", "0.5"]
    assert main([*command, "--data", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert (
        "which --recipe per-tensor of --for litert-npu-mediatek contradicts"
        in capsys.readouterr().err
    )


def test_a_record_without_pictures_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "d0", "--int8", "--to", "tflite", "--recipe", "per-tensor"]
    assert main([*command, "-o", str(tmp_path)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "recipe 'per-tensor' corrects layers on pictures" in line
    assert "--calibration DIR" in line
    assert list(tmp_path.iterdir()) == []
