"""Channels of like range get a tensor of their own, so that each has a grid and a swish of its own.

Where one grid for all channels of a tensor is too coarse, equalize.py rescales channels across the swish,
which costs a product with a constant and ends what runtimes do with a plain swish: look it up in a table of
256. Here the 1x1 convolution before the swish becomes up to MOST_GROUPS convolutions of some of its output
channels each, sorted by range; swish and the depthwise convolution behind it are done group by group; a
concatenation joins what the depthwise convolutions give, whose channels need only one grid. What follows
reads its channels in the new order. The float network is the same function.
docs/decisions/0014-speed.md has the figures.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import GATE_LIMIT, Affine, ChannelGroups, Indices
from edge_edet.converters.quantize.histograms import Statistics
from edge_edet.network import Graph, Node

Doubles = npt.NDArray[np.float64]

MOST_GROUPS = 3
UNITS = (32, 16)  # channels that kernels take at once: groups are multiples of the first that fits
SWISH_LOW = -0.2785  # the least value of a swish, at -1.2785
CHANNELS = 3  # their axis
MOST_UNITS = 3  # that a tensor is cut into, and
MOST_RANGES = 48  # of a grid that are tried: more gains next to nothing and takes minutes
BY_CHANNEL = ("swish", "sigmoid", "mean", "mul")


@dataclass(frozen=True)
class Split:
    """A network with split tensors.

    Attributes
    ----------
    graph
        The same function as before.
    grids
        Of the tensors that are new.
    statistics
        Those given, with channels in the order that the graph has now.
    groups
        Convolution that was split -> where its channels are now.
    """

    graph: Graph
    grids: dict[str, Affine]
    statistics: Mapping[str, Statistics]
    groups: dict[str, ChannelGroups]


def split(
    graph: Graph, statistics: Mapping[str, Statistics], grids: Mapping[str, Affine], max_step: float
) -> Split:
    """Split the channels before each swish whose grid has a step above `max_step`, where that can be.

    Parameters
    ----------
    graph
        The float network.
    statistics, grids
        Of its calibrated tensors: ranges of channels, and one grid for all channels.
    max_step
        The coarsest step that is left as it is.

    Returns
    -------
    Split
        A tensor is left as it is where anything but a swish and a depthwise convolution reads it, where its
        channels do not make two groups of a multiple of 16, or where what follows is no block of MBConv.
    """
    nodes = {node.name: dataclasses.replace(node, attrs=dict(node.attrs)) for node in graph.nodes}
    consumers = graph.consumers()
    new, grouped = dict(statistics), dict[str, ChannelGroups]()
    added: dict[str, Affine] = {}
    replaced: dict[str, list[Node]] = {}
    for name in [node.name for node in graph.nodes if node.op == "swish"]:
        found = _place(nodes, consumers, nodes[name])
        if found is None or grids[found.source].scale <= max_step:
            continue
        groups = _groups(statistics[found.source], _weights(nodes, found))
        if len(groups) < 2:
            continue
        order = np.concatenate(groups)
        _reorder(nodes, found, order)
        for tensor in found.reordered:
            if tensor in new:
                new[tensor] = _ordered(new[tensor], order)
        parts: list[Node] = []
        for number, channels in enumerate(groups):
            made = _part(nodes, found, number, channels)
            high = float(statistics[found.source].channel_high[channels].max())
            low = float(statistics[found.source].channel_low[channels].min())
            added[made[0].name] = Affine.from_range(max(low, -GATE_LIMIT), high)
            added[made[1].name] = Affine.from_range(SWISH_LOW, high)
            added[made[2].name] = grids[found.depthwise]
            for old, node in zip((found.source, found.swish, found.depthwise), made, strict=True):
                new[node.name] = _ordered(statistics[old], channels)
            parts += made
        whole = nodes[found.depthwise]
        joined = tuple(part.name for part in parts[2::3])
        concat = Node("concat", whole.name, joined, whole.shape, attrs={"axis": CHANNELS})
        replaced |= {found.source: [], name: [], found.depthwise: [*parts, concat]}
        split_up = (found.source, name, found.depthwise)
        grouped[found.source] = ChannelGroups(groups, split_up, found.reordered)
    kept = list(itertools.chain(*(replaced.get(name, [node]) for name, node in nodes.items())))
    result = dataclasses.replace(graph, nodes=kept)
    return Split(result, added, new, grouped)


@dataclass(frozen=True)
class _Place:
    """A convolution, the swish that alone reads it, the depthwise convolution that alone reads that.

    reordered: tensors that get another order of channels; rows: convolutions whose outputs do; columns:
    those that read them.
    """

    source: str
    swish: str
    depthwise: str
    reordered: tuple[str, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]


def _place(
    nodes: Mapping[str, Node], consumers: Mapping[str, list[Node]], swish: Node
) -> _Place | None:
    source, readers = nodes.get(swish.inputs[0]), consumers.get(swish.name, [])
    if source is None or source.op != "conv" or source.weight is None:
        return None
    if len(consumers[source.name]) != 1 or len(readers) != 1 or readers[0].op != "depthwise":
        return None
    depthwise = readers[0]
    reordered: dict[str, None] = {}
    rows: dict[str, None] = {}
    columns: dict[str, None] = {}
    pending = [depthwise.name]
    while pending:
        tensor = pending.pop()
        if tensor in reordered:
            continue
        reordered[tensor] = None
        for node in consumers.get(tensor, []):
            if node.op == "conv":
                columns[node.name] = None
            elif node.op in BY_CHANNEL:
                pending.append(node.name)
            else:
                return None
        node = nodes[tensor]
        if node.op in BY_CHANNEL:
            pending += node.inputs
        elif node.op == "conv":
            rows[tensor] = None
        elif tensor != depthwise.name:
            return None
    if not columns:
        return None
    return _Place(
        source.name, swish.name, depthwise.name, tuple(reordered), tuple(rows), tuple(columns)
    )


def _weights(nodes: Mapping[str, Node], place: _Place) -> Doubles:
    """Return how much of a channel's squared error the next convolutions let through, [channels]."""
    kernel = nodes[place.depthwise].weight
    assert kernel is not None
    readers = [nodes[name] for name in place.columns]
    through = [n.weight for n in readers if n.shape[1:3] != (1, 1) and n.weight is not None]
    squares = [np.square(weight.astype(np.float64)).sum(axis=(0, 1, 2)) for weight in through]
    power = np.square(kernel.astype(np.float64)).sum(axis=(0, 1, 2))
    return np.asarray(power * np.sum(squares, axis=0)) if squares else power


