"""The function fitted to each channel's swish: how near it comes, and what the IR makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from edge_edet.converters.calibrate.find import find_calibration
from edge_edet.converters.calibrate.fit_hard_swish import fit, fittable
from edge_edet.converters.int8.fitted_swish import applied, hard_swish, swish
from edge_edet.converters.quantize.channelwise import (
    CHANNELWISE_RECIPES,
    ChannelwiseRecipe,
    quantize_channelwise,
)
from edge_edet.converters.weights.find import find_weights
from edge_edet.converters.write.openvino.lower import write_openvino
from edge_edet.network.build import build_network

SPREADS = np.array([0.05, 0.3, 1.0, 3.0, 12.0], np.float32)


def normal(shift: float = 0.0) -> Any:
    x = np.random.default_rng(0).normal(size=(SPREADS.size, 1500)).astype(np.float32)
    return (x + np.float32(shift)) * SPREADS[:, None]


def lost(found: Any, x: Any) -> Any:
    """Error over signal of each channel."""
    return np.square(found - swish(x)).mean(axis=1) / np.square(swish(x)).mean(axis=1)


def test_the_functions_are_those_of_their_names() -> None:
    x = np.array([-200.0, -3, -1, 0, 1, 3, 200], np.float32)
    np.testing.assert_allclose(swish(x)[2:5], [-0.268941, 0, 0.731059], atol=1e-6)
    np.testing.assert_allclose(swish(x)[[0, 6]], [0, 200], atol=1e-6)
    np.testing.assert_allclose(hard_swish(x), [0, 0, -1 / 3, 0, 2 / 3, 3, 200], atol=1e-6)


@pytest.mark.parametrize("shift", [-1.0, 0.0, 1.0])
def test_fits_each_channel_nearer_than_a_plain_hard_swish(shift: float) -> None:
    x = normal(shift)
    found = fit(x)
    errors = lost(applied(found.coefficients, x), x)
    assert (errors < lost(hard_swish(x), x)).all()
    assert errors[0] < 1e-4  # nearly a parabola there
    total = np.square(applied(found.coefficients, x) - swish(x)).mean() / np.square(swish(x)).mean()
    assert found.error_db == pytest.approx(-10 * np.log10(total), abs=0.06)


def test_stays_near_where_no_sample_was() -> None:
    x = normal()
    found = fit(x)
    far = 2 * np.stack([x.min(axis=1), x.max(axis=1)], axis=1)
    span = np.ptp(x, axis=1)[:, None]
    assert (np.abs(applied(found.coefficients, far) - swish(far)) < 0.1 * span).all()


def test_constant_channels_become_their_constant() -> None:
    x = np.array([[0.0], [2.5], [-40.0]], np.float32).repeat(64, axis=1)
    found = fit(x)
    assert np.isfinite(found.coefficients).all()
    np.testing.assert_allclose(applied(found.coefficients, x), swish(x), atol=4e-3)


@pytest.fixture(scope="module")
def bundled() -> Any:
    source = find_weights("d0", None, 0, None, None)
    graph = build_network(source.variant, source.weights)
    found = find_calibration(source, graph, None, None, 0, 1)
    return graph, found.record, found.corrections


def files_of(bundled: Any, recipe: ChannelwiseRecipe) -> tuple[Any, Any]:
    graph, record, corrections = bundled
    channels = quantize_channelwise(graph, record.statistics, recipe, corrections.swishes)
    return write_openvino(graph, "int8", channels), channels


def compiled(files: Any, folder: Path) -> Any:
    (folder / "m.xml").write_bytes(files.xml)
    (folder / "m.bin").write_bytes(files.bin)
    return ov.Core().compile_model(folder / "m.xml", "CPU", {"INFERENCE_NUM_THREADS": 1})


def test_bundled_corrections_fit_what_is_large_enough(bundled: Any) -> None:
    graph, _, record = bundled
    assert list(record.swishes) == [node.name for node in fittable(graph)]
    for name, found in record.swishes.items():
        assert found.coefficients.shape == (4, graph.node(name).shape[-1])
        assert found.error_db > 20


def test_recipes_take_the_nearest(bundled: Any) -> None:
    _, _, record = bundled
    taken = {}
    for name in ("channelwise", "channelwise-fast", "channelwise-exact"):
        recipe = CHANNELWISE_RECIPES[name]
        files, channels = files_of(bundled, recipe)
        taken[name] = set(channels.swishes)
        assert files.xml.count(b'type="HSwish"') == len(taken[name])
        stated = channels.stated()["fitted_swishes"]
        assert stated == {n: record.swishes[n].error_db for n in taken[name]}
        assert all(db >= (recipe.least_swish_db or 0) for db in stated.values())
    assert not taken["channelwise-exact"]
    assert {"backbone/conv_stem/swish"} < taken["channelwise"] < taken["channelwise-fast"]


def test_places_in_float_keep_their_swish(bundled: Any) -> None:
    recipe = ChannelwiseRecipe("any", float_scope=("backbone/blocks.0.0/",), least_swish_db=30.0)
    _, channels = files_of(bundled, recipe)
    assert "backbone/conv_stem/swish" in channels.swishes
    assert "backbone/blocks.0.0/conv_dw/swish" not in channels.swishes


def test_plugin_fuses_all_of_it_into_the_convolution(bundled: Any, tmp_path: Path) -> None:
    """Otherwise it would cost more than the swish that it stands for."""
    files, channels = files_of(bundled, CHANNELWISE_RECIPES["channelwise-fast"])
    where = {}
    for layer in compiled(files, tmp_path).get_runtime_model().get_ordered_ops():
        info = layer.get_rt_info()
        for name in info["originalLayersNames"].astype(str).split(","):
            where[name] = info["layerType"].astype(str)
    kinds = {where[f"{name}/hard"] for name in channels.swishes}
    assert kinds <= {"Convolution", "GroupConvolution"}
