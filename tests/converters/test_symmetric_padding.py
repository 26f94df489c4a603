"""PyTorch's padding in every format: effdet's own efficientdet_*, which the tensors tell.

The bundled D0 pads as TensorFlow does, one row and column more after the picture. Turned by half, kernels
and all, it is a network that pads as PyTorch does and that gives the same of a turned picture: so its right
outputs are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.converters import pipeline
from edge_edet.converters.calibrate.reconstruct import _patches
from edge_edet.converters.calibrate.tensor_runs import picture_input
from edge_edet.converters.checkpoints import read_checkpoint, write_safetensors
from edge_edet.converters.checkpoints.families.effdet_models import PYTORCH_EPSILON, REDUNDANT
from edge_edet.converters.inspect.inspection import inspect_against
from edge_edet.converters.int8.affine import Affine, Quantized, quantize_weight
from edge_edet.converters.weights.source import asset
from edge_edet.converters.write.tflite.lower import TfliteLowering
from edge_edet.demo_picture import draw_smear
from edge_edet.formats.read import read_model
from edge_edet.manifest import manifest_of
from edge_edet.network.architecture import BATCH_NORM_EPSILON
from edge_edet.network.graph import Graph, Node, borders
from edge_edet.variants import VARIANTS, Variant

SIZE = 128
TOLERANCE = 1e-4  # of the spread of the output; measured 3e-5 and less
Arrays = Mapping[str, Any]


def turned_state(weights: Arrays) -> dict[str, Any]:
    """effdet's state dict of the turned network: no biases before batch norms, PyTorch's epsilon."""
    state = {name: array.astype(np.float64) for name, array in weights.items()}
    for name, array in weights.items():
        if array.ndim == 4:
            state[name] = array[:, :, ::-1, ::-1]
        elif REDUNDANT.search(name):
            bias = state.pop(name)
            stem, _, last = name.removesuffix(".bias").rpartition(".")
            norms = [f"{stem}.bn"]
            if ".conv_rep." in name:
                net, _, repeat = stem.split(".")
                norms = [f"{net}.bn_rep.{repeat}.{level}.bn" for level in range(5)]
            assert last in ("conv", "conv_pw")
            for norm in norms:
                state[f"{norm}.running_mean"] = state[f"{norm}.running_mean"] - bias
        elif name.startswith("backbone.") and name.endswith(".running_var"):
            scale = name.removesuffix("running_var") + "weight"
            ratio = (state[name] + PYTORCH_EPSILON) / (state[name] + BATCH_NORM_EPSILON)
            state[scale] = state[scale] * np.sqrt(ratio)
    for leaf in ("weight", "bias"):  # the codes of a box's centre change sign
        rows = state[f"box_net.predict.conv_pw.{leaf}"].reshape(9, 4, -1).copy()
        rows[:, :2] *= -1
        state[f"box_net.predict.conv_pw.{leaf}"] = rows.reshape(
            weights[f"box_net.predict.conv_pw.{leaf}"].shape
        )
    return state


def turned_outputs(outputs: Arrays, variant: Variant) -> dict[str, Any]:
    """What the turned network gives of the turned picture, of what the other gave."""
    codes = outputs["box_codes"].copy()
    codes[..., :2] *= -1
    ends = np.cumsum([9 * h * w for h, w in variant.feature_sizes])[:-1]
    found = {}
    for name, values in (("box_codes", codes), ("class_logits", outputs["class_logits"])):
        parts = [
            part.reshape(1, *size, 9, -1)[:, ::-1, ::-1].reshape(part.shape)
            for part, size in zip(
                np.split(values, ends, axis=1), variant.feature_sizes, strict=True
            )
        ]
        found[name] = np.concatenate(parts, axis=1)
    return found


def run(path: Path, pixels: Any, helpers: Any) -> Arrays:
    if path.suffix == ".tflite":
        outputs: Arrays = helpers.run_model(path, pixels)
        return outputs
    if path.suffix == ".onnx":
        ort = pytest.importorskip("onnxruntime")
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, {"image": pixels}), strict=True))
    ov = pytest.importorskip("openvino")
    model = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return {port.get_any_name(): np.array(values) for port, values in model(pixels).items()}


def error(found: Arrays, expected: Arrays) -> float:
    """The largest one, in spreads of the expected output."""
    return max(float(abs(found[n] - v).max() / v.std()) for n, v in expected.items())


def decibels(found: Any, expected: Any) -> float:
    return float(10 * np.log10(expected.var() / np.square(found - expected).mean()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both networks in every format and precision: "plain/d0-128-int8.tflite" -> file, and pictures."""
    folder = tmp_path_factory.mktemp("turned")
    checkpoint = read_checkpoint(asset("d0-bccd.safetensors"), VARIANTS["d0"])
    state = turned_state(checkpoint.weights)
    assert len(checkpoint.weights) - len(state) == 36  # as effdet's own listing of efficientdet_d0
    own = folder / "efficientdet_d0.safetensors"
    write_safetensors(own, state, {"pad_rgb": "[0, 0, 0]"}, np.float32)
    found = {}
    for name, weights, step in (("plain", "bundled", 1), ("turned", str(own), -1)):
        pictures = folder / name / "pictures"
        pictures.mkdir(parents=True)
        for seed in range(2):
            smear = Image.fromarray(draw_smear(seed)[0]).resize((SIZE, SIZE))
            pixels = np.asarray(smear)[::step, ::step]
            Image.fromarray(pixels).save(pictures / f"{seed}.png")
        request = pipeline.Request(
            ["d0"],
            ["fp32", "int8"],
            folder / name,
            weights,
            pictures,
            image_size=SIZE,
            parity_report=False,
            formats=("tflite", "openvino", "onnx"),
        )
        for path in pipeline.run(request).paths:
            found[f"{name} {path.name.removeprefix('d0-128-')}"] = path
        found[f"{name} picture"] = pictures / "0.png"
    return found


