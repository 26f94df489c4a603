"""The float graphs against what was published about them, and the graph's own arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.errors import CheckpointError, InputError
from edge_edet.network.architecture import count_parameters, parameter_shapes
from edge_edet.network.build import build_network
from edge_edet.network.graph import OPS, Node, node_multiply_adds
from edge_edet.variants import VARIANTS, Variant

TINY = VARIANTS["d0"].replace(image_size=64, num_classes=2)

# millions of parameters as the effdet README has them; billions of multiply-adds as arXiv
# 1911.09070v7 Table 2 (google/automl's README says 130 for d5, we count 134.1)
PUBLISHED = {
    "d0": (3.88, 2.5),
    "d1": (6.63, 6.1),
    "d2": (8.10, 11),
    "d3": (12.0, 25),
    "d4": (20.7, 55),
    "d5": (33.7, 135),
    "d6": (51.9, 226),
    "d7": (51.9, 325),
    "d7x": (77.1, 410),
}
EXACT = {"d0": 3_880_067, "lite0": 3_243_470}


@pytest.mark.parametrize(("name", "parameters"), EXACT.items())
def test_parameter_counts_are_the_published_ones(name: str, parameters: int) -> None:
    assert count_parameters(VARIANTS[name]) == parameters


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_multiply_adds_are_near_the_published_ones(name: str) -> None:
    millions, billions = PUBLISHED[name]
    assert count_parameters(VARIANTS[name]) / 1e6 == pytest.approx(millions, rel=0.01)
    adds = build_network(VARIANTS[name]).multiply_adds() / 1e9
    assert adds == pytest.approx(billions, rel=0.03)


@pytest.mark.parametrize("name", VARIANTS)
def test_graph_is_in_execution_order_with_one_name_each(name: str) -> None:
    graph = build_network(VARIANTS[name])
    known = {graph.input_name}
    for node in graph.nodes:
        assert node.op in OPS
        assert set(node.inputs) <= known, node.name
        assert node.name not in known
        known.add(node.name)
    read = {name for node in graph.nodes for name in node.inputs} | set(graph.outputs.values())
    assert read == known  # nothing is computed for nobody


@pytest.mark.parametrize("name", ["d0", "d6", "d7x", "lite3x"])
def test_every_weight_of_the_checkpoint_is_used(name: str, helpers: Any) -> None:
    class Watched(dict[str, Any]):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.used: set[str] = set()

        def __getitem__(self, key: str) -> Any:
            self.used.add(key)
            return super().__getitem__(key)

        def get(self, key: str, default: Any = None) -> Any:
            self.used |= {key} & self.keys()
            return super().get(key, default)

    variant = VARIANTS[name].replace(image_size=128)
    weights = Watched(helpers.cheap_weights(variant))
    build_network(variant, weights)
    assert weights.used == set(parameter_shapes(variant))


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"image_size": 64}, [(8, 8), (4, 4), (2, 2), (1, 1), (1, 1)]),
        ({"image_size": 96}, [(12, 12), (6, 6), (3, 3), (2, 2), (1, 1)]),
        ({"image_size": 160}, [(20, 20), (10, 10), (5, 5), (3, 3), (2, 2)]),
        ({"image_size": (224, 320)}, [(28, 40), (14, 20), (7, 10), (4, 5), (2, 3)]),
        ({"image_size": 512, "max_level": 8}, [(side, side) for side in (64, 32, 16, 8, 4, 2)]),
    ],
    ids=lambda value: str(value.get("image_size")) if isinstance(value, dict) else None,
)
def test_output_rows_follow_the_image_size(changes: Any, sizes: list[tuple[int, int]]) -> None:
    variant = TINY.replace(**changes)
    graph = build_network(variant)
    rows = 9 * sum(height * width for height, width in sizes)
    assert variant.feature_sizes == tuple(sizes)
    assert graph.node("box_codes").shape == (1, rows, 4)
    assert graph.node("class_logits").shape == (1, rows, 2)


def test_unknown_tensor_is_an_error() -> None:
    with pytest.raises(InputError, match="the network has no tensor 'P9'"):
        build_network(TINY).node("P9")


@pytest.mark.parametrize(
    ("op", "shape", "weight_shape", "expected"),
    [
        ("conv", (1, 4, 5, 8), (8, 3, 3, 2), 4 * 5 * 8 * 3 * 3 * 2),
        ("depthwise", (1, 4, 5, 8), (1, 3, 3, 8), 4 * 5 * 8 * 3 * 3),
        ("add", (1, 4, 5, 8), None, 0),
    ],
)
def test_multiply_adds(op: str, shape: Any, weight_shape: Any, expected: int) -> None:
    assert node_multiply_adds(Node(op, "x", (), shape, weight_shape)) == expected


# --- fusion weights ------------------------------------------------------------------------------


def factors(variant: Variant, helpers: Any, edge_weights: list[float]) -> list[float | None]:
    """What the first cell's last node (P7, two inputs) multiplies its inputs with; None: left out."""
    weights = helpers.cheap_weights(variant)
    name = "fpn.cell.0.fnode.7.combine.edge_weights"
    weights[name] = np.asarray(edge_weights, np.float32)
    graph = build_network(variant, weights)
    nodes = {node.name: node for node in graph.nodes}
    place = "fpn/cell.0/fnode.7/in."
    found: list[float | None] = []
    for offset in (4, 11):
        scale = nodes.get(f"{place}{offset}/scale")
        found.append(scale and scale.attrs["factor"])
    return found


