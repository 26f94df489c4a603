"""Channel balancing around swish, for weights with one scale a tensor.

Batch norm, folded in, leaves the output channels of a backbone's convolution a hundredfold apart: one scale
for all of them leaves the small ones no step. A factor k for each channel of a swish (see equalize.py)
divides the weights before it and what they write, and multiplies the weights that read it; each of the
three wants another k. What they cost together is the noise at the readers' outputs:

    sum over c of  I[c] k[c]^2 (dW^2 X + dA^2)  +  dR^2 R[c] (a[c] / k[c])^2

dW, dA and dR are the steps of the weights before, the activation and the weights behind, each set by its
largest channel; X is the power of what one output of the convolution sums up; I[c] is the squared weight of
a channel on the way to the next projection, R[c] how many products with it are summed there, and a[c] its
magnitude. The best k is searched among products of powers of what each of the three would want. Neighbours
share weights, so several sweeps are made. docs/decisions/0018-per-tensor.md has the figures.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import FACTOR_STEPS, GATE_LIMIT, channel_axis
from edge_edet.converters.quantize.equalize import (
    Equalized,
    LinearReaders,
    divide_output,
    linear_readers,
    multiply_input,
    rescaled_range,
)
from edge_edet.converters.quantize.histograms import CENTERS, Statistics
from edge_edet.network import SQUEEZE, Array, Graph, Node

__all__ = ["balance"]

SWEEPS = 3
SCOPE = "backbone/"  # elsewhere the channels of a weight are alike
EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
MOST_EXPONENTS = 1.25  # of weights and activation together
PICTURE_POWER = 64.0**2  # of grey levels around their mean
PEAK = 4.0  # extreme of a channel over its root mean square
TINY = 1e-6

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Link:
    """A swish, the convolution before it and those that read it."""

    swish: Node
    source: Node
    readers: LinearReaders


def balance(graph: Graph, statistics: Mapping[str, Statistics], lower: float) -> Equalized:
    """Rescale the channels around every swish of the backbone whose readers can undo it.

    Parameters
    ----------
    graph
        The float network; it stays as it is.
    statistics
        Calibrated tensor -> its statistics.
    lower
        How far a rescaled tensor's grid reaches below zero, as a part of how far it reaches above.
    """
    nodes = {node.name: dataclasses.replace(node, attrs=dict(node.attrs)) for node in graph.nodes}
    result = dataclasses.replace(graph, nodes=list(nodes.values()))
    consumers = result.consumers()
    links = [link for node in result.nodes if (link := _link(node, nodes, consumers))]
    following = {link.source.name: link for link in links}
    factors = {link.swish.name: np.ones(link.swish.shape[-1]) for link in links}
    for _ in range(SWEEPS):
        for link in links:
            now = factors[link.swish.name]
            chosen = _best(link, now, nodes, following, statistics, lower)
            _rescale(link, nodes, (chosen / now).astype(np.float32))
            factors[link.swish.name] = chosen
    ranges: dict[str, tuple[float, float]] = {}
    for link in links:
        exact = factors[link.swish.name].astype(np.float32)
        link.swish.attrs["factors"] = exact
        high = float((_needed(statistics[link.source.name], lower) / exact).max())
        ranges[link.source.name] = (-lower * high, high)
        for name in (link.swish.name, *link.readers.passed):
            ranges[name] = rescaled_range(statistics[name], exact)
    return Equalized(result, ranges, tuple(factors))


def _link(
    swish: Node, nodes: Mapping[str, Node], consumers: Mapping[str, list[Node]]
) -> _Link | None:
    if swish.op != "swish" or not swish.name.startswith(SCOPE):
        return None
    source, readers = nodes[swish.inputs[0]], linear_readers(swish.name, consumers)
    if readers is None or source.weight is None or len(consumers[source.name]) != 1:
        return None
    return _Link(swish, source, readers) if _main(readers, nodes) else None


def _main(readers: LinearReaders, nodes: Mapping[str, Node]) -> list[Node]:
    """Return the readers but those of squeeze-and-excitation, which see one position."""
    return [nodes[name] for name in readers.convolutions if SQUEEZE not in name]


def _rescale(link: _Link, nodes: Mapping[str, Node], ratio: Array) -> None:
    divide_output(link.source, ratio)
    for name in link.readers.convolutions:
        multiply_input(nodes[name], ratio)


def _best(
    link: _Link,
    now: Doubles,
    nodes: Mapping[str, Node],
    following: Mapping[str, _Link],
    statistics: Mapping[str, Statistics],
    lower: float,
) -> Doubles:
    """Return the factors with the least noise, multiples of 1 / FACTOR_STEPS up to 1."""
    source = link.source
    assert source.weight is not None
    before = statistics.get(source.inputs[0])
    taps = source.weight.shape[1:3] if source.op == "depthwise" else source.weight.shape[1:]
    power = math.prod(taps) * (PICTURE_POWER if before is None else _power(before))
    weights = _largest(source.weight, channel_axis(source.op)) * now
    needed = _needed(statistics[source.name], lower)
    behind = statistics[link.swish.name]
    size = np.maximum(np.abs(behind.channel_low), np.abs(behind.channel_high)) / PEAK + TINY**2
    channels = weights.size
    important, products, reading = np.zeros(channels), np.zeros(channels), np.zeros(channels)
    for node in _main(link.readers, nodes):
        assert node.weight is not None
        ahead = _ahead(node, nodes, following)
        important += ahead * _squares(node.weight) / now**2
        products += ahead * math.prod(
            node.weight.shape[1:3] if node.op == "depthwise" else node.weight.shape[:1]
        )
        reading = np.maximum(reading, _largest(node.weight, 3) / now)

    def noise(k: Doubles) -> float:
        step_before = (weights / k).max() / 127
        step = (needed / k).max() * (1 + lower) / 255
        step_behind = (reading * k).max() / 127
        own = important @ np.square(k) * (step_before**2 * power + step**2)
        return float(own + step_behind**2 * (products @ np.square(size / k)))

    wanted = [_relative(values) for values in (weights, needed, 1 / _relative(reading))]
    return min(
        (
            _exact(np.prod([one**e for one, e in zip(wanted, powers, strict=True)], axis=0))
            for powers in itertools.product(EXPONENTS, repeat=3)
            if powers[0] + powers[1] <= MOST_EXPONENTS
        ),
        key=noise,
    )


def _exact(factors: Doubles) -> Doubles:
    """Return factors that an int8 constant holds exactly, the largest of them 1."""
    return np.asarray(np.ceil(np.maximum(factors / factors.max(), TINY) * FACTOR_STEPS - TINY)) / (
        FACTOR_STEPS
    )


def _ahead(
    node: Node, nodes: Mapping[str, Node], following: Mapping[str, _Link]
) -> Doubles | float:
    """Return how much each output of a depthwise convolution counts in the projection behind it."""
    link = following.get(node.name)
    if node.op != "depthwise" or link is None:
        return 1.0
    projections = [n.weight for n in _main(link.readers, nodes) if n.weight is not None]
    return np.asarray(sum(_squares(weight) for weight in projections))


def _needed(stats: Statistics, lower: float) -> Doubles:
    """Return how far each channel's grid has to reach above zero."""
    return np.asarray(
        np.maximum(stats.channel_high, np.minimum(GATE_LIMIT, -stats.channel_low) / lower)
    )


def _largest(weight: Array, axis: int) -> Doubles:
    other = tuple(i for i in range(weight.ndim) if i != axis)
    return np.asarray(np.abs(weight).max(axis=other), np.float64)


def _squares(weight: Array) -> Doubles:
    return np.asarray(np.square(weight.astype(np.float64)).sum(axis=(0, 1, 2)))


def _relative(values: Doubles) -> Doubles:
    return np.asarray(np.maximum(values / max(float(values.max()), TINY**2), TINY))


def _power(stats: Statistics) -> float:
    values = np.clip(CENTERS, stats.low, stats.high)
    return float(stats.counts @ np.square(values) / max(int(stats.counts.sum()), 1))
