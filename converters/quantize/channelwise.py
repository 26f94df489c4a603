"""Chooses the INT8 of an OpenVINO IR: which convolutions, and each input channel's own step.

OpenVINO's CPU plugin fuses a convolution, its swish and the fake quantizer behind it into one kernel
that rounds once, and a fake quantizer may have other ends for each channel at no cost. So every
channel is brought to its own range, and the convolution that reads it takes the steps into its weights:
what channel equalization does for TFLite, without a product more. A 1x1 convolution sees no
padding, so its offsets go into its bias and each channel uses all 256 levels; where there is padding,
all channels share the zero point.

Swish is what takes the time, so the large ones give way to what was fitted to each channel of them
(fitted_swish.py), where that comes near enough.

In float stay: squeeze-and-excitation (1x1 tensors), and the backbone's depthwise convolutions of stride
1, whose integer kernels are no faster than float ones. docs/decisions/0005-openvino-int8.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import (
    LEVELS,
    STEM_INPUT,
    ChannelQuantized,
    ChannelQuantizer,
    Swishes,
    quantize_weight,
    stem_shift,
)
from edge_edet.converters.quantize.histograms import Statistics, with_passed
from edge_edet.network import SQUEEZE, Graph, Node

CHANNEL_MARGIN = 2.0  # channel extremes are averages over pictures: some picture goes beyond
LEAST_STEP = 1e-6
LEAST_HIGH = 1e-3
LEAST_SWISH_DB = 36.0  # signal over error of a fitted swish, on the calibration pictures
ZERO_POINTS = (0, 6, 12, 24, 40, 64, 96, 128)

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChannelwiseRecipe:
    """margin: see CHANNEL_MARGIN; float_depthwise: which depthwise convolutions stay in float.

    least_swish_db: how near a fitted swish must come to be taken; None: none is.

    Attributes
    ----------
    name
        As --recipe has it.
    margin
        See CHANNEL_MARGIN.
    float_depthwise
        Of stride 1 there; or "none", "all".
    float_scope
        Prefixes of places kept in float, for a budget.
    least_swish_db
        How near a fitted swish must come to be taken, in dB; None: none is.
    """

    name: str
    margin: float = CHANNEL_MARGIN
    float_depthwise: str = "backbone"  # of stride 1 there; or "none", "all"
    float_scope: tuple[str, ...] = ()  # prefixes of places kept in float, for a budget
    least_swish_db: float | None = LEAST_SWISH_DB

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values, for the manifest.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return {**vars(self), "float_scope": list(self.float_scope)}


CHANNELWISE_RECIPES = {  # the first is the default
    recipe.name: recipe
    for recipe in (
        ChannelwiseRecipe("channelwise"),
        ChannelwiseRecipe("channelwise-fast", least_swish_db=30.0),
        ChannelwiseRecipe("channelwise-exact", least_swish_db=None),
        ChannelwiseRecipe("channelwise-all", float_depthwise="none"),
    )
}


def quantize_channelwise(
    graph: Graph,
    statistics: Mapping[str, Statistics],
    recipe: ChannelwiseRecipe,
    swishes: Swishes | None = None,
) -> ChannelQuantized:
    """Return the integers of a graph. swishes: what the calibration fitted.

    Parameters
    ----------
    graph
        The network.
    statistics
        By tensor.
    recipe
        How the grids are chosen.
    swishes
        What the calibration fitted; None: nothing.

    Returns
    -------
    ChannelQuantized
        The integers.
    """
    result, statistics = ChannelQuantized(), with_passed(graph, statistics)
    if recipe.least_swish_db is not None:
        result.swishes = {
            name: found
            for name, found in (swishes or {}).items()
            if found.error_db >= recipe.least_swish_db and not name.startswith(recipe.float_scope)
        }
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.weight is None:
            continue
        reason = _why_float(node, statistics, recipe)
        if reason:
            result.floats[node.name] = reason
        else:
            readers.setdefault(node.inputs[0], []).append(node)
    for tensor, convolutions in readers.items():
        if tensor in statistics:
            padded = any(node.weight_shape[1] > 1 for node in convolutions if node.weight_shape)
            weights = [_input_power(node) for node in convolutions]
            quantizer = _quantizer(statistics[tensor], padded, np.sum(weights, axis=0), recipe)
            result.quantizers[tensor] = quantizer
    for convolutions in readers.values():
        for node in convolutions:
            _quantize_reader(graph, node, result)
    return result


def _why_float(node: Node, statistics: Mapping[str, Statistics], recipe: ChannelwiseRecipe) -> str:
    """Why this convolution stays in float; empty: it does not."""
    if any(node.name.startswith(place) for place in recipe.float_scope):
        return "budget"
    if SQUEEZE in node.name:
        return "squeeze-and-excitation"
    if node.op == "depthwise" and (
        recipe.float_depthwise == "all"
        or (
            recipe.float_depthwise == "backbone"
            and node.name.startswith("backbone/")
            and node.attrs["stride"] == 1
        )
    ):
        return "depthwise"
    if node.inputs[0] not in statistics and node.inputs[0] != STEM_INPUT:
        return "no statistics of its input"
    return ""


def _input_power(node: Node) -> Doubles:
    """How much of each input channel's noise reaches the output: [channels]."""
    assert node.weight is not None
    return np.asarray(np.square(node.weight.astype(np.float64)).sum(axis=(0, 1, 2)))


def _quantizer(
    stats: Statistics, padded: bool, power: Doubles, recipe: ChannelwiseRecipe
) -> ChannelQuantizer:
    """Each channel's range, widened by the margin but never beyond the tensor's own extremes."""
    low = np.minimum(np.asarray(stats.channel_low, np.float64), 0) * recipe.margin
    high = np.maximum(np.asarray(stats.channel_high, np.float64), LEAST_HIGH) * recipe.margin
    low = np.maximum(low, min(stats.low, 0.0))
    high = np.minimum(high, max(stats.high, LEAST_HIGH))
    if not padded:
        step = np.maximum((high - low) / (LEVELS - 1), LEAST_STEP)
        return ChannelQuantizer(step, -low / step, shared=False)
    candidates = (_shared(low, high, zero_point) for zero_point in ZERO_POINTS)
    return min(candidates, key=lambda q: float(power @ np.square(q.step)))


def _shared(low: Doubles, high: Doubles, zero_point: int) -> ChannelQuantizer:
    above = high / (LEVELS - 1 - zero_point)
    below = -low / zero_point if zero_point else np.where(low < 0, np.inf, 0.0)
    step = np.maximum(np.maximum(above, below), LEAST_STEP)
    return ChannelQuantizer(step, np.full(step.shape, float(zero_point)), shared=True)


def _quantize_reader(graph: Graph, node: Node, result: ChannelQuantized) -> None:
    """Return the integers of one convolution, for an input in steps of its channels."""
    assert node.weight is not None
    assert node.bias is not None
    quantizer = result.quantizers.get(node.inputs[0])
    weight, bias = node.weight, node.bias.astype(np.float64)
    if quantizer is not None:
        weight = (weight * quantizer.step).astype(np.float32)  # last axis: the input's channels
    q = quantize_weight(weight, node.op)
    if quantizer is None:  # the stem
        bias = bias + stem_shift(graph, q)
    elif not quantizer.shared:
        bias = bias - (q.dequantize().astype(np.float64) * quantizer.zero_point).sum(axis=(1, 2, 3))
    result.weights[node.name] = q
    result.biases[node.name] = bias.astype(np.float32)
