"""Channels in groups: the float network stays the same function, grids get finer, tables stay tables."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.inspect.errors.constants import compare_constants
from edge_edet.converters.inspect.errors.tensor_error import tensor_errors
from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.converters.inspect.tflite.pairs import channels_held, match_tensors
from edge_edet.converters.int8.affine import GATE_LIMIT, Affine
from edge_edet.converters.quantize.ranges import calibrated_tensors
from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.quantize.split import Split, _groups, _sizes, _unit, split
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.demo_picture import draw_smear
from edge_edet.detection.preprocess import letterbox
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.manifest import read_manifest
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph
from edge_edet.pictures.image import read_image
from edge_edet.variants import VARIANTS

TINY = VARIANTS["d0"].replace(image_size=64, num_classes=2)
BLOCK = "backbone/blocks.1.0"
SPLIT = f"{BLOCK}/conv_pw"  # the one that D0's record splits


@pytest.fixture(scope="module")
def network(helpers: Any) -> tuple[Graph, Any]:
    graph = build_network(TINY, helpers.cheap_weights(TINY))
    return graph, helpers.cheap_statistics(graph)


def split_all(graph: Graph, statistics: Any, step: float = 0.0) -> Split:
    grids = dict.fromkeys((n.name for n in graph.nodes), Affine(1.0, 0))
    return split(graph, statistics, grids, step)


@pytest.fixture(scope="module")
def everything(network: Any) -> Split:
    """Whatever can be split is."""
    return split_all(*network)


def test_float_network_stays_the_same_function(
    network: Any, everything: Split, helpers: Any
) -> None:
    """All MBConv blocks but the first, with squeeze-and-excitation, and the heads' 1x1 convolutions."""
    graph, found = network[0], everything
    kinds = [name.split("/")[0] for name in found.groups]
    assert (kinds.count("backbone"), kinds.count("box_net"), kinds.count("class_net")) == (
        15,
        15,
        15,
    )
    assert {len(one.channels) for one in found.groups.values()} == {2, 3}
    pixels = np.random.default_rng(0).integers(0, 256, graph.input_shape, np.uint8)
    plain = helpers.run_model(write_tflite(graph, "fp32"), pixels)
    other = helpers.run_model(write_tflite(found.graph, "fp32"), pixels)
    for name, values in plain.items():  # sums in another order: float32 rounding
        assert np.abs(other[name] - values).max() <= 1e-4 * np.ptp(values), name


def test_given_graph_and_statistics_are_left_as_they_were(network: Any) -> None:
    graph, statistics = network
    weights = {
        n.name: (n.weight, None if n.weight is None else n.weight.copy()) for n in graph.nodes
    }
    names, channels = (
        [n.name for n in graph.nodes],
        statistics[f"{BLOCK}/conv_dw"].channel_high.copy(),
    )
    assert split_all(graph, statistics).groups
    assert [n.name for n in graph.nodes] == names
    for node in graph.nodes:
        kept, copy = weights[node.name]
        assert node.weight is kept
        assert copy is None or (kept == copy).all()
    assert (statistics[f"{BLOCK}/conv_dw"].channel_high == channels).all()


def test_every_channel_is_in_one_group_and_statistics_follow(
    network: Any, everything: Split
) -> None:
    statistics, found = network[1], everything
    for name, one in found.groups.items():
        order = np.concatenate(one.channels)
        assert (np.sort(order) == np.arange(statistics[name].channel_high.size)).all()
        depthwise = one.split_up[-1]
        high = statistics[depthwise].channel_high[order]
        assert (found.statistics[depthwise].channel_high == high).all()
    assert set(calibrated_tensors(found.graph)) <= set(found.statistics)


@pytest.mark.parametrize("step", [0.99, 1.0])
def test_max_step_limits_it_to_coarse_grids(step: float, network: Any) -> None:
    assert bool(split_all(*network, step).groups) == (step < 1)


def test_groups_are_joined_by_a_copy_and_nothing_is_float(bundled: Any) -> None:
    """A QUANTIZE before the concatenation, or a product with a constant, would cost what is gained."""
    graph, statistics, _ = bundled
    recipe = dataclasses.replace(RECIPES["reconstructed"], ranges="minmax")
    built, quantized = quantize(graph, statistics, recipe)
    assert SPLIT in quantized.groups
    joined = built.node(f"{BLOCK}/conv_dw")
    assert joined.op == "concat"
    grids = [quantized.activations[name] for name in (joined.name, *joined.inputs)]
    assert len(set(grids)) == 1
    assert not [n.name for n in built.nodes if n.name.startswith(SPLIT) and "factors" in n.attrs]
    whole = quantize(graph, statistics, RECIPES["minmax"])[1].activations[SPLIT].scale
    steps = [quantized.activations[f"{SPLIT}/group.{i}"].scale for i in range(3)]
    assert steps == sorted(steps)
    assert steps[1] < whole / 3