def sum_to(values: list[float], epsilon: float = 0.0) -> list[float]:
    return [value / (sum(values) + epsilon) for value in values]


FUSIONS = [
    ("fast", [1.0, 3.0], sum_to([1.0, 3.0], 1e-4)),
    ("fast", [1.0, -2.0], [1 / 1.0001, None]),  # relu: the second input has no part in it
    ("fast", [0.0, 2.0], [None, 2 / 2.0001]),
    ("fast", [1e-3, 1e-3], sum_to([1e-3, 1e-3], 1e-4)),
    ("softmax", [0.0, 0.0], [0.5, 0.5]),
    ("softmax", [-1.0, 2.0], sum_to([math.exp(-1), math.exp(2)])),
    ("softmax", [800.0, 799.0], sum_to([math.e, 1.0])),  # exp(800) would be infinite
]


@pytest.mark.parametrize(("fusion", "given", "expected"), FUSIONS)
def test_fusion_weights_become_constants(
    fusion: str, given: list[float], expected: list[float | None], helpers: Any
) -> None:
    found = factors(TINY.replace(fusion=fusion), helpers, given)
    assert [value is None for value in found] == [value is None for value in expected]
    for value, wanted in zip(found, expected, strict=True):
        if wanted is not None:
            assert value == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("given", [[0.0, 0.0], [-1.0, -0.5]])
def test_node_without_inputs_is_refused(given: list[float], helpers: Any) -> None:
    with pytest.raises(CheckpointError, match=r"fnode\.7.*all zero or negative"):
        factors(TINY, helpers, given)


def test_sum_fusion_has_no_products() -> None:
    graph = build_network(TINY.replace(fusion="sum"))
    assert not any(node.op == "scale" for node in graph.nodes)
    assert not any("edge_weights" in name for name in parameter_shapes(graph.variant))


@pytest.mark.parametrize("fusion", ["fast", "softmax", "sum"])
@pytest.mark.parametrize("kept", [2, 1])
def test_fused_node_is_the_formula(fusion: str, kept: int, helpers: Any) -> None:
    """The tensor after the fusion, from the tensors before it, by the paper's section 3.3."""
    variant = TINY.replace(fusion=fusion)
    weights = helpers.cheap_weights(variant)
    raw = np.asarray([0.75, 0.25 if kept == 2 else -1.0])
    weights["fpn.cell.0.fnode.7.combine.edge_weights"] = raw.astype(np.float32)
    graph = build_network(variant, weights)
    place = "fpn/cell.0/fnode.7"
    sources = ["fpn/p7", "fpn/cell.0/fnode.6/conv_pw"]
    swished = f"{place}/swish"
    data = write_tflite(graph, "fp32", extra_outputs=[*sources, swished])
    pixels = np.random.default_rng(0).integers(0, 256, graph.input_shape, np.uint8)
    out = helpers.run_model(data, pixels)
    up, below = out[sources[0]], out[sources[1]]
    # P6 is 1x1 at 64 pixels, as P7 is: the pool between them has nothing to choose from
    assert up.shape == below.shape
    if fusion == "softmax":
        share = np.exp(raw) / np.exp(raw).sum()
    elif fusion == "fast":
        share = np.maximum(raw, 0) / (np.maximum(raw, 0).sum() + 1e-4)
    else:
        share = np.ones(2)
    total = share[0] * up + share[1] * below
    np.testing.assert_allclose(out[swished], total / (1 + np.exp(-total)), rtol=1e-4, atol=1e-5)
