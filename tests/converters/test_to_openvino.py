"""OpenVINO IR in the real CPU plugin against our `.tflite` of the same graph."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights
from edge_edet.converters.int8.affine import QuantizedWeight
from edge_edet.converters.int8.channels import ChannelQuantizer
from edge_edet.converters.quantize.channelwise import (
    CHANNELWISE_RECIPES,
    ChannelwiseRecipe,
    quantize_channelwise,
)
from edge_edet.converters.write.openvino.lower import (
    IrFiles,
    OpenVinoLowering,
    serialize,
    write_openvino,
)
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.detection.preprocess import letterbox
from edge_edet.errors import InputError
from edge_edet.formats.openvino_ir import BIN_SHA256_KEY, read_ir
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph
from edge_edet.pictures.image import read_image
from edge_edet.variants import VARIANTS

ov = pytest.importorskip("openvino")

# In spreads (standard deviations) of the output; both sides compute in float32 and add up in another
# order. Measured 2e-5 and less.
TOLERANCE = 2e-4
# The .tflite rounds biases to float16 too, for XNNPACK's sake, the IR does not. Measured 4.4e-3 and less.
TOLERANCE_FP16 = 1e-2
SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


def small_graph(name: str, size: int, padding: str = "ignore") -> Graph:
    variant = VARIANTS[name].replace(image_size=size, num_classes=3, pool_padding=padding)
    return build_network(variant, random_weights(variant, 0))


def noise(graph: Graph) -> Any:
    return np.random.default_rng(0).integers(0, 256, graph.input_shape).astype(np.uint8)


def compiled(files: IrFiles, folder: Path) -> Any:
    (folder / "m.xml").write_bytes(files.xml)
    (folder / "m.bin").write_bytes(files.bin)
    return ov.Core().compile_model(folder / "m.xml", "CPU", SETTINGS)


def run(model: Any, pixels: Any) -> dict[str, Any]:
    return {port.get_any_name(): np.array(values) for port, values in model(pixels).items()}


def worst_error(found: Mapping[str, Any], expected: Mapping[str, Any]) -> float:
    """In spreads of the expected output."""
    assert found.keys() == expected.keys() == {"box_codes", "class_logits"}
    for name, values in expected.items():
        assert (found[name].shape, found[name].dtype) == (values.shape, np.float32)
    return max(float(abs(found[n] - v).max() / v.std()) for n, v in expected.items())


@pytest.mark.parametrize(
    ("name", "size", "padding", "precision"),
    [
        ("d0", 128, "ignore", "fp32"),
        ("d0", 128, "ignore", "fp16"),
        ("d0", 160, "zero", "fp32"),  # odd pyramid levels: 20, 10, 5, 3, 2
        ("lite0", 96, "ignore", "fp32"),
        ("lite0", 96, "ignore", "fp16"),
        ("d6", 64, "ignore", "fp32"),  # sums without weights
    ],
)
def test_gives_what_the_tflite_gives(
    helpers: Any, tmp_path: Path, name: str, size: int, padding: str, precision: str
) -> None:
    graph = small_graph(name, size, padding)
    pixels = noise(graph)
    expected = helpers.run_model(write_tflite(graph, precision), pixels)
    error = worst_error(run(compiled(write_openvino(graph, precision), tmp_path), pixels), expected)
    print(f"{name} {size} {padding} {precision}: {error:.1e} of the spread")
    assert error <= (TOLERANCE_FP16 if precision == "fp16" else TOLERANCE)


def test_trained_weights_on_a_picture(
    helpers: Any, shared: Path, bundled: Any, tmp_path: Path
) -> None:
    graph = bundled[0]
    photo = read_image(shared / "data/bccd/JPEGImages/BloodImage_00007.jpg")
    pixels = letterbox(photo, 512, (0, 0, 0))[0]
    expected = helpers.run_model(write_tflite(graph, "fp32"), pixels)
    found = run(compiled(write_openvino(graph, "fp32"), tmp_path), pixels)
    assert worst_error(found, expected) <= TOLERANCE


def test_fp16_halves_the_weights() -> None:
    graph = small_graph("lite0", 64)
    sizes = [len(write_openvino(graph, precision).bin) for precision in ("fp32", "fp16")]
    assert sizes[1] < 0.55 * sizes[0]


def test_weights_beyond_float16_are_refused() -> None:
    graph = small_graph("lite0", 64)
    weight = graph.node("backbone/conv_stem").weight
    assert weight is not None
    weight[0] = 1e6
    with pytest.raises(InputError) as caught:
        write_openvino(graph, "fp16")
    assert str(caught.value) == (
        "the weights of backbone/conv_stem (batch norm folded in) are beyond float16's largest "
        "number, 65504: convert with --fp32"
    )


def test_metadata_travels_with_the_hash_of_the_weights(tmp_path: Path) -> None:
    """As nested rt_info, whatever is in the text, and read back without OpenVINO."""
    text = json.dumps({"labels": ["<a> & \"b\" 'c'", "\u00e9\n"]})
    files = write_openvino(
        small_graph("lite0", 64), "fp32", None, {"own": text, "model_info/x": "y"}
    )
    compiled(files, tmp_path)
    model = read_ir(tmp_path / "m.xml")
    assert model.metadata["own"].decode() == text
    assert model.metadata["model_info/x"] == b"y"
    assert model.metadata[BIN_SHA256_KEY].decode() == hashlib.sha256(files.bin).hexdigest()


# --- int8 ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["d0", "lite0"])
def quantized(request: Any, helpers: Any) -> Any:
    graph = small_graph(request.param, 128)
    recipe = next(iter(CHANNELWISE_RECIPES.values()))
    return graph, quantize_channelwise(graph, helpers.cheap_statistics(graph), recipe)


def test_int8_has_the_same_bytes_each_time(quantized: Any) -> None:
    graph, channels = quantized
    assert write_openvino(graph, "int8", channels) == write_openvino(graph, "int8", channels)


def test_float_convolutions_are_those_that_ran_in_float(quantized: Any, tmp_path: Path) -> None:
    """The executed graph agrees with what the manifest lists."""
    graph, channels = quantized
    model = compiled(write_openvino(graph, "int8", channels), tmp_path).get_runtime_model()
    convolutions = {node.name for node in graph.nodes if node.weight is not None}
    before = {node.name: node.inputs[0] for node in graph.nodes if node.op == "scale"}
    ran = {}
    for layer in model.get_ordered_ops():
        info = layer.get_rt_info()
        if info["layerType"].astype(str) in ("Convolution", "GroupConvolution"):
            origins = info["originalLayersNames"].astype(str).split(",")
            found = {origin.removesuffix("/convolution") for origin in origins} & convolutions
            # one that took in the constant product behind it has lost its name
            found = found or {before[origin] for origin in origins if origin in before}
            (name,) = found
            ran[name] = info["primitiveType"].astype(str)
    assert len(ran) == sum(node.weight is not None for node in graph.nodes)
    floats = {name for name, kernel in ran.items() if not kernel.endswith("I8")}
    if "amx_int8" in Path("/proc/cpuinfo").read_text():
        # OpenVINO 2026.4.1 runs depthwise convolutions in float where the processor has AMX
        assert set(channels.floats) <= floats
        floats -= {node.name for node in graph.nodes if node.op == "depthwise"}
        assert floats == set(channels.floats) - {
            node.name for node in graph.nodes if node.op == "depthwise"
        }
        return
    assert floats == set(channels.floats)


@pytest.mark.parametrize(
    ("depthwise", "reasons"),
    [
        ("none", {"squeeze-and-excitation": 32}),
        ("backbone", {"squeeze-and-excitation": 32, "depthwise": 12}),
        ("all", {"squeeze-and-excitation": 32, "depthwise": 80}),
    ],
)
def test_what_stays_in_float(bundled: Any, depthwise: str, reasons: dict[str, int]) -> None:
    graph, statistics, _ = bundled
    recipe = ChannelwiseRecipe("any", float_depthwise=depthwise)
    floats = list(quantize_channelwise(graph, statistics, recipe).floats.values())
    assert {reason: floats.count(reason) for reason in floats} == reasons


def test_a_budget_keeps_places_in_float(bundled: Any) -> None:
    graph, statistics, _ = bundled
    recipe = ChannelwiseRecipe("any", float_scope=("class_net/",))
    floats = quantize_channelwise(graph, statistics, recipe).floats
    inside = {
        n.name for n in graph.nodes if n.weight is not None and n.name.startswith("class_net/")
    }
    assert {name for name, reason in floats.items() if reason == "budget"} == inside


def test_padding_is_an_exact_zero(bundled: Any) -> None:
    """Where a convolution pads, all channels share an integer zero point."""
    graph, statistics, _ = bundled
    recipe = ChannelwiseRecipe("any", float_depthwise="none")
    channels = quantize_channelwise(graph, statistics, recipe)
    padded = {n.inputs[0] for n in graph.nodes if n.weight_shape and n.weight_shape[1] > 1}
    for name, quantizer in channels.quantizers.items():
        if name in padded:
            assert quantizer.shared
            assert len(set(quantizer.zero_point.tolist())) == 1
            assert float(quantizer.zero_point[0]).is_integer()


def test_one_convolution_by_hand(bundled: Any) -> None:
    """What a 1x1 convolution computes of the steps is what it did of the values, up to rounding."""
    graph, statistics, _ = bundled
    channels = quantize_channelwise(graph, statistics, ChannelwiseRecipe("any"))
    node = graph.node("backbone/blocks.2.1/conv_pw")
    quantizer, weights = channels.quantizers[node.inputs[0]], channels.weights[node.name]
    assert isinstance(quantizer, ChannelQuantizer)
    assert isinstance(weights, QuantizedWeight)
    assert node.weight is not None
    assert node.bias is not None
    random = np.random.default_rng(0)
    x = random.uniform(quantizer.low, quantizer.high, (500, quantizer.step.size))
    steps = np.clip(np.rint((x - quantizer.low) / quantizer.step), 0, 255)
    found = steps @ weights.dequantize()[:, 0, 0].T.astype(np.float64) + channels.biases[node.name]
    expected = x @ node.weight[:, 0, 0].T.astype(np.float64) + node.bias
    error = np.sqrt(np.square(found - expected).mean())
    assert error < 0.015 * expected.std()


def test_int8_loses_little(helpers: Any, smears: Path, bundled: Any, tmp_path: Path) -> None:
    """The bundled D0 on a drawn smear: the loudest logits move by a fraction of their spread."""
    graph, statistics, _ = bundled
    pixels = letterbox(read_image(smears / "smear0.png"), 512, (0, 0, 0))[0]
    recipe = next(iter(CHANNELWISE_RECIPES.values()))
    files = write_openvino(graph, "int8", quantize_channelwise(graph, statistics, recipe))
    found = run(compiled(files, tmp_path), pixels)["class_logits"][0]
    expected = helpers.run_model(write_tflite(graph, "fp32"), pixels)["class_logits"][0]
    best = np.argsort(-expected.max(axis=1))[:300]
    error = np.sqrt(np.square(found[best] - expected[best]).mean())
    print(f"rms error {error:.3f}, spread {expected[best].std():.3f}")
    assert error < 0.1 * expected[best].std()


def test_extra_outputs_are_the_tensors_inside(tmp_path: Path) -> None:
    graph = small_graph("lite0", 64)
    name = "backbone/conv_stem"
    model = OpenVinoLowering(graph, "fp32", extra_outputs=[name]).lower()
    found = run(compiled(serialize(model, {}), tmp_path), noise(graph))
    height, width, channels = graph.node(name).shape[1:]
    assert found[name].shape == (1, channels, height, width)
