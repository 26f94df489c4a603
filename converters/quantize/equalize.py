"""Channel equalization across swish.

One int8 grid for all channels of a tensor is what breaks EfficientDet: some channels reach 140,
others stay below 1 and are left with two or three steps. Between linear layers such channels can be
rescaled for free; swish is in the way, since swish(x / k) is not swish(x) / k. But
swish(x) = x * sigmoid(x) reads x twice: the convolution writes x' = x / k, the product uses x', and
only the gate needs k * x', to which one more product with a constant gives its own grid of [-6.6, 6.6],
where the int8 sigmoid goes from exactly 0 to its maximum. What follows takes k into its weights.
The float network is the same function; docs/decisions/0002-channel-equalization.md has the figures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from edge_edet.converters.int8 import FACTOR_STEPS, GATE_LIMIT, Affine
from edge_edet.converters.quantize.histograms import Statistics
from edge_edet.network import Array, Graph, Node


@dataclass(frozen=True)
class Equalized:
    """graph: the same function with rescaled channels; ranges: tensors whose range follows."""

    graph: Graph
    ranges: dict[str, tuple[float, float]]
    swishes: tuple[str, ...]


def equalize(
    graph: Graph,
    statistics: Mapping[str, Statistics],
    grids: Mapping[str, Affine],
    max_step: float,
    lower: float,
    scope: str = "",
    chosen: Collection[str] = (),
) -> Equalized:
    """Rescales the channels before each swish whose grid in `grids` has a step above `max_step`.

    A swish bends between -6 and 2: with steps of 0.3, as one grid for all channels of a stem has,
    nothing of the bend is left for the channels that stay in it. `lower` is how far a rescaled
    tensor's grid reaches below zero, as a part of how far it reaches above; `scope` limits it to
    nodes whose name starts so; `chosen` are tensors that keep their grid.
    """
    nodes = {node.name: dataclasses.replace(node, attrs=dict(node.attrs)) for node in graph.nodes}
    result = dataclasses.replace(graph, nodes=list(nodes.values()))
    consumers = result.consumers()
    ranges: dict[str, tuple[float, float]] = {}
    done = []
    for swish in result.nodes:
        if swish.op != "swish" or not swish.name.startswith(scope):
            continue
        source = nodes[swish.inputs[0]]
        readers = linear_readers(swish.name, consumers)
        if readers is None or source.weight is None or len(consumers[source.name]) != 1:
            continue
        if grids[source.name].scale <= max_step or source.name in chosen:
            continue
        stats = statistics[source.name]
        needed = np.maximum(stats.channel_high, np.minimum(GATE_LIMIT, -stats.channel_low) / lower)
        largest = float(max(needed.max(), 1e-6))
        relative = np.maximum(needed / largest, 1 / FACTOR_STEPS)
        factors = (np.ceil(relative * FACTOR_STEPS) / FACTOR_STEPS).astype(np.float32)
        divide_output(source, factors)
        for name in readers.convolutions:
            multiply_input(nodes[name], factors)
        swish.attrs["factors"] = factors
        ranges[source.name] = (-lower * largest, largest)
        for name in (swish.name, *readers.passed):
            ranges[name] = rescaled_range(statistics[name], factors)
        done.append(swish.name)
    return Equalized(result, ranges, tuple(done))


@dataclass(frozen=True)
class LinearReaders:
    """What reads a tensor: convolutions, through nodes that keep its channels."""

    convolutions: tuple[str, ...]
    passed: tuple[str, ...]  # tensors between, which keep the rescaled channels


def linear_readers(name: str, consumers: Mapping[str, list[Node]]) -> LinearReaders | None:
    """Return the convolutions that can undo a rescaling of this tensor; None if something else reads it."""
    convolutions: dict[str, None] = {}
    passed: list[str] = []
    pending = [name]
    while pending:
        tensor = pending.pop()
        for node in consumers.get(tensor, []):
            if node.op in ("conv", "depthwise"):
                convolutions[node.name] = None
            elif node.op == "mean" or (node.op == "mul" and node.inputs[0] == tensor):
                passed.append(node.name)
                pending.append(node.name)
            else:
                return None
    return LinearReaders(tuple(convolutions), tuple(passed)) if convolutions else None


def divide_output(node: Node, factors: Array) -> None:
    """Divide each output channel of a convolution, its bias too."""
    assert node.weight is not None
    assert node.bias is not None
    shape = (1, 1, 1, -1) if node.op == "depthwise" else (-1, 1, 1, 1)
    node.weight, node.bias = node.weight / factors.reshape(shape), node.bias / factors


def multiply_input(node: Node, factors: Array) -> None:
    """Multiply the weights of each input channel of a convolution."""
    assert node.weight is not None
    node.weight = node.weight * factors  # last axis: channels of depthwise, inputs of conv


def rescaled_range(stats: Statistics, factors: Array) -> tuple[float, float]:
    """Return the range of a tensor whose channels are divided by the factors."""
    low, high = stats.channel_low / factors, stats.channel_high / factors
    return float(low.min()), float(high.max())