def _groups(stats: Statistics, weights: Doubles) -> tuple[Indices, ...]:
    """Return the channels of each group: those with the least sum of weights times squared steps.

    The group with the coarsest grid has the channels that need it, and else those that matter least.
    """
    high = np.maximum(stats.channel_high, 0.0)
    unit = _unit(high.size)
    if high.size < 2 * unit:
        return (np.arange(high.size),)

    def cost(groups: tuple[Indices, ...]) -> float:
        coarsest = (weights[g].sum() * (high[g].max() + GATE_LIMIT) ** 2 for g in groups)
        return float(sum(coarsest))

    sizes = _sizes(high.size // unit, unit)
    everything = np.arange(high.size)
    found = itertools.chain(*(_fillings(size, everything, high, weights) for size in sizes))
    return tuple(np.sort(group) for group in min(found, key=cost))


def _unit(count: int) -> int:
    """Return what the sizes of groups are multiples of: `count` where it cannot be split."""
    least = next((unit for unit in UNITS if count % unit == 0), count)
    parts = (parts for parts in range(MOST_UNITS, 0, -1) if count % (parts * least) == 0)
    return count // next(parts, 1)


def _sizes(units: int, unit: int) -> Iterator[tuple[int, ...]]:
    for count in range(1, MOST_GROUPS + 1):
        for cuts in itertools.combinations(range(1, units), count - 1):
            yield tuple(int(n) * unit for n in np.diff((0, *cuts, units)))


def _fillings(
    sizes: tuple[int, ...], left: Indices, high: Doubles, weights: Doubles
) -> Iterator[tuple[Indices, ...]]:
    """Fill groups of these sizes, the finest first, with the heaviest channels that its grid reaches."""
    if len(sizes) == 1:
        yield (left,)
        return
    by_range = left[np.argsort(high[left], kind="stable")]
    stride = -(-high.size // MOST_RANGES)
    for count in range(sizes[0], left.size + 1, stride):
        reached = by_range[:count]
        first = reached[np.argsort(-weights[reached], kind="stable")[: sizes[0]]]
        for others in _fillings(sizes[1:], np.setdiff1d(left, first), high, weights):
            yield (first, *others)


def _ordered(stats: Statistics, order: Indices) -> Statistics:
    return dataclasses.replace(
        stats, channel_low=stats.channel_low[order], channel_high=stats.channel_high[order]
    )


def _reorder(nodes: Mapping[str, Node], place: _Place, order: Indices) -> None:
    """Bring the channels behind the depthwise convolution, which is cut up later, into the order."""
    for name in place.rows:
        node = nodes[name]
        assert node.weight is not None
        assert node.bias is not None
        node.weight, node.bias = node.weight[order], node.bias[order]
    for name in place.columns:
        node = nodes[name]
        assert node.weight is not None
        node.weight = np.ascontiguousarray(node.weight[..., order])


def _part(nodes: Mapping[str, Node], place: _Place, number: int, channels: Indices) -> list[Node]:
    """Return convolution, swish and depthwise convolution of one group."""
    found, x = [], nodes[place.source].inputs[0]
    for name in (place.source, place.swish, place.depthwise):
        node = nodes[name]
        made = dataclasses.replace(
            node,
            name=f"{name}/group.{number}",
            inputs=(x,),
            shape=(*node.shape[:3], channels.size),
            attrs=dict(node.attrs),
        )
        if node.weight is not None and node.bias is not None:
            axis = CHANNELS if node.op == "depthwise" else 0
            made.weight = np.ascontiguousarray(np.take(node.weight, channels, axis))
            made.weight_shape, made.bias = made.weight.shape, node.bias[channels]
        found.append(made)
        x = made.name
    return found