@pytest.mark.parametrize("format", ["tflite", "xml", "onnx"])
def test_the_turned_network_sees_the_turned_picture(
    format: str, made: dict[str, Path], helpers: Any
) -> None:
    variant = VARIANTS["d0"].replace(image_size=SIZE)
    plain, turned = (picture_input(made[f"{n} picture"], variant) for n in ("plain", "turned"))
    np.testing.assert_array_equal(plain[:, ::-1, ::-1], turned)
    before = run(made[f"plain fp32.{format}"], plain, helpers)
    expected = turned_outputs(before, variant)
    found = error(run(made[f"turned fp32.{format}"], turned, helpers), expected)
    print(f"{format}: {found:.1e} of the spread_evenly")
    assert found <= TOLERANCE


@pytest.mark.parametrize("format", ["tflite", "xml"])
def test_int8_is_as_near_to_float_as_with_the_other_padding(
    format: str, made: dict[str, Path], helpers: Any
) -> None:
    variant = VARIANTS["d0"].replace(image_size=SIZE)
    signal = {}
    for name in ("plain", "turned"):
        pixels = picture_input(made[f"{name} picture"], variant)
        exact, integer = (
            run(made[f"{name} {precision}.{format}"], pixels, helpers)
            for precision in ("fp32", "int8")
        )
        signal[name] = [decibels(integer[output], exact[output]) for output in sorted(exact)]
    print(format, signal)
    assert np.subtract(signal["turned"], signal["plain"]).min() > -2


def test_every_operator_of_the_int8_file_is_an_integer_one(made: dict[str, Path]) -> None:
    model = read_model(made["turned int8.tflite"])
    assert model.non_integer_operators == ()
    assert "PAD" in model.operator_names
    assert "PAD" not in read_model(made["plain int8.tflite"]).operator_names


@pytest.mark.parametrize("format", ["tflite", "xml"])
def test_inspect_finds_no_fault(format: str, made: dict[str, Path]) -> None:
    """The padded picture is the picture still, whose mean the stem's bias takes over."""
    pixels = picture_input(made["turned picture"], VARIANTS["d0"].replace(image_size=SIZE))
    paths = [made[f"turned {precision}.{format}"] for precision in ("int8", "fp32")]
    assert inspect_against(*paths, [pixels], threads=1).nothing_stands_out


def test_the_manifest_says_how_it_pads(made: dict[str, Path]) -> None:
    for name, padding in (("plain", "same"), ("turned", "symmetric")):
        for format in ("tflite", "xml", "onnx"):
            manifest = manifest_of(read_model(made[f"{name} fp32.{format}"]))
            assert manifest is not None
            assert manifest.variant.conv_padding == padding
            assert manifest.variant.pool_padding == {"same": "ignore"}.get(padding, padding)


