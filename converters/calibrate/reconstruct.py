"""Layer-wise reconstruction: weights and biases that make up for what the integers before them lost.

Front to back each convolution is given what the integer network feeds it, and what the float network
makes of the same picture. Its weights are the ridge regression of the one on the other, pulled towards the
trained ones; its bias makes the channel means equal. Where a layer has too many inputs for that, each
output channel gets a gain and a bias; where all channels share one scale, the gains go into the integers.
Next to bias correction (arXiv 1906.04721 section 4.2) and AdaRound (arXiv 2004.10568) this is closed form,
and it corrects what earlier layers did as well as its own rounding.
docs/decisions/0002-channel-equalization.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_edet.converters.calibrate.tensor_runs import (
    FloatTensorRunner,
    Pixels,
    StagedInt8Runner,
    passes,
    picture_input,
)
from edge_edet.converters.int8 import (
    Affine,
    Quantized,
    QuantizedWeight,
    half,
    input_affine,
    input_zero_point,
    least_scale,
)
from edge_edet.converters.quantize import Correction, corrected, round_at
from edge_edet.network import Array, Graph, Node, borders
from edge_edet.pictures import PictureRange
from edge_edet.terminal import Progress

PICTURES = 16
POSITIONS = 256  # of a layer's output and picture that enter the regression
MOST_INPUTS = 64  # of one output value, for a layer whose weights are refitted
SAMPLES_PER_INPUT = 8
LEAST_SAMPLES = 64  # for a gain: squeeze-and-excitation has one position a picture
RIDGE = 0.1  # of the inputs' mean square, that pulls towards the trained weights
GAINS = (0.5, 2.0)
SLICE = 64  # depthwise channels at once
Doubles = npt.NDArray[np.float64]
Places = dict[str, list[npt.NDArray[np.int64]]]


@dataclass(frozen=True)
class Reconstruction:
    """Layer -> its correction, and the integers with all of them applied."""

    corrections: dict[str, Correction]
    quantized: Quantized


def reconstruct(
    graph: Graph,
    quantized: Quantized,
    pictures: Sequence[Path],
    threads: int,
    picture_range: PictureRange = None,
) -> Reconstruction:
    """Correct every convolution that has no activation fused into it, which would hide its output.

    Parameters
    ----------
    graph, quantized
        The network to write and its integers, as `quantize` gives them.
    pictures
        PICTURES of them are run through both networks.
    threads
        Of the interpreters.
    picture_range
        How the pictures are read, as `edge_edet.load` takes it.

    Raises
    ------
    ImageError
        For a file that is no picture.
    """
    layers = [n for n in graph.nodes if n.weight is not None and n.activation == "none"]
    chosen = pictures[:: max(len(pictures) // PICTURES, 1)][:PICTURES]
    inputs = [picture_input(path, graph.variant, picture_range) for path in chosen]
    groups = _groups(graph, {node.name for node in layers})
    walk = StagedInt8Runner(graph, inputs, threads)
    places = _places(layers, len(inputs))
    found: dict[str, Correction] = {}
    with Progress("reconstructing layers", len(groups) + 1, "groups") as progress:
        wanted = _float_outputs(graph, layers, inputs, places, threads)
        progress.advance()
        for group in groups:
            given = _integer_inputs(walk, quantized, group, places)
            new = {}
            for node in group:
                grid = quantized.activations.get(node.inputs[0])
                x = _real(given.pop(node.name), grid, graph)
                weight, source = quantized.weights[node.name], grid or input_affine(graph)
                new[node.name] = fit(node, weight, source, x, wanted.pop(node.name))
            quantized = corrected(graph, quantized, new)
            found |= new
            progress.advance()
    return Reconstruction(found, quantized)


def fit(node: Node, weight: QuantizedWeight, source: Affine, x: Array, y: Array) -> Correction:
    """Return the correction of one layer, whose input is on the grid `source`.

    x: [N, k * k, channels in], patches of the integer input in real units; y: [N, channels out], what the
    float network gives there.
    """
    assert node.weight is not None
    assert node.bias is not None
    trained, integers = _rows(node.weight, node.op), _rows(weight.values, node.op)
    scale = weight.scale.astype(np.float64)
    many = len(y) >= LEAST_SAMPLES
    refit = trained.shape[2] <= MOST_INPUTS and len(y) >= SAMPLES_PER_INPUT * trained.shape[2]
    mean_x, square, cross = _moments(node.op, x, y)
    if refit:
        ridge = RIDGE * np.trace(square, axis1=1, axis2=2) / square.shape[1] + 1e-9
        normal = square + ridge[:, None, None] * np.eye(square.shape[1])
        residual = cross - trained @ square
        fitted = trained + np.linalg.solve(normal, residual.transpose(0, 2, 1)).transpose(0, 2, 1)
        gain = np.abs(fitted).max(axis=2).reshape(-1) / 127 / scale
    else:
        real = integers * scale.reshape(*integers.shape[:2], 1)
        explained = ((real @ square) * real).sum(axis=2)
        gain = ((cross * real).sum(axis=2) / np.maximum(explained, 1e-12)).reshape(-1)
    # A channel whose weights are next to nothing says what it says by its bias alone.
    alive = (scale > 1.01 * least_scale(node.bias, source)) & np.isfinite(gain) & many
    if weight.per_tensor:
        if not refit:
            gain = np.where(alive, np.clip(gain, *GAINS), 1.0)
            fitted, refit = trained * gain.reshape(*trained.shape[:2], 1), True
        gain = np.full(scale.shape, np.abs(fitted).max() / 127 / scale[0])
        alive = np.full(scale.shape, many)
    stored = half(np.where(alive, np.clip(gain, *GAINS), 1.0))
    new_scale = weight.scale * stored.astype(np.float32)
    steps = np.zeros(0, np.int8)
    if refit:
        base = _rows(round_at(node.weight, new_scale, node.op), node.op)
        column = new_scale.astype(np.float64).reshape(*integers.shape[:2], 1)
        integers = np.clip(np.rint(fitted / column), -127, 127)
        change = np.clip(integers - base, -127, 127)
        integers = np.clip(base + change, -127, 127)
        steps = _weight_order(change, node).astype(np.int8)
    real = integers * new_scale.astype(np.float64).reshape(*integers.shape[:2], 1)
    mean = (real @ mean_x[:, :, None])[:, :, 0].reshape(-1)
    return Correction(stored, half(y.mean(axis=0, dtype=np.float64) - mean - node.bias), steps)


def _rows(weight: npt.NDArray[np.generic], op: str) -> Doubles:
    """Return [groups, outputs of a group, inputs of an output]: one group, or one for each channel."""
    if op == "depthwise":
        flat = weight.reshape(-1, weight.shape[3]).T[:, None, :]
    else:
        flat = weight.reshape(1, weight.shape[0], -1)
    return np.asarray(flat, np.float64)


def _weight_order(rows: Doubles, node: Node) -> Doubles:
    """Return the inverse of _rows, flat."""
    return rows[:, 0].T.reshape(-1) if node.op == "depthwise" else rows.reshape(-1)


def _moments(op: str, x: Array, y: Array) -> tuple[Doubles, Doubles, Doubles]:
    """Means [groups, inputs], second moments [groups, inputs, inputs] and [groups, outputs, inputs]."""
    if op != "depthwise":
        return _group_moments(x.reshape(1, len(x), -1), y[None])
    parts = []
    for start in range(0, y.shape[1], SLICE):
        channels = slice(start, start + SLICE)
        patches = np.ascontiguousarray(x[:, :, channels].transpose(2, 0, 1))
        parts.append(_group_moments(patches, y[:, channels].T[:, :, None]))
    means, squares, crosses = zip(*parts, strict=True)
    return np.concatenate(means), np.concatenate(squares), np.concatenate(crosses)


def _group_moments(x: Array, y: Array) -> tuple[Doubles, Doubles, Doubles]:
    """x: [groups, N, inputs]; y: [groups, N, outputs]. Moments are taken around the means."""
    mean = x.mean(axis=1, dtype=np.float64)
    x = x - mean[:, None].astype(np.float32)
    y = y - y.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    count, turned = x.shape[1], x.transpose(0, 2, 1)
    square = (turned @ x).astype(np.float64) / count
    cross = (y.astype(np.float32).transpose(0, 2, 1) @ x).astype(np.float64) / count
    return mean, square, cross


# --- what the two networks hold ----------------------------------------------------------------------


def _groups(graph: Graph, names: set[str]) -> list[list[Node]]:
    """Return the layers in such an order that none of a group sees another of its group or a later one."""
    depth = {graph.input_name: 0}
    groups: dict[int, list[Node]] = {}
    for node in graph.nodes:
        own = max(depth[name] for name in node.inputs)
        if node.name in names:
            groups.setdefault(own, []).append(node)
            own += 1
        depth[node.name] = own
    return [groups[key] for key in sorted(groups)]


def _places(layers: Sequence[Node], count: int) -> Places:
    """Layer -> for each picture the positions, row by row, that are looked at."""
    random = np.random.default_rng(0)
    places: Places = {}
    for node in layers:
        size = node.shape[1] * node.shape[2]
        draws = (random.choice(size, min(POSITIONS, size), replace=False) for _ in range(count))
        places[node.name] = [np.sort(draw) for draw in draws]
    return places


def _float_outputs(
    graph: Graph, layers: Sequence[Node], inputs: Sequence[Pixels], places: Places, threads: int
) -> dict[str, Array]:
    """Layer -> [N, channels] of the float network."""
    parts: dict[str, list[Array]] = {node.name: [] for node in layers}
    for names in passes(list(parts), {node.name: node.shape for node in layers}):
        run = FloatTensorRunner(graph, names, threads)
        for number, pixels in enumerate(inputs):
            for name, values in run(pixels):
                parts[name].append(values.reshape(-1, values.shape[-1])[places[name][number]])
    return {name: np.concatenate(values) for name, values in parts.items()}


def _integer_inputs(
    walk: StagedInt8Runner, quantized: Quantized, group: Sequence[Node], places: Places
) -> dict[str, npt.NDArray[np.generic]]:
    """Layer -> [N, k * k, channels] of what the integer network feeds it: int8, or the picture itself."""
    graph = walk.graph
    grids = {node.name: quantized.activations.get(node.inputs[0]) for node in group}
    sources = {n.name: n.inputs[0] if grids[n.name] else graph.input_name for n in group}
    parts: dict[str, list[npt.NDArray[np.generic]]] = {node.name: [] for node in group}
    for number, tensors in enumerate(walk(quantized, sorted(set(sources.values())))):
        for node in group:
            grid = grids[node.name]
            zero = input_zero_point(graph) if grid is None else grid.zero_point
            image = tensors[sources[node.name]][0]
            parts[node.name].append(_patches(image, node, places[node.name][number], zero))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _patches(
    image: npt.NDArray[np.generic], node: Node, places: npt.NDArray[np.int64], zero: int
) -> npt.NDArray[np.generic]:
    """[positions, k * k, channels] of an image [h, w, channels]."""
    assert node.weight is not None
    size, stride = node.weight.shape[1], node.attrs["stride"]
    around = borders(node, (1, *image.shape))
    padded = np.pad(image, (*around, (0, 0)), constant_values=zero)
    rows, columns = places // node.shape[2] * stride, places % node.shape[2] * stride
    shifts = [(i, j) for i in range(size) for j in range(size)]
    return np.stack([padded[rows + i, columns + j] for i, j in shifts], axis=1)


def _real(values: npt.NDArray[np.generic], grid: Affine | None, graph: Graph) -> Array:
    if grid is None:  # the stem: its bias takes over what its zero point is off
        return np.asarray(values - np.asarray(graph.variant.mean), np.float32)
    return (values.astype(np.float32) - grid.zero_point) * np.float32(grid.scale)
