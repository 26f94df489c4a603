"""Bias correction: moves the biases of linear layers so that channel means equal the float ones.

After arXiv 1906.04721 section 4.2, with means measured on pictures instead of derived. Front to back in
groups, since correcting a layer changes what the later ones see. Layers in front of an activation
are left alone: there clipping shifts the mean on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_edet.converters.calibration import Pass, picture_input
from edge_edet.converters.graph import Graph, Node
from edge_edet.converters.quantized import Quantized
from edge_edet.progress import Progress

GROUPS = 24
PICTURES = 16


def correct_biases(graph: Graph, quantized: Quantized, pictures: Sequence[Path],
                   threads: int) -> None:  # fmt: skip
    """Sets `quantized.biases` of the linear layers."""
    layers = list(_linear_layers(graph))
    names = [node.name for node in layers]
    chosen = pictures[:: max(len(pictures) // PICTURES, 1)][:PICTURES]
    groups = [part.tolist() for part in np.array_split(np.arange(len(layers)), GROUPS)]
    with Progress("correcting biases", len(groups) + 1, "groups") as progress:
        wanted = _means(graph, None, names, chosen, threads)
        progress.advance()
        for group in groups:
            members = [layers[i] for i in group]
            found = _means(graph, quantized, [node.name for node in members], chosen, threads)
            for node in members:
                assert node.bias is not None
                bias = quantized.biases.get(node.name, node.bias)
                shift = wanted[node.name] - found[node.name]
                quantized.biases[node.name] = np.asarray(bias + shift, np.float32)
            progress.advance()


def _linear_layers(graph: Graph) -> Iterator[Node]:
    consumers = graph.consumers()
    for node in graph.nodes:
        readers = {reader.op for reader in consumers.get(node.name, [])}
        if node.weight is not None and not readers & {"swish", "sigmoid", "reshape"}:
            yield node


def _means(graph: Graph, quantized: Quantized | None, names: list[str], pictures: Sequence[Path],
           threads: int) -> dict[str, npt.NDArray[np.float64]]:  # fmt: skip
    """Tensor -> mean of each channel over the pictures, in real units."""
    if not names:
        return {}
    run = Pass(graph, names, threads, quantized)
    sums = dict.fromkeys(names, np.zeros(()))
    for path in pictures:
        for name, values in run(picture_input(path, graph.variant)):
            mean = values.reshape(-1, values.shape[-1]).mean(axis=0, dtype=np.float64)
            sums[name] = sums[name] + mean / len(pictures)
    if quantized is not None:
        for name in names:
            grid = quantized.activations[name]
            sums[name] = (sums[name] - grid.zero_point) * grid.scale
    return sums
