"""Checks that the INT8 model's weights and biases are those of its float model, rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.inspect.errors.error_sums import decibels
from edge_edet.converters.inspect.tflite import GraphIndex, Rewritable, TensorPair
from edge_edet.formats import TensorInfo
from edge_edet.formats.tflite import OperatorInfo

BAD_WEIGHTS_DB = 20.0  # int8 weights keep 35 to 45
BAD_BIAS_STEPS = 8.0
STATED_MARGIN_DB = 0.5  # of what the manifest says of corrected weights
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
Change = tuple[float, float]
NOTHING: Mapping[str, Change] = MappingProxyType({})
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ConstantError:
    """The error of one convolution's constants.

    Attributes
    ----------
    name
        The convolution's output tensor.
    weight_db
        Signal over rounding error of its weights, in dB; about 40 in a sound model.
    bias_steps
        Largest error of a bias, in steps of the output's grid. None for the first convolution, whose
        bias also contains the mean colour.
    source
        OpenVINO only: the tensor that the convolution's fake quantizer reads.
    gain
        OpenVINO only: factor between the stored weights and those that would fit the fake quantizer,
        where this factor is the only thing wrong with them.
    least_weight_db, most_bias_steps
        Limits of a sound file. Where the manifest states how far a recipe moved this layer, the limits
        allow for that.
    """

    name: str
    weight_db: float
    bias_steps: float | None
    source: str = ""
    gain: float | None = None
    least_weight_db: float = BAD_WEIGHTS_DB
    most_bias_steps: float = BAD_BIAS_STEPS

    @property
    def weights_differ(self) -> bool:
        """Whether the weights are not those of the float model."""
        return self.weight_db < self.least_weight_db

    @property
    def bias_differs(self) -> bool:
        """Whether a bias is not that of the float model."""
        return (self.bias_steps or 0.0) > self.most_bias_steps

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, ready for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return asdict(self)


def compare_constants(
    integer: Rewritable,
    exact: Rewritable,
    pairs: Sequence[TensorPair],
    corrected: Mapping[str, Change] = NOTHING,
) -> list[ConstantError]:
    """Compare the weights and biases of every convolution that is INT8 in one file and float32 in the other.

    Parameters
    ----------
    integer, exact
        The INT8 model and its float model.
    pairs
        Their paired tensors, from `match_tensors`.
    corrected
        How far a recipe moved each layer on purpose, from `stated_changes`.

    Returns
    -------
    list of ConstantError
        In execution order.
    """
    graph = GraphIndex(integer)
    written = {exact.model.tensors[t].name: op for op in exact.model.operators for t in op.outputs}
    writers = {t: op for op in integer.model.operators for t in op.outputs}
    factors = graph.factors({t.name for t in exact.model.tensors})
    held = {pair.integer.index: pair.channels for pair in pairs if pair.channels is not None}
    found = []
    for pair in pairs:
        op, other = writers[pair.integer.index], written[pair.exact.name]
        if op.name not in CONVOLUTIONS or op.name != other.name or len(op.inputs) != 3:
            continue
        values = [
            (_values(integer, a), _values(exact, b))
            for a, b in _constants(integer, op, exact, other)
        ]
        (weight, weight_exact), (bias, bias_exact) = values
        depthwise = op.name == "DEPTHWISE_CONV_2D"
        if pair.channels is not None and weight_exact is not None and bias_exact is not None:
            weight_exact = np.take(weight_exact, pair.channels, 3 if depthwise else 0)
            bias_exact = bias_exact[pair.channels]
        if weight is None or weight_exact is None or weight.shape != weight_exact.shape:
            continue
        if not depthwise and op.inputs[0] in held:
            weight_exact = weight_exact[..., held[op.inputs[0]]]
        out, into = pair.factors, factors.get(op.inputs[0])
        if out is not None:
            weight_exact = weight_exact / out.reshape((1, 1, 1, -1) if depthwise else (-1, 1, 1, 1))
        if into is not None:
            weight_exact = weight_exact * into
        error = decibels(
            float(np.square(weight_exact).sum()), float(np.square(weight - weight_exact).sum())
        )
        steps = None
        step = (pair.integer.scales[0] if pair.is_integer else 0.0) or 1.0
        reads_picture = any(graph.is_input_itself(w) for i in op.inputs if (w := writers.get(i)))
        if bias is not None and bias_exact is not None and not reads_picture and pair.is_integer:
            scaled = bias_exact if out is None else bias_exact / out
            steps = float(np.abs(bias - scaled).max() / step)
        least, most = _allowed(corrected.get(pair.name), step)
        found.append(
            ConstantError(pair.name, error, steps, least_weight_db=least, most_bias_steps=most)
        )
    return found


def stated_changes(recipe: object) -> dict[str, Change]:
    """Read from the manifest's recipe how far it corrected each layer.

    Parameters
    ----------
    recipe
        The manifest's `recipe` object; anything else has no corrections.

    Returns
    -------
    dict
        Name of the layer -> (signal over change of its weights in dB, largest change of a bias).
    """
    stated = recipe.get("corrected") if isinstance(recipe, Mapping) else None
    found = {}
    for name, values in stated.items() if isinstance(stated, Mapping) else ():
        if not isinstance(values, Mapping):
            continue
        weights, bias = values.get("weights_db"), values.get("bias")
        if isinstance(weights, int | float) and isinstance(bias, int | float):
            found[str(name)] = (float(weights), float(bias))
    return found


def _allowed(change: Change | None, step: float) -> tuple[float, float]:
    """Return the least weight_db and the most bias_steps of a sound layer."""
    if change is None:
        return BAD_WEIGHTS_DB, BAD_BIAS_STEPS
    return min(BAD_WEIGHTS_DB, change[0] - STATED_MARGIN_DB), BAD_BIAS_STEPS + change[1] / step


def _constants(
    integer: Rewritable, op: OperatorInfo, exact: Rewritable, other: OperatorInfo
) -> list[tuple[TensorInfo, TensorInfo]]:
    return [
        (integer.model.tensors[op.inputs[i]], exact.model.tensors[other.inputs[i]]) for i in (1, 2)
    ]


def _values(model: Rewritable, tensor: TensorInfo) -> Doubles | None:
    """Return a constant's real values; None if it is computed, or stored in an unknown type."""
    if not tensor.is_constant or tensor.dtype not in ("float32", "int8", "int32"):
        return None
    raw = model.constant(tensor.index).view(tensor.dtype).reshape(tensor.shape).astype(np.float64)
    if tensor.dtype == "float32":
        return raw
    if not tensor.scales:
        return None
    shape = [1] * raw.ndim
    shape[tensor.axis] = -1 if len(tensor.scales) > 1 else 1
    zeros = np.asarray(tensor.zero_points, np.float64).reshape(shape)
    return (raw - zeros) * np.asarray(tensor.scales, np.float64).reshape(shape)
