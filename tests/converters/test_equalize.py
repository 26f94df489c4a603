"""Channel equalization: the float network stays the same function, the constants stay exact."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.int8.affine import FACTOR_STEPS, GATE_LIMIT, Affine
from edge_edet.converters.quantize.equalize import Equalized, equalize
from edge_edet.converters.quantize.ranges import choose_grids
from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.demo_picture import draw_smear
from edge_edet.detection.preprocess import letterbox
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph, Node
from edge_edet.pictures.image import read_image
from edge_edet.variants import VARIANTS

TINY = VARIANTS["d0"].replace(image_size=64, num_classes=2)


def equalized_above(
    max_step: float, graph: Graph, statistics: Any, lower: float = 0.5, scope: str = ""
) -> Equalized:
    # Plain ranges: which steps are coarse is all that is asked of them, and they need no search.
    grids = choose_grids(graph, statistics, "minmax")
    return equalize(graph, statistics, grids, max_step, lower, scope)


@pytest.fixture(scope="module")
def pixels() -> Any:
    return letterbox(read_image(draw_smear(3)[0]), 512, (0, 0, 0))[0]


@pytest.mark.parametrize(("max_step", "lower"), [(0.2, 0.3), (0.0, 0.5)], ids=["ours", "all"])
def test_float_network_stays_the_same_function(
    max_step: float, lower: float, bundled: Any, pixels: Any, helpers: Any
) -> None:
    graph, statistics, _ = bundled
    equalized = equalized_above(max_step, graph, statistics, lower)
    assert len(equalized.swishes) >= (30 if max_step == 0 else 3)
    plain = helpers.run_model(write_tflite(graph, "fp32"), pixels)
    other = helpers.run_model(write_tflite(equalized.graph, "fp32"), pixels)
    for name, values in plain.items():
        assert np.abs(other[name] - values).max() <= 1e-4 * np.ptp(values), name


def test_given_graph_is_left_as_it_was(bundled: Any) -> None:
    graph, statistics, _ = bundled
    before = {node.name: (node.weight, node.bias, dict(node.attrs)) for node in graph.nodes}
    copies = {name: None if w is None else w.copy() for name, (w, _, _) in before.items()}
    assert equalized_above(0.2, graph, statistics).swishes
    for node in graph.nodes:
        weight, bias, attrs = before[node.name]
        assert node.weight is weight
        assert node.bias is bias
        assert node.attrs.keys() == attrs.keys()
        if weight is not None:
            assert (weight == copies[node.name]).all()


def test_factors_are_int8_constants_with_the_largest_at_one(bundled: Any) -> None:
    graph, statistics, _ = bundled
    equalized = equalized_above(0.0, graph, statistics)
    for name in equalized.swishes:
        factors = equalized.graph.node(name).attrs["factors"]
        steps = factors.astype(np.float64) * FACTOR_STEPS
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
        assert steps.min() > 0.5
        assert round(steps.max()) == FACTOR_STEPS
        integers = np.rint(factors * FACTOR_STEPS).astype(np.int8)  # as the file stores them
        np.testing.assert_allclose(integers / FACTOR_STEPS, factors, rtol=1e-6)


def test_rescaled_channels_reach_equally_far(bundled: Any) -> None:
    """What it is for: after it no channel is left with a few steps of the tensor's grid."""
    graph, statistics, _ = bundled
    equalized = equalized_above(0.2, graph, statistics)
    for name in equalized.swishes:
        source = graph.node(name).inputs[0]
        factors = equalized.graph.node(name).attrs["factors"].astype(np.float64)
        stats = statistics[source]
        needed = np.maximum(stats.channel_high, np.minimum(GATE_LIMIT, -stats.channel_low) / 0.5)
        high = equalized.ranges[source][1]
        assert (needed / factors <= high * 1.001).all()
        strong = needed > 2 * high / FACTOR_STEPS
        assert (needed / factors)[strong].min() > high / 2


def spread(values: list[float], helpers: Any) -> Any:
    high = np.asarray(values)
    return helpers.statistics_of(np.stack([-high / 100, high]))


def tiny(helpers: Any) -> tuple[Graph, Any]:
    graph = build_network(TINY, helpers.cheap_weights(TINY))
    return graph, helpers.cheap_statistics(graph)


