"""Fits a cheaper function to a swish, for each channel: c * hard_swish(a * x + b) + d.

Most of an INT8 network's time on OpenVINO's CPU plugin goes into the exponentials of its swishes; a hard
swish is two products, a sum and two bounds. Taken as it stands it is another function (17 to 34 dB); with
four numbers for each channel, fitted to what the channel holds on the calibration pictures, it comes to 23
to 43 dB. docs/decisions/0005-openvino-int8.md has the figures.

hard_swish(y) = y * clip(y / 6 + 1/2, 0, 1), arXiv 1905.02244 section 5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge_edet.converters.calibrate.tensor_runs import FloatTensorRunner, Operators, Pixels, passes
from edge_edet.converters.int8 import FLOAT16_MAX, FittedSwish, applied, hard_swish, swish
from edge_edet.network import SQUEEZE, Array, Graph, Node
from edge_edet.terminal import Progress

PICTURES = 16
POSITIONS = 96  # of a channel and picture
LEAST_SHARE = 0.01  # of all the network's swish elements: smaller tensors cost no time
FACTORS = np.array((0.1, 0.25, 0.45, 0.7, 0.95, 1.3))  # a, where the search begins
SHIFTS = np.linspace(-2.0, 2.0, 9)  # b
STEPS = (0.15, 0.3)  # relative of a, absolute of b
ROUNDS, SHRINK = 6, 0.6
BEYOND = (1.0, 1.5, 2.0)  # times a channel's extremes, so that it stays near where no sample was
T = TypeVar("T")


def fittable(graph: Graph) -> list[Node]:
    """Return the swishes behind convolutions that are large enough to cost time, in execution order."""
    nodes = {node.name: node for node in graph.nodes}
    swishes = [n for n in graph.nodes if n.op == "swish" and SQUEEZE not in n.name]
    least = LEAST_SHARE * sum(_size(n) for n in swishes)
    return [
        n
        for n in swishes
        if _size(n) >= least and n.inputs[0] in nodes and nodes[n.inputs[0]].weight is not None
    ]


def _size(node: Node) -> int:
    return int(np.prod(node.shape))


def fit_swishes(
    graph: Graph,
    inputs: Sequence[T],
    load: Callable[[T], Pixels],
    threads: int,
    operators: Operators | None = None,
) -> dict[str, FittedSwish]:
    """Name of the swish -> what was fitted to it on some of the inputs. `load` gives [1, S, S, 3] uint8.

    Parameters
    ----------
    graph
        The network.
    inputs
        Pictures, or what stands for them.
    load
        Gives the picture, [1, height, width, 3] uint8, of an input.
    threads
        CPU threads of the runtime.
    operators
        As of TfliteLowering, for a graph with operators of its own.

    Returns
    -------
    dict[str, FittedSwish]
        What was fitted, by the name of the swish.
    """
    found = {}
    nodes = {node.inputs[0]: node for node in fittable(graph)}
    shapes = {name: node.shape for name, node in nodes.items()}
    parts = passes(list(nodes), shapes) if nodes else []
    chosen = inputs[:: max(len(inputs) // PICTURES, 1)][:PICTURES]
    with Progress("fitting activations", len(nodes), "tensors") as progress:
        for names in parts:
            run = FloatTensorRunner(graph, names, threads, operators)
            samples = _samples(run, names, [load(item) for item in chosen])
            for name, values in samples.items():
                found[nodes[name].name] = fit(values)
                progress.advance()
    return {node.name: found[node.name] for node in nodes.values()}


def _samples(
    run: FloatTensorRunner, names: list[str], pictures: Sequence[Pixels]
) -> dict[str, Array]:
    """Tensor -> [C, N] of its values at places drawn by seed."""
    random = np.random.default_rng(0)
    parts: dict[str, list[Array]] = {name: [] for name in names}
    for pixels in pictures:
        for name, values in run(pixels):
            rows = values.reshape(-1, values.shape[-1])
            places = random.choice(len(rows), min(POSITIONS, len(rows)), replace=False)
            parts[name].append(rows[np.sort(places)])
    return {name: np.ascontiguousarray(np.concatenate(v).T) for name, v in parts.items()}


def fit(x: Array) -> FittedSwish:
    """x: [C, N] float32, what each channel's swish is given."""
    beyond = [k * end for k in BEYOND for end in (x.min(axis=1), x.max(axis=1))]
    wide = np.concatenate([x, np.stack(beyond, axis=1)], axis=1)
    target = swish(wide)
    best = np.full((5, len(x)), np.inf)  # squared error, a, b, c, d
    for a in FACTORS:
        for b in SHIFTS:
            _take(best, wide, target, np.full(len(x), a), np.full(len(x), b))
    step_a, step_b = STEPS
    for _ in range(ROUNDS):
        a0, b0 = best[1].copy(), best[2].copy()
        for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)):
            _take(best, wide, target, a0 * (1 + i * step_a), b0 + j * step_b)
        step_a, step_b = step_a * SHRINK, step_b * SHRINK
    stored = np.clip(best[1:], -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
    lost = applied(stored, x) - swish(x)
    power, error = np.square(swish(x)).mean(), np.square(lost).mean()
    return FittedSwish(stored, round(float(10 * np.log10((power + 1e-20) / (error + 1e-20))), 1))


def _take(
    best: npt.NDArray[np.float64],
    x: Array,
    target: Array,
    a: npt.NDArray[np.float64],
    b: npt.NDArray[np.float64],
) -> None:
    """Take a and b as they will be stored where, with the best c and d, they come nearer."""
    a, b = a.astype(np.float16).astype(np.float64), b.astype(np.float16).astype(np.float64)
    h = hard_swish(a[:, None].astype(np.float32) * x + b[:, None].astype(np.float32))
    mean_h, mean_y = h.mean(axis=1, dtype=np.float64), target.mean(axis=1, dtype=np.float64)
    h -= mean_h[:, None].astype(np.float32)
    y = target - mean_y[:, None].astype(np.float32)
    power = np.einsum("cn,cn->c", h, h)
    c = np.where(power > 1e-9, np.einsum("cn,cn->c", h, y) / np.maximum(power, 1e-9), 0.0)
    error = np.square(c[:, None].astype(np.float32) * h - y).mean(axis=1)
    nearer = error < best[0]
    best[:, nearer] = np.stack([error, a, b, c, mean_y - c * mean_h])[:, nearer]
