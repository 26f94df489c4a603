"""What layer-wise reconstruction changes in a quantized network: small enough to travel in a record."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import Quantized, channel_axis
from edge_edet.errors import InputError
from edge_edet.network import Graph

Halves = npt.NDArray[np.float16]
TINY = 1e-30


@dataclass(frozen=True)
class Correction:
    """Of one convolution with O output channels.

    gain: [O], factor of the weight's scale; shift: [O], added to the bias in real units; steps: [weights],
    added to the weight rounded at the new scale, or empty where the integers stay as they are.

    Attributes
    ----------
    gain
        [O], factor of the weight's scale.
    shift
        [O], added to the bias, in real units.
    steps
        [weights], added to the weight rounded at the new scale; empty where the integers stay
        as they are.
    """

    gain: Halves
    shift: Halves
    steps: npt.NDArray[np.int8]


Corrections = Mapping[str, Correction]


def corrected(graph: Graph, quantized: Quantized, corrections: Corrections) -> Quantized:
    """Apply the corrections to the integers.

    Parameters
    ----------
    graph
        The network.
    quantized
        The integers.
    corrections
        By layer.

    Returns
    -------
    Quantized
        The corrected integers.

    Raises
    ------
    InputError
        Where the corrections are of another network.
    """
    nodes = {node.name: node for node in graph.nodes}
    weights, biases = dict(quantized.weights), dict(quantized.biases)
    for name, correction in corrections.items():
        node = nodes.get(name)
        old = weights.get(name)
        if node is None or node.weight is None or node.bias is None or old is None:
            raise InputError(f"the calibration corrects {name}, which this network has not")
        if correction.gain.size != old.scale.size or correction.steps.size not in (
            0,
            node.weight.size,
        ):
            raise InputError(
                f"the calibration corrects {correction.gain.size} channels and "
                f"{correction.steps.size} weights of {name}, the network has {old.scale.size} and "
                f"{node.weight.size}: calibrate again"
            )
        if old.per_tensor and np.ptp(correction.gain) > 0:
            raise InputError(
                f"the calibration corrects channels of {name} by gains of their own, and its weights "
                "have one scale: give pictures with --calibration DIR"
            )
        scale = old.scale * correction.gain.astype(np.float32)
        values = old.values
        if correction.steps.size:
            steps = correction.steps.reshape(node.weight.shape).astype(np.int32)
            rounded = round_at(node.weight, scale, node.op).astype(np.int32) + steps
            values = np.clip(rounded, -127, 127).astype(np.int8)
        weights[name] = dataclasses.replace(old, values=values, scale=scale)
        biases[name] = np.asarray(node.bias + correction.shift.astype(np.float32), np.float32)
    return dataclasses.replace(quantized, weights=weights, biases=biases)


def round_at(
    weight: npt.NDArray[np.float32], scale: npt.NDArray[np.float32], op: str
) -> npt.NDArray[np.int8]:
    """Return the nearest integers at given scales of the output channels.

    Parameters
    ----------
    weight
        Of a convolution.
    scale
        [output channels], in real units.
    op
        Conv or depthwise.

    Returns
    -------
    npt.NDArray[np.int8]
        Of the weight's shape.
    """
    shape = [1] * weight.ndim
    shape[channel_axis(op)] = -1
    values = np.clip(np.rint(weight / scale.reshape(shape)), -127, 127)
    return np.asarray(values, np.int8)


def changes(graph: Graph, quantized: Quantized) -> dict[str, dict[str, float]]:
    """Of each corrected layer, for the manifest: how far it is from the graph's own weights.

    weights_db: signal over error of the stored weights, 35 to 45 where they are only rounded; bias: the
    largest change of one, in real units.

    Parameters
    ----------
    graph
        The network.
    quantized
        The corrected integers.

    Returns
    -------
    dict[str, dict[str, float]]
        Weights_db and bias by layer.
    """
    found = {}
    for node in graph.nodes:
        bias, weight = quantized.biases.get(node.name), quantized.weights.get(node.name)
        if bias is None or weight is None or node.weight is None or node.bias is None:
            continue
        if node.name in quantized.float_nodes:
            continue
        exact = node.weight.astype(np.float64)
        shape = [1] * exact.ndim
        shape[weight.channel_axis] = -1
        error = weight.values * weight.scale.astype(np.float64).reshape(shape) - exact
        power, lost = float(np.square(exact).sum()), float(np.square(error).sum())
        ratio = 10 * math.log10(max(power, TINY) / max(lost, TINY))
        shift = float(np.abs(bias.astype(np.float64) - node.bias).max())
        found[node.name] = {"weights_db": round(ratio, 2), "bias": float(f"{shift:.6g}")}
    return found