@pytest.mark.parametrize("scope", ["backbone", "backbone/blocks.3", "fpn", "class_net", "none"])
def test_scope_limits_where(scope: str, helpers: Any) -> None:
    graph, statistics = tiny(helpers)
    everywhere = equalized_above(0.0, graph, statistics).swishes
    found = equalized_above(0.0, graph, statistics, scope=scope).swishes
    assert found == tuple(name for name in everywhere if name.startswith(scope))
    assert bool(found) == (scope not in ("fpn", "none"))  # in the fpn a swish follows an add


def test_max_step_limits_it_to_coarse_grids(helpers: Any) -> None:
    graph, statistics = tiny(helpers)
    source = "backbone/conv_stem"
    channels = statistics[source].channel_low.size
    statistics[source] = spread([16.0] * (channels // 2) + [1.0] * (channels // 2), helpers)
    step = choose_grids(graph, statistics, "minmax")[source].scale
    for max_step, rescaled in ((step * 0.99, True), (step, False)):
        found = equalized_above(max_step, graph, statistics, scope=source).swishes
        assert found == ((f"{source}/swish",) if rescaled else ())


def test_gate_needs_the_channel_down_to_its_limit(helpers: Any) -> None:
    """A channel that is never high but reaches -6 opens and closes gates: it must be resolved too."""
    graph, statistics = tiny(helpers)
    source = "backbone/conv_stem"
    channels = statistics[source].channel_low.size
    low = np.full(channels, -0.1)
    low[3] = -50.0
    high = np.full(channels, 0.1)
    high[0] = 100.0
    statistics[source] = helpers.statistics_of(np.stack([low, high]))
    factors = (
        equalized_above(0.0, graph, statistics, scope=source)
        .graph.node(f"{source}/swish")
        .attrs["factors"]
    )
    assert factors[3] == pytest.approx(GATE_LIMIT / 0.5 / 100, abs=1 / FACTOR_STEPS)
    assert factors[1] == pytest.approx(1 / FACTOR_STEPS)  # the smallest there is
    assert factors[0] == 1


# --- who reads the swish -------------------------------------------------------------------------


def chain(*readers: Node) -> tuple[Graph, dict[str, Any]]:
    """image -> normalize -> conv a -> swish -> readers."""
    variant = TINY.replace(image_size=8)
    shape = (1, 8, 8, 4)
    weight = np.ones((4, 1, 1, 3), np.float32)
    nodes = [
        Node("normalize", "normalized", ("image",), (1, 8, 8, 3), attrs={"mean": variant.mean}),
        Node(
            "conv",
            "a",
            ("normalized",),
            shape,
            weight.shape,
            weight,
            np.zeros(4, np.float32),
            {"stride": 1},
        ),
        Node("swish", "a/swish", ("a",), shape),
        *(dataclasses.replace(node, shape=shape) for node in readers),
    ]
    return Graph(variant, "image", nodes, {}), {}


def conv(name: str, source: str) -> Node:
    weight = np.ones((4, 1, 1, 4), np.float32)
    return Node(
        "conv", name, (source,), (), weight.shape, weight, np.zeros(4, np.float32), {"stride": 1}
    )


def depthwise(name: str, source: str) -> Node:
    weight = np.ones((1, 3, 3, 4), np.float32)
    return Node(
        "depthwise",
        name,
        (source,),
        (),
        weight.shape,
        weight,
        np.zeros(4, np.float32),
        {"stride": 1},
    )


S = "a/swish"
ABSORBED = {
    "a convolution": [conv("b", S)],
    "a depthwise convolution": [depthwise("b", S)],
    "two convolutions": [conv("b", S), depthwise("c", S)],
    "squeeze and excitation": [
        Node("mean", "m", (S,), ()),
        conv("gate", "m"),
        Node("sigmoid", "g", ("gate",), ()),
        Node("mul", "x", (S, "g"), ()),
        conv("b", "x"),
    ],
}
PREVENTED = {
    "nobody": [],
    "an add": [Node("add", "b", (S, S), ())],
    "an add beside a convolution": [conv("b", S), Node("add", "c", (S, "b"), ())],
    "a concatenation": [Node("concat", "b", (S,), ())],
    "a max pool": [Node("maxpool", "b", (S,), ()), conv("c", "b")],
    "a resize": [Node("resize", "b", (S,), ()), conv("c", "b")],
    "a sigmoid": [Node("sigmoid", "b", (S,), ())],
    "the gate's side of a product": [conv("b", S), Node("mul", "c", ("b", S), ())],
    "an add behind a mean": [Node("mean", "m", (S,), ()), Node("add", "b", ("m", "m"), ())],
    "another reader of the convolution": [conv("b", S), Node("add", "c", ("a", "a"), ())],
}


@pytest.mark.parametrize("name", [*ABSORBED, *PREVENTED])
def test_only_readers_that_can_undo_it_allow_it(name: str, helpers: Any) -> None:
    graph, _ = chain(*{**ABSORBED, **PREVENTED}[name])
    uneven = spread([100.0, 1.0, 1.0, 1.0], helpers)
    statistics = {node.name: uneven for node in graph.nodes}
    equalized = equalized_above(0.0, graph, statistics)
    assert bool(equalized.swishes) == (name in ABSORBED)
    assert bool(equalized.ranges) == (name in ABSORBED)


def test_squeeze_and_excitation_keeps_the_function_and_shares_the_range(helpers: Any) -> None:
    graph, _ = chain(*ABSORBED["squeeze and excitation"])
    uneven = spread([100.0, 1.0, 1.0, 1.0], helpers)
    coarse = {node.name: Affine(1.0, 0) for node in graph.nodes}
    equalized = equalize(graph, {node.name: uneven for node in graph.nodes}, coarse, 0.0, 0.5)
    assert set(equalized.ranges) == {"a", "a/swish", "m", "x"}
    factors = equalized.graph.node("a/swish").attrs["factors"]
    for reader in ("b", "gate"):
        np.testing.assert_allclose(
            equalized.graph.node(reader).weight, np.ones((4, 1, 1, 4)) * factors
        )
    low, high = equalized.ranges["a"]
    assert (low, high) == pytest.approx((-50, 100), rel=0.01)


def test_lite_has_nothing_to_equalize(helpers: Any) -> None:
    variant = VARIANTS["lite0"].replace(image_size=64)
    graph = build_network(variant, helpers.cheap_weights(variant))
    assert equalize(graph, {}, {}, 0.0, 0.5).swishes == ()


# --- in integers ---------------------------------------------------------------------------------


def test_scale_loses_nothing_in_int8(helpers: Any) -> None:
    """A fusion weight is a product with 127 whose output grid takes all of it."""
    graph, statistics = tiny(helpers)
    graph, quantized = quantize(graph, statistics, RECIPES["minmax"])
    scales = [node for node in graph.nodes if node.op == "scale"]
    assert len(scales) == 3 * (5 * 2 + 3 * 3)  # of a cell's eight nodes three have three inputs
    names = {node.inputs[0] for node in scales} | {node.name for node in scales}
    data = write_tflite(graph, "int8", quantized, extra_outputs=sorted(names))
    pixels = np.random.default_rng(0).integers(0, 256, graph.input_shape, np.uint8)
    out = helpers.run_model(data, pixels)
    for node in scales:
        grids = [quantized.activations[name] for name in (node.inputs[0], node.name)]
        before, after = (
            np.rint(out[name] / grid.scale)
            for name, grid in zip((node.inputs[0], node.name), grids, strict=True)
        )
        assert np.ptp(before) > 0
        np.testing.assert_array_equal(before, after)


def test_equalized_integers_are_nearer_to_the_float_network(
    bundled: Any, pixels: Any, helpers: Any
) -> None:
    """The point of it all, on the bundled D0 and a drawn picture."""
    graph, statistics, _ = bundled
    exact = helpers.run_model(write_tflite(graph, "fp32"), pixels)["class_logits"]
    seen = exact > -4
    errors = {}
    for name in ("equalized", "mse", "minmax"):
        integer_graph, quantized = quantize(graph, statistics, RECIPES[name])
        out = helpers.run_model(write_tflite(integer_graph, "int8", quantized), pixels)
        errors[name] = float(np.sqrt(np.mean((out["class_logits"] - exact)[seen] ** 2)))
    assert errors["equalized"] < 0.9 * errors["mse"] < 0.9 * errors["minmax"], errors
