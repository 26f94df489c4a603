"""Chooses each activation's int8 grid from its histogram.

The error that counts is the one behind the activation function that reads the tensor: before a
swish everything below about -6 becomes 0 anyway, so a grid that spends its steps down to -200
detects nothing. `method` is "mse": the grid with the smallest squared error after the activation.
Large values count more, and the mean error counts extra: later layers add up over thousands of
positions, where what has no sign averages out and what has one does not. Or what other tools do:
"octav" (arXiv 2206.06501), "percentile", "minmax".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import SIGMOID, Affine
from edge_edet.converters.quantize.histograms import CENTERS, Statistics, merged
from edge_edet.errors import InputError
from edge_edet.network import Graph, Node

Values = npt.NDArray[np.float64]
Function = Callable[[Values], Values]
METHODS = ("mse", "octav", "percentile", "minmax")
PERCENTILE = 0.9999  # of the values on each side stay inside
CALIBRATED = frozenset({"conv", "depthwise", "add", "mul", "swish", "mean", "relu", "leaky_relu"})
CHANNELS = 3  # their axis
LOWEST_LOGIT = -8.0  # a score of 0.0003: below every protocol's threshold
MEAN_ERROR_WEIGHT = 30.0
MOST_IMPORTANCE = 32.0  # an outlier beyond 32 times the power counts no more than that
LEAST_IMPORTANCE = 0.1  # of a value near zero, where a value of the tensor's own power has 1.1


def sigmoid(x: Values) -> Values:
    """Compute the logistic function; below -60 and above 60 it is taken as constant.

    Parameters
    ----------
    x
        Of any shape.

    Returns
    -------
    Values
        Of the same shape.
    """
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def integer_sigmoid(x: Values) -> Values:
    """Return the grid that an int8 LOGISTIC gives: steps of 1/256, never 1."""
    return np.clip(np.rint(256 * sigmoid(x)), 0, 255) / 256


# What reads the tensor -> (what it should give, what the integer kernel gives)
_THROUGH: dict[str, tuple[Function, Function]] = {
    "swish": (lambda x: x * sigmoid(x), lambda x: x * integer_sigmoid(x)),
    "sigmoid": (sigmoid, integer_sigmoid),
    "": (lambda x: x, lambda x: x),
}


def calibrated_tensors(graph: Graph) -> list[str]:
    """Return the tensors whose grid is chosen; all others follow from their inputs.

    Parameters
    ----------
    graph
        The network.

    Returns
    -------
    list[str]
        Names in the order of the graph.
    """
    return [node.name for node in graph.nodes if node.op in CALIBRATED]


def choose_grids(
    graph: Graph, statistics: Mapping[str, Statistics], method: str = "mse"
) -> dict[str, Affine]:
    """Tensor -> int8 grid for every tensor. Raises InputError where the statistics lack one."""
    missing = [name for name in calibrated_tensors(graph) if name not in statistics]
    if missing:
        raise InputError(
            f"the calibration has no statistics for {len(missing)} tensors of this network "
            f"({', '.join(missing[:3])}, ...): it was taken from another variant; calibrate again"
        )
    consumers = graph.consumers()
    grouped = {name for members in _output_groups(graph).values() for name in members}
    grids: dict[str, Affine] = {}
    for node in graph.nodes:
        if node.op in CALIBRATED and node.name not in grouped:
            readers = {reader.op for reader in consumers.get(node.name, [])}
            through = readers.pop() if len(readers) == 1 else ""
            grids[node.name] = _grid(statistics[node.name], through, method)
        else:
            _derive(node, grids)
    for output, members in _output_groups(graph).items():
        stats = merged([statistics[name] for name in members])
        floor = LOWEST_LOGIT if output == graph.outputs["classes"] else None
        grid = _grid(stats, "", method, floor)
        for name in (output, *members, *graph.node(output).inputs):
            grids[name] = grid
    return grids


def _derive(node: Node, grids: dict[str, Affine]) -> None:
    """Operators that move integers without changing them, and those with a grid by specification."""
    if node.op in ("maxpool", "resize"):
        grids[node.name] = grids[node.inputs[0]]
    elif node.op == "scale":
        source = grids[node.inputs[0]]
        grids[node.name] = Affine(source.scale * node.attrs["factor"], source.zero_point)
    elif node.op == "sigmoid":
        grids[node.name] = SIGMOID
    elif node.op == "concat" and node.attrs.get("axis") == CHANNELS:
        ends = [end for name in node.inputs for end in (grids[name].low, grids[name].high)]
        grids[node.name] = Affine.from_range(min(ends), max(ends))


def _output_groups(graph: Graph) -> dict[str, list[str]]:
    """Output -> the convolutions that end in it: concatenation wants one grid for all levels."""
    return {
        output: [graph.node(rows).inputs[0] for rows in graph.node(output).inputs]
        for output in graph.outputs.values()
    }


def _grid(stats: Statistics, reader: str, method: str, floor: float | None = None) -> Affine:
    low, high = stats.low, stats.high
    if floor is not None:
        low = max(low, floor)
    if method == "minmax":
        return Affine.from_range(low, high)
    used = np.flatnonzero(stats.counts)
    values, weights = np.clip(CENTERS[used], stats.low, stats.high), stats.counts[used]
    if floor is not None:
        values = np.maximum(values, floor)
    if method == "percentile":
        return _percentile(values, weights)
    if method == "octav":
        clip = _octav(np.abs(values), weights / weights.sum())
        return Affine.from_range(max(low, -clip), min(high, clip))
    exact, integer = _THROUGH.get(reader, _THROUGH[""])
    return _search(values, weights / weights.sum(), exact, integer, low, high)


def _percentile(values: Values, weights: npt.NDArray[np.int64]) -> Affine:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    first = int(np.searchsorted(share, 1 - PERCENTILE))
    last = min(int(np.searchsorted(share, PERCENTILE)), len(share) - 1)
    return Affine.from_range(float(values[order[first]]), float(values[order[last]]))


def _octav(magnitudes: Values, weights: Values) -> float:
    """Where clipping and rounding cost the same: the paper's fixed-point iteration, for 8 bits."""
    clip = float(weights @ magnitudes)
    for _ in range(30):
        outside = magnitudes > clip
        rounding = 4.0**-8 / 3 * weights[~outside].sum()
        clip = float(weights[outside] @ magnitudes[outside] / (rounding + weights[outside].sum()))
    return clip


