"""Layer-wise reconstruction: planted faults that it must undo, and the network as a whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.calibrate.calibration import find_pictures
from edge_edet.converters.calibrate.find import find_calibration
from edge_edet.converters.calibrate.reconstruct import (
    MOST_INPUTS,
    _groups,
    _patches,
    _rows,
    _weight_order,
    fit,
    reconstruct,
)
from edge_edet.converters.calibrate.tensor_runs import FloatTensorRunner, picture_input
from edge_edet.converters.int8.affine import Affine, Quantized, quantize_weight
from edge_edet.converters.quantize.corrections import Correction, corrected
from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.weights.find import find_weights
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.errors import InputError
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph, Node
from edge_edet.variants import VARIANTS

TINY = VARIANTS["d0"].replace(image_size=64, num_classes=2)
GRID = Affine.from_range(-4.0, 4.0)


def layer(op: str, inputs: int, outputs: int, seed: int = 0) -> Node:
    """A 1x1 convolution, or a 3x3 depthwise one, of random weights."""
    random = np.random.default_rng(seed)
    shape = (1, 3, 3, outputs) if op == "depthwise" else (outputs, 1, 1, inputs)
    weight = random.normal(0, 1, shape).astype(np.float32)
    bias = random.normal(0, 1, outputs).astype(np.float32)
    return Node(op, "x", ("in",), (1, 8, 8, outputs), shape, weight, bias, {"stride": 1})


def output(node: Node, weight: Any, bias: Any, x: Any) -> Any:
    if node.op == "depthwise":
        return np.einsum("nkc,kc->nc", x, weight.reshape(-1, weight.shape[3])) + bias
    return x.reshape(len(x), -1) @ weight.reshape(len(weight), -1).T + bias


def after(node: Node, weight: Any, correction: Correction, x: Any) -> Any:
    """What the corrected layer gives."""
    graph = Graph(TINY, "in", [node], {})
    found = corrected(graph, Quantized({"in": GRID}, {"x": weight}), {"x": correction})
    return output(node, found.weights["x"].dequantize(), found.biases["x"], x)


# op, inputs; the last has too many inputs for its weights to be refitted
LAYERS = {
    "conv": ("conv", 24),
    "depthwise": ("depthwise", 1),
    "wide conv": ("conv", MOST_INPUTS + 8),
}


def planted(name: str, samples: int = 2000) -> tuple[Node, Any, Any]:
    op, inputs = LAYERS[name]
    node = layer(op, inputs, 16)
    shape = (samples, 9, 16) if op == "depthwise" else (samples, 1, inputs)
    x = np.random.default_rng(1).normal(0.5, 1, shape).astype(np.float32)
    return node, x, output(node, node.weight, node.bias, x)


@pytest.mark.parametrize("name", LAYERS)
def test_a_planted_gain_and_offset_are_undone(name: str) -> None:
    node, x, y = planted(name)
    weight = quantize_weight(node.weight, node.op)
    faulty = 0.8 * x + 0.3  # what a clipped layer before would leave
    correction = fit(node, weight, GRID, faulty, y)
    wrong = y - output(node, weight.dequantize(), node.bias, faulty)
    left = y - after(node, weight, correction, faulty)
    assert np.sqrt(np.mean(left**2)) < (0.1 if name == "wide conv" else 0.2) * np.sqrt(
        np.mean(wrong**2)
    )
    np.testing.assert_allclose(left.mean(axis=0), 0, atol=0.01 * y.std())
    assert bool(correction.steps.size) == (name != "wide conv")


def test_a_lost_channel_is_made_up_for_by_those_that_know_it() -> None:
    node, x, _ = planted("conv")
    x[:, :, 1] = x[:, :, 0] + 0.1 * x[:, :, 1]  # two channels that say much the same
    y = output(node, node.weight, node.bias, x)
    weight = quantize_weight(node.weight, node.op)
    clipped = x.copy()
    clipped[:, :, 0] = np.minimum(x[:, :, 0], 0)
    left = y - after(node, weight, fit(node, weight, GRID, clipped, y), clipped)
    wrong = y - output(node, weight.dequantize(), node.bias, clipped)
    assert np.mean(left**2) < 0.15 * np.mean(wrong**2)


def test_few_samples_change_the_bias_alone() -> None:
    node, x, y = planted("conv", samples=16)
    correction = fit(node, quantize_weight(node.weight, node.op), GRID, 0.5 * x, y)
    assert correction.steps.size == 0
    np.testing.assert_array_equal(correction.gain, 1)
    assert np.abs(correction.shift).max() > 0.1


def test_a_channel_without_weights_keeps_its_scale() -> None:
    node, x, y = planted("conv")
    node.weight[3] = 0
    y = output(node, node.weight, node.bias, x)
    correction = fit(node, quantize_weight(node.weight, node.op), GRID, x, y)
    assert np.isfinite(correction.gain).all()
    assert correction.gain[3] == 1
    assert abs(float(correction.shift[3])) < 0.01


@pytest.mark.parametrize("op", ["conv", "depthwise"])
def test_steps_are_in_the_order_of_the_weights(op: str) -> None:
    node = layer(op, 5, 16)
    assert node.weight is not None
    np.testing.assert_array_equal(
        _weight_order(_rows(node.weight, op), node).astype(np.float32), node.weight.reshape(-1)
    )


# --- inside a network ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(helpers: Any) -> Graph:
    return build_network(TINY, helpers.cheap_weights(TINY))


@pytest.mark.parametrize(
    "name",
    [
        "backbone/blocks.1.0/conv_dw",  # 3x3, stride 2
        "backbone/blocks.2.0/conv_dw",  # 5x5, stride 2
        "backbone/blocks.2.1/conv_dw",  # 5x5
        "backbone/blocks.1.1/conv_pwl",
    ],
)
def test_patches_are_what_the_kernel_reads(name: str, tiny: Graph, smears: Path) -> None:
    node = tiny.node(name)
    assert node.weight is not None
    source = node.inputs[0]
    pixels = picture_input(find_pictures(smears, 1, 0)[0], TINY)
    found = dict(FloatTensorRunner(tiny, [source, name], 1)(pixels))
    places = np.arange(node.shape[1] * node.shape[2])
    x = _patches(found[source][0], node, places, 0)
    y = output(node, node.weight, node.bias, x)
    wanted = found[name].reshape(y.shape)
    np.testing.assert_allclose(y, wanted, atol=1e-4 * np.ptp(wanted))


def test_no_layer_of_a_group_sees_another(tiny: Graph) -> None:
    names = {node.name for node in tiny.nodes if node.weight is not None}
    groups = _groups(tiny, names)
    assert {node.name for group in groups for node in group} == names
    number = {node.name: index for index, group in enumerate(groups) for node in group}
    seen: dict[str, set[str]] = {tiny.input_name: set()}
    for node in tiny.nodes:
        before = set().union(*(seen[name] for name in node.inputs))
        if node.name in number:
            assert all(number[other] < number[node.name] for other in before), node.name
            before.add(node.name)
        seen[node.name] = before


@pytest.fixture(scope="module")
def small() -> tuple[Graph, Graph, Quantized]:
    """The bundled D0 at 128 pixels, and its integers with grids that clip too much."""
    source = find_weights("d0", "bundled", 0, None, None)
    record = find_calibration(
        source, build_network(source.variant, source.weights), None, None, 0, 1
    ).record
    graph = build_network(source.variant.replace(image_size=128), source.weights)
    return graph, *quantize(graph, record.statistics, RECIPES["equalized"])


def test_outputs_come_nearer_and_twice_is_the_same(
    small: tuple[Graph, Graph, Quantized], smears: Path, helpers: Any
) -> None:
    graph, built, integers = small
    *pictures, other = find_pictures(smears, None, 0)
    done, redone = (reconstruct(built, integers, pictures, 1) for _ in range(2))
    found, again = done.corrections, redone.corrections
    for name, one in found.items():
        two = again[name]
        for a, b in ((one.gain, two.gain), (one.shift, two.shift), (one.steps, two.steps)):
            np.testing.assert_array_equal(a, b)
    pixels = picture_input(other, graph.variant)
    wanted = helpers.run_model(write_tflite(graph, "fp32"), pixels)["class_logits"]
    errors = []
    applied = corrected(built, integers, found)
    for name, weight in applied.weights.items():  # what it gives is what its corrections give
        np.testing.assert_array_equal(weight.values, done.quantized.weights[name].values)
        np.testing.assert_array_equal(weight.scale, done.quantized.weights[name].scale)
    for name, bias in applied.biases.items():
        np.testing.assert_array_equal(bias, done.quantized.biases[name])
    for quantized in (integers, applied):
        got = helpers.run_model(write_tflite(built, "int8", quantized), pixels)["class_logits"]
        errors.append(np.mean(np.square(np.maximum(got, -6) - np.maximum(wanted, -6))))
    assert errors[1] < 0.8 * errors[0], errors


# --- corrections of another network ----------------------------------------------------------------


def correction(channels: int, weights: int) -> Correction:
    ones = np.ones(channels, np.float16)
    return Correction(ones, ones, np.zeros(weights, np.int8))


MISFITS = {
    "an unknown layer": ("y", correction(16, 0), "corrects y, which this network has not"),
    "too few channels": ("x", correction(15, 0), "corrects 15 channels and 0 weights of x"),
    "too many weights": (
        "x",
        correction(16, 25 * 16),
        "the network has 16 and 384: calibrate again",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_corrections_of_another_network_are_refused(name: str) -> None:
    where, wrong, text = MISFITS[name]
    node = layer("conv", 24, 16)
    quantized = Quantized({}, {"x": quantize_weight(node.weight, node.op)})
    with pytest.raises(InputError, match=text):
        corrected(Graph(TINY, "in", [node], {}), quantized, {where: wrong})


def test_a_fused_activation_is_left_alone(helpers: Any, smears: Path) -> None:
    variant = VARIANTS["lite0"].replace(image_size=64, num_classes=2)
    graph = build_network(variant, helpers.cheap_weights(variant))
    built, quantized = quantize(graph, helpers.cheap_statistics(graph), RECIPES["equalized"])
    found = reconstruct(built, quantized, find_pictures(smears, 1, 0), 1).corrections
    fused = {n.name for n in graph.nodes if n.weight is not None and n.activation == "relu6"}
    assert fused
    assert not fused & set(found)
    assert dataclasses.replace(quantized) == quantized