def convolved(node: Node, image: Any) -> Any:
    """torch.nn.Conv2d, or MaxPool2d, with padding (kernel - 1) // 2, and a floor as they have it."""
    kernel = 3 if node.weight is None else node.weight.shape[1]
    pad = (kernel - 1) // 2
    filling = 0 if node.weight is not None else -np.inf
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), constant_values=filling)
    height, width = ((size + 2 * pad - kernel) // 2 + 1 for size in image.shape[:2])
    rows = []
    for i in range(height):
        for j in range(width):
            window = padded[2 * i : 2 * i + kernel, 2 * j : 2 * j + kernel]
            rows.append(
                window.max(axis=(0, 1))
                if node.weight is None
                else (window * node.weight[0]).sum(axis=(0, 1))
            )
    return np.asarray(rows).reshape(height, width, -1)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("kernel", [None, 3, 5], ids=["pool", "3x3", "5x5"])
@pytest.mark.parametrize("size", [(8, 8), (7, 7), (8, 7), (5, 6), (1, 2)], ids=str)
def test_one_operator_reads_what_pytorch_reads(
    size: tuple[int, int], kernel: int | None, precision: str, helpers: Any
) -> None:
    """Values below zero: a border that counted would win."""
    rng = np.random.default_rng(3)
    shape = (1, *size, 4)
    out = (1, *(-(-length // 2) for length in size), 4)
    weight = None
    if kernel:
        weight = rng.normal(0, 1, (1, kernel, kernel, 4)).astype(np.float32)
    weight_shape = None if weight is None else weight.shape
    bias = None if weight is None else np.zeros(4, np.float32)
    attrs = {"padding": "symmetric"} | ({"stride": 2} if kernel else {})
    node = Node(
        "depthwise" if kernel else "maxpool", "y", ("x",), out, weight_shape, weight, bias, attrs
    )
    before = Node("relu", "x", ("image",), shape)  # whose place is taken by the input
    graph = Graph(VARIANTS["d0"], "image", [before, node], {})
    quantized = None
    x_grid, y_grid = Affine(0.1, 127), Affine(0.25, 0) if kernel else Affine(0.1, 127)
    if precision == "int8":
        weights = {"y": quantize_weight(weight, "depthwise")} if weight is not None else {}
        quantized = Quantized({"x": x_grid, "y": y_grid}, weights)
    integers = rng.integers(-128, 100, shape).astype(np.int8)
    real = x_grid.dequantize(integers)
    lowering = TfliteLowering(graph, precision, quantized)
    lowering.activation("x", shape)
    inputs = {"x": lowering.index["x"]}
    getattr(lowering, f"op_{node.op}")(node)
    lowering.writer.interface(inputs, {"y": lowering.index["y"]})
    found = helpers.run_model(lowering.writer.to_bytes(), integers if quantized else real)["y"]
    expected = convolved(node, real[0])
    assert found.shape == out
    tolerance = 1e-4
    if quantized and kernel:  # the rounding of the weights and of the output
        assert weight is not None
        tolerance = 0.5 * 0.25 + abs(weight).max() / 254 * abs(real).max() * kernel**2
        expected = np.clip(expected, y_grid.low, y_grid.high)
    np.testing.assert_allclose(found[0], expected, atol=tolerance)


def test_pads_are_written_only_where_they_differ() -> None:
    """Odd sizes are padded alike on both sides by TensorFlow too."""
    node = Node("maxpool", "y", ("x",), (1, 3, 3, 1), attrs={"padding": "symmetric"})
    assert borders(node, (1, 5, 5, 1)) == [(1, 1), (1, 1)]
    assert borders(node, (1, 6, 6, 1)) == [(1, 0), (1, 0)]
    node.attrs["padding"] = "ignore"
    assert borders(node, (1, 6, 6, 1)) == [(0, 1), (0, 1)]


@pytest.mark.parametrize("kernel", [3, 5])
def test_reconstruction_looks_at_what_the_kernel_reads(kernel: int) -> None:
    rng = np.random.default_rng(5)
    weight = rng.normal(0, 1, (1, kernel, kernel, 4)).astype(np.float32)
    attrs = {"padding": "symmetric", "stride": 2}
    node = Node("depthwise", "y", ("x",), (1, 4, 4, 4), weight.shape, weight, attrs=attrs)
    image = rng.normal(0, 1, (8, 8, 4)).astype(np.float32)
    patches = _patches(image, node, np.arange(16), 0)
    found = (patches * weight.reshape(1, -1, 4)).sum(axis=1).reshape(4, 4, 4)
    np.testing.assert_allclose(found, convolved(node, image), atol=1e-5)