def _search(
    values: Values, weights: Values, exact: Function, integer: Function, low: float, high: float
) -> Affine:
    """Coordinate search over where to clip each end, coarse then fine."""
    target = exact(values)
    # Large values are few and carry the detections: unweighted, clipping them looks cheap, and the
    # scores sink.
    power = np.sqrt(weights @ np.square(target))
    importance = np.minimum(np.abs(target) / max(power, 1e-9), MOST_IMPORTANCE)
    weights = weights * (importance + LEAST_IMPORTANCE)
    weights = weights / weights.sum()

    def error(a: float, b: float) -> float:
        grid = Affine.from_range(a, b)
        q = np.clip(np.rint(values / grid.scale) + grid.zero_point, -128, 127)
        e = integer((q - grid.zero_point) * grid.scale) - target
        return float(weights @ np.square(e) + MEAN_ERROR_WEIGHT * (weights @ e) ** 2)

    low, high = min(low, 0.0), max(high, 0.0)
    starts = [(low, high), *((a, high) for a in (-8.0, -7.0, -6.5, -6.0, -5.0, -4.0) if low < a)]
    best = min((error(a, b), a, b) for a, b in starts)
    for factors, around_best in (
        (np.geomspace(0.02, 1.0, 24), False),
        (np.linspace(0.85, 1.15, 13), True),
    ):
        for _ in range(2):
            _, a, b = best
            ends = a if around_best else low
            best = min([best, *((error(ends * f, b), ends * f, b) for f in factors)])
            _, a, b = best
            ends = b if around_best else high
            best = min([best, *((error(a, ends * f), a, ends * f) for f in factors)])
    return Affine.from_range(best[1], best[2])