def test_group_of_the_coarsest_grid_has_the_channels_that_matter_least(helpers: Any) -> None:
    high = np.full(96, 4.0)
    high[[5, 70]] = 90.0, 50.0
    statistics = helpers.statistics_of(np.stack([-high / 9, high]))
    weights = np.linspace(1, 2, 96)
    groups = _groups(statistics, weights)
    coarse = max(groups, key=lambda group: high[group].max())
    assert {5, 70} < set(coarse.tolist())
    rest = np.setdiff1d(coarse, [5, 70])
    assert rest.max() < coarse.size  # the lightest of all

    def cost(parts: Any) -> float:
        return sum(weights[p].sum() * (high[p].max() + GATE_LIMIT) ** 2 for p in parts)

    by_range = np.split(np.argsort(high, kind="stable"), np.cumsum([g.size for g in groups])[:-1])
    assert cost(groups) < cost(by_range)


@pytest.mark.parametrize(
    ("channels", "unit"),
    [(96, 32), (144, 48), (240, 80), (64, 32), (1152, 384), (32, 32), (40, 40)],
)
def test_groups_are_multiples_of_what_kernels_take_at_once(channels: int, unit: int) -> None:
    assert _unit(channels) == unit
    sizes = list(_sizes(channels // unit, unit))
    assert all(sum(one) == channels and all(n % unit == 0 for n in one) for one in sizes)
    assert (channels,) in sizes


def test_what_has_no_depthwise_reader_alone_is_left(network: Any, everything: Split) -> None:
    """The stem has 32 channels; what a mean reads too, or a swish of a depthwise convolution, stays."""
    graph, statistics = network
    names = everything.groups
    assert all(name.endswith("/conv_pw") for name in names)
    reader = next(n for n in graph.nodes if n.name == f"{SPLIT}/swish")
    also = dataclasses.replace(reader, name="also", op="mean", inputs=(f"{SPLIT}/swish",))
    more = dataclasses.replace(graph, nodes=[*graph.nodes, also])
    assert SPLIT in names
    assert SPLIT not in split_all(more, statistics).groups


# --- the file, and what inspection makes of it -------------------------------------------------------


@pytest.fixture(scope="module")
def opened(bundled_models: dict[str, Path]) -> tuple[Rewritable, Rewritable, Any]:
    integer, exact = (Rewritable(read_tflite(bundled_models[key])) for key in ("int8", "fp32"))
    return integer, exact, read_manifest(bundled_models["int8"]).provenance["recipe"]


def test_manifest_says_where_the_channels_are(opened: Any) -> None:
    _, _, recipe = opened
    stated = recipe["channel_groups"][SPLIT]
    assert sorted(itertools.chain(*stated["channels"])) == list(range(96))
    assert stated["split_up"] == [SPLIT, f"{SPLIT}/swish", f"{BLOCK}/conv_dw"]
    assert f"{BLOCK}/se/mul" in stated["reordered"]


def test_split_and_reordered_tensors_are_paired_with_the_channels_they_hold(opened: Any) -> None:
    """A wrong order would leave nothing of the signal: a few dB, or less than none."""
    integer, exact, recipe = opened
    pairs = [p for p in match_tensors(integer, exact, recipe) if p.name.startswith(f"{BLOCK}/")]
    names = {pair.name for pair in pairs}
    for name in (SPLIT, f"{SPLIT}/swish", f"{BLOCK}/conv_dw"):
        assert {f"{name}/group.{i}" for i in range(3)} <= names
    assert {f"{BLOCK}/conv_dw", f"{BLOCK}/se/mul", f"{BLOCK}/conv_pwl"} <= names
    pixels = letterbox(read_image(draw_smear(3)[0]), 512, (0, 0, 0))[0]
    errors = {e.name: e for e in tensor_errors(integer, exact, pairs, [pixels], 1)}
    for name, error in errors.items():
        assert error.behind_db > 10, name
    assert errors[f"{BLOCK}/conv_dw/group.0"].reader == "swish"  # clipped where that closes
    without = [p for p in match_tensors(integer, exact) if p.name == f"{BLOCK}/conv_dw"]
    assert tensor_errors(integer, exact, without, [pixels], 1)[0].behind_db < 3


def test_weights_of_groups_and_of_their_readers_are_compared(opened: Any) -> None:
    integer, exact, recipe = opened
    pairs = match_tensors(integer, exact, recipe)
    found = {e.name: e.weight_db for e in compare_constants(integer, exact, pairs)}
    for name in (f"{SPLIT}/group.0", f"{BLOCK}/conv_dw/group.2", f"{BLOCK}/conv_pwl"):
        assert found[name] > 15, name  # refitted; in another order about 0
    assert found[f"{BLOCK}/se/conv_reduce"] > 30
    assert found[f"{BLOCK}/se/conv_expand"] > 30


@pytest.mark.parametrize(
    "recipe",
    [
        None,
        [],
        {"channel_groups": 3},
        {"channel_groups": {"a": {}}},
        {"channel_groups": {"a": {"channels": [], "split_up": [], "reordered": []}}},
        {"channel_groups": {"a": {"channels": [[0, 0]], "split_up": ["a"], "reordered": []}}},
        {"channel_groups": {"a": {"channels": [[-1, 0]], "split_up": ["a"], "reordered": []}}},
        {"channel_groups": {"a": {"channels": [[1e30]], "split_up": ["a"], "reordered": []}}},
        {"channel_groups": {"a": {"channels": "xy", "split_up": 1, "reordered": 2}}},
    ],
)
def test_manifest_that_was_edited_pairs_nothing(recipe: Any) -> None:
    assert channels_held(recipe) == {}
