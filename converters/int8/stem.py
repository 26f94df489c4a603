"""The grid of the picture, which the stem's convolution reads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8.affine import INT8_MIN, Affine, QuantizedWeight
from edge_edet.network import Graph


def input_zero_point(graph: Graph) -> int:
    """Return the grey level that the integer graph takes as zero.

    The mean itself is folded into the stem's bias, so it is exact but for the one padded row and
    column of the stem, which see this grey instead of the mean colour.

    Parameters
    ----------
    graph
        The network.

    Returns
    -------
    int
        From 0 to 255.
    """
    return round(float(np.mean(graph.variant.mean)))


def input_affine(graph: Graph) -> Affine:
    """Return the stem's int8 input: one step is one grey level.

    Parameters
    ----------
    graph
        The network.

    Returns
    -------
    Affine
        The grid.
    """
    return Affine(1.0, input_zero_point(graph) + INT8_MIN)


def stem_shift(graph: Graph, weight: QuantizedWeight) -> npt.NDArray[np.float64]:
    """Return what the stem's bias takes over: its input is x - zero point and should be x - mean.

    Parameters
    ----------
    graph
        The network.
    weight
        The stem's integers.

    Returns
    -------
    npt.NDArray[np.float64]
        [output channels], in real units.
    """
    shift = input_zero_point(graph) - np.asarray(graph.variant.mean, np.float64)  # [3]
    return np.asarray((weight.dequantize().astype(np.float64) * shift).sum(axis=(1, 2, 3)))
