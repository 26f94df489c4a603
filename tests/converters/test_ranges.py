"""How int8 grids are chosen from histograms, for tensors as nasty as networks have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_edet.converters.int8.affine import FLOAT16_MAX, SIGMOID, Affine, quantize_weight
from edge_edet.converters.quantize.histograms import BINS, CENTERS, Statistics, merged
from edge_edet.converters.quantize.ranges import _grid, calibrated_tensors, choose_grids
from edge_edet.converters.quantize.recipes import RECIPES, get_recipe, quantize
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.errors import InputError
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph, Node
from edge_edet.variants import VARIANTS

TINY = VARIANTS["d0"].replace(image_size=64, num_classes=2)
TINY_LITE = VARIANTS["lite0"].replace(image_size=64, num_classes=2)
RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(0, 1, (4096, 1))


def swish(x: Any) -> Any:
    return x / (1 + np.exp(-x))


# --- one grid ------------------------------------------------------------------------------------

TENSORS = {
    "ordinary": NORMAL,
    "constant positive": np.full((100, 1), 3.25),
    "constant negative": np.full((100, 1), -0.5),
    "all zero": np.zeros((100, 1)),
    "all negative": -1 - np.abs(NORMAL),
    "all positive": 5 + np.abs(NORMAL),
    "relu6": np.clip(4 * NORMAL, 0, 6),
    "one outlier": np.concatenate([NORMAL, [[500.0]]]),
    "tiny": 1e-6 * NORMAL,
    "huge": 1e6 * NORMAL,
    "one value": np.asarray([[2.0]]),
}


@pytest.mark.parametrize("method", ["mse", "minmax"])
@pytest.mark.parametrize("reader", ["", "swish", "sigmoid"])
@pytest.mark.parametrize("name", TENSORS)
def test_grid_is_sound(name: str, reader: str, method: str, helpers: Any) -> None:
    """A zero that is exact, a usable scale, and steps where the values are."""
    values = TENSORS[name].astype(np.float32)
    grid = _grid(helpers.statistics_of(values), reader, method)
    assert np.isfinite(grid.scale)
    assert grid.scale > 0
    assert -128 <= grid.zero_point <= 127
    assert grid.low <= 0 <= grid.high
    assert grid.dequantize(grid.quantize(np.zeros(1, np.float32)))[0] == 0
    if reader == "" and name not in ("one outlier", "huge"):
        # relative to the reach: half a step, and what mse clips, and 1.6 % of a bin
        error = np.abs(grid.dequantize(grid.quantize(values)) - values)
        assert np.median(error) <= 0.01 * max(np.abs(values).max(), 1e-4)


def test_minmax_covers_exactly_what_was_seen(helpers: Any) -> None:
    grid = _grid(helpers.statistics_of(np.asarray([[-3.0], [2.0]])), "", "minmax")
    assert (grid.low, grid.high) == pytest.approx((-3, 2), abs=5 / 255)


def error_after(function: Any, grid: Affine, values: Any) -> float:
    through = function(grid.dequantize(grid.quantize(values)).astype(np.float64))
    return float(np.mean((through - function(values.astype(np.float64))) ** 2))


HEAVY = RANDOM.standard_t(2, (20_000, 1)) * 2 - 3  # reaches -200 as tensors before a swish do


@pytest.mark.parametrize(
    ("reader", "function"),
    [("swish", swish), ("sigmoid", lambda x: 1 / (1 + np.exp(-x))), ("", lambda x: x)],
    ids=["swish", "sigmoid", "none"],
)
def test_mse_beats_minmax_on_a_heavy_tail(reader: str, function: Any, helpers: Any) -> None:
    values = np.clip(HEAVY, -200, 60).astype(np.float32)
    stats = helpers.statistics_of(values)
    chosen, plain = (_grid(stats, reader, method) for method in ("mse", "minmax"))
    gain = error_after(function, plain, values) / error_after(function, chosen, values)
    # without an activation the whole range is the best there is, but for the mean's extra weight
    assert gain > {"swish": 3, "sigmoid": 10, "": 0.98}[reader]


def test_grid_before_a_swish_does_not_spend_steps_where_swish_is_zero(helpers: Any) -> None:
    values = np.concatenate([np.linspace(-200, -20, 500), 3 * NORMAL[:, 0]])[:, None]
    grid = _grid(helpers.statistics_of(values), "swish", "mse")
    assert grid.low > -12
    assert grid.high > 6
    assert _grid(helpers.statistics_of(values), "", "mse").low < -100


def test_outlier_does_not_take_all_steps(helpers: Any) -> None:
    stats = helpers.statistics_of(TENSORS["one outlier"])
    stats.counts[:] = stats.counts * 1000 * (np.abs(CENTERS) < 100) + stats.counts
    # Large values count up to 32 times, so that one in four million keeps most of its range, not all.
    assert _grid(stats, "", "mse").scale < _grid(stats, "", "minmax").scale * 0.9


# --- histograms ----------------------------------------------------------------------------------


def test_bins_are_narrow_at_every_magnitude(helpers: Any) -> None:
    for magnitude in (1e-3, 0.1, 1.0, 77.0, 60000.0):
        for sign in (1, -1):
            (used,) = np.flatnonzero(helpers.histogram([sign * magnitude]))
            assert CENTERS[used] == pytest.approx(sign * magnitude, rel=0.016)
    assert len(CENTERS) == BINS
    assert np.isfinite(CENTERS).all()


def test_statistics_add_up_over_pictures() -> None:
    stats = Statistics.empty(2)
    stats.add(np.asarray([[[[1, -1], [3, 5]]]], np.float32))
    stats.add(np.asarray([[[[-7, 0], [2, 1]]]], np.float32))
    assert (stats.low, stats.high, stats.pictures) == (-7, 5, 2)
    np.testing.assert_allclose(stats.channel_low, [(1 - 7) / 2, (-1 + 0) / 2])
    np.testing.assert_allclose(stats.channel_high, [(3 + 2) / 2, (5 + 1) / 2])
    assert stats.counts.sum() == 8


@pytest.mark.parametrize("channels", [1, 2, 16, 64, 3, 48])
def test_large_tensor_is_sampled_in_every_channel(channels: int) -> None:
    """A step that shares a factor with the channels would see the same few for ever."""
    values = np.tile(np.arange(1, channels + 1, dtype=np.float32), (1, 400, 1000, 1))
    stats = Statistics.empty(channels)
    stats.add(values)
    assert 0 < stats.counts.sum() <= 1 << 16
    assert len(np.flatnonzero(stats.counts)) == len(np.unique(values.astype(np.float16)))
    assert (stats.low, stats.high) == (1, channels)


def test_values_beyond_float16_keep_their_extremes() -> None:
    stats = Statistics.empty(1)
    stats.add(np.asarray([[[[1e6], [-1e6]]]], np.float32))
    assert (stats.low, stats.high) == (-1e6, 1e6)
    assert stats.counts.sum() == 2
    assert np.abs(CENTERS[np.flatnonzero(stats.counts)]).max() <= FLOAT16_MAX


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_tensor_that_is_not_finite_is_refused(value: float) -> None:
    """A grid made of it would be a model that detects nothing."""
    with pytest.raises(InputError, match="not finite"):
        Statistics.empty(1).add(np.asarray([[[[1.0], [value]]]], np.float32))


def test_merged_counts_are_the_sum(helpers: Any) -> None:
    one = helpers.statistics_of([[-1.0, 2.0]])
    two = helpers.statistics_of([[0.5, 9.0], [-3.0, 1.0]])
    both = merged([one, two])
    assert (both.low, both.high) == (-3, 9)
    assert (both.counts == one.counts + two.counts).all()
    assert both.channel_low.tolist() == [-3.0, 1.0]
    assert both.channel_high.tolist() == [0.5, 9.0]


# --- all grids of a network ----------------------------------------------------------------------


@pytest.mark.parametrize("variant", [TINY, TINY_LITE], ids=lambda v: v.name)
def test_every_tensor_gets_a_grid(variant: Any, helpers: Any) -> None:
    graph = build_network(variant)
    grids = choose_grids(graph, helpers.cheap_statistics(graph))
    assert set(grids) == {node.name for node in graph.nodes} - {"normalized"}
    for node in graph.nodes:
        if node.op in ("maxpool", "resize"):
            assert grids[node.name] == grids[node.inputs[0]]
        if node.op == "sigmoid":
            assert grids[node.name] == SIGMOID
        if node.op == "scale":
            source = grids[node.inputs[0]]
            scaled = Affine(source.scale * node.attrs["factor"], source.zero_point)
            assert grids[node.name] == scaled


def test_levels_of_an_output_share_a_grid_over_all_of_them(helpers: Any) -> None:
    graph = build_network(TINY)
    statistics = helpers.cheap_statistics(graph)
    last = "box_net/p7/predict/conv_pw"
    statistics[last] = helpers.statistics_of(np.repeat([[-50.0], [40.0]], 36, axis=1))
    grids = choose_grids(graph, statistics, "minmax")
    boxes = grids["box_codes"]
    assert (boxes.low, boxes.high) == pytest.approx((-50, 40), abs=90 / 255)
    members = [name for name in grids if name.startswith("box_net/") and "predict/conv_pw" in name]
    assert len(members) == 5
    assert all(grids[name] == boxes for name in members)


def test_missing_statistics_name_the_tensors(helpers: Any) -> None:
    graph = build_network(TINY)
    statistics = helpers.cheap_statistics(graph)
    names = calibrated_tensors(graph)
    for name in names[:4]:
        del statistics[name]
    with pytest.raises(InputError, match=r"4 tensors .*backbone/conv_stem, .*calibrate again"):
        choose_grids(graph, statistics)


def test_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(InputError, match="'best': known are reconstructed, equalized, mse, minmax"):
        get_recipe("best")


# --- integers ------------------------------------------------------------------------------------

RANGES = [(0, 0), (-1, 1), (0, 6), (-6, 0), (2, 5), (-5, -2), (-1e-9, 1e-9), (-0.001, 100)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_affine_covers_the_range_and_has_an_exact_zero(low: float, high: float) -> None:
    grid = Affine.from_range(low, high)
    assert -128 <= grid.zero_point <= 127
    assert grid.low <= min(low, 0) + grid.scale / 2
    assert grid.high >= max(high, 0) - grid.scale / 2
    assert np.float32(grid.scale) == grid.scale  # as the file will have it


@pytest.mark.parametrize("op", ["conv", "depthwise"])
def test_weights_round_to_half_a_step_of_their_channel(op: str) -> None:
    shape = (5, 3, 3, 4) if op == "conv" else (1, 3, 3, 5)
    reach = np.geomspace(1e-4, 100, 5).astype(np.float32)
    weight = RANDOM.uniform(-1, 1, shape).astype(np.float32)
    weight *= reach.reshape((-1, 1, 1, 1) if op == "conv" else (1, 1, 1, -1))
    q = quantize_weight(weight, op)
    assert q.values.dtype == np.int8
    assert q.values.min() >= -127  # -128 has no counterpart
    error = np.abs(q.dequantize() - weight)
    other = tuple(axis for axis in range(4) if axis != q.channel_axis)
    assert (error.max(axis=other) <= q.scale / 2 * 1.001).all()
    assert (np.abs(q.values).max(axis=other) == 127).all()


def one_conv(weight: Any, bias: Any) -> Graph:
    """The stem alone would do, but a graph has two outputs: two convolutions of one picture."""
    variant = VARIANTS["lite0"].replace(image_size=64)
    c = weight.shape[0]
    zeros, identity = np.zeros(4, np.float32), np.eye(4, c, dtype=np.float32)[:, None, None, :]
    shape = (1, 32, 32, c)
    nodes = [
        Node("normalize", "normalized", ("image",), (1, 64, 64, 3), attrs={"mean": variant.mean}),
        Node("conv", "stem", ("normalized",), shape, weight.shape, weight, bias, {"stride": 2}),
    ]
    nodes += [
        node
        for role in ("a", "b")
        for node in (
            Node(
                "conv",
                role,
                ("stem",),
                (1, 32, 32, 4),
                identity.shape,
                identity,
                zeros,
                {"stride": 1},
            ),
            Node("reshape", f"{role}/rows", (role,), (1, 1024, 4)),
            Node("concat", f"{role}/all", (f"{role}/rows",), (1, 1024, 4)),
        )
    ]
    return Graph(variant, "image", nodes, {"boxes": "a/all", "classes": "b/all"})


DEAD = {
    "no weights": (0.0, 0.5),
    "no weights, negative bias": (0.0, -2.0),
    "weights near nothing": (1e-12, 3.0),
    "neither": (0.0, 0.0),
    "small weights, large bias": (1e-7, 40.0),
    "weights below float32's normal numbers": (1e-42, 1.0),
}


@pytest.mark.parametrize("name", DEAD)
def test_dead_channel_keeps_its_bias(name: str, helpers: Any) -> None:
    """Trained networks have channels with batch norm scales of 0; a 32-bit bias must still hold."""
    size, offset = DEAD[name]
    weight = RANDOM.normal(0, 0.01, (4, 3, 3, 3)).astype(np.float32)
    weight[2] = np.sign(weight[2]) * np.float32(size)
    bias = np.asarray([0.1, -0.1, offset, 0.2], np.float32)
    graph = one_conv(weight, bias)
    pixels = RANDOM.integers(0, 256, graph.input_shape, np.uint8)
    names = calibrated_tensors(graph)
    out = helpers.run_model(write_tflite(graph, "fp32", extra_outputs=names), pixels)
    statistics = {name: helpers.statistics_of(out[name].reshape(-1, 4)) for name in names}
    integer_graph, quantized = quantize(graph, statistics, RECIPES["minmax"])
    step = 2 * quantized.activations["stem"].scale + 2 * quantized.activations["a/all"].scale
    integer = helpers.run_model(write_tflite(integer_graph, "int8", quantized), pixels)
    np.testing.assert_allclose(integer["a/all"], out["a/all"], atol=step)
