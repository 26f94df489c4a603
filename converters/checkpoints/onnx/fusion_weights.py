"""Find the fusion weights of a BiFPN node from the constants that its inputs are multiplied by.

effdet stacks input * weight / (sum of weights + epsilon) and sums. Exporters keep the weights, or their
relu, or one constant for each input. In 16 bits such constants may add up to 1 or more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from edge_edet.converters.checkpoints.onnx.graph import ROUNDING, OnnxFile
from edge_edet.errors import CheckpointError
from edge_edet.network import FUSION_EPSILON

__all__ = ["fusion_weights"]

AGREEMENT = 1e-5  # relative: float32 rounding of a product and a quotient, with room
ROUNDINGS = (
    6  # of a coarser type, relative: weights, up to three sums, the quotient, and its storing
)
MAX_STEPS = 24  # between a node's fusion and the convolution behind it
_THROUGH = ("Unsqueeze", "Identity", "Cast", "Reshape")


def fusion_weights(file: OnnxFile, tensor: str, count: int, place: str) -> NDArray[np.float32]:
    """Find weights of fast fusion that give the factors of a node.

    Parameters
    ----------
    file
        The graph.
    tensor
        The value that the node's convolution reads.
    count
        The number of inputs of the node.
    place
        The node's name, for messages.

    Returns
    -------
    ndarray
        [count] the weights of the checkpoint if the file stores them, else equivalent ones.

    Raises
    ------
    CheckpointError
        When the inputs are not stacked, or the factors are not those of fast fusion.
    """
    read = [_factor(file, name) for name in _stacked(file, tensor, count, place)]
    factors = np.asarray([factor for factor, _ in read])
    rounding = max(rounding for _, rounding in read)
    agreement = max(AGREEMENT, ROUNDINGS * rounding)
    apart = {}
    for raw in _stored(file, tensor, count):
        positive = np.maximum(raw.astype(np.float64), 0)
        fused = positive / (positive.sum() + FUSION_EPSILON)
        if np.allclose(fused, factors, agreement, 1e-7):
            apart[float(np.abs(fused - factors).max())] = raw
    if apart:
        return np.asarray(apart[min(apart)], np.float32)
    rest = 1 - factors.sum()
    if (factors >= 0).all() and rest <= 1e-8 and -rest <= ROUNDINGS * rounding:
        # Rounded to 1 or more: weights whose factors are as close to that as the type can show.
        largest = max(1.0, FUSION_EPSILON / max(rounding, ROUNDING[TensorProto.FLOAT]))
        return np.asarray(factors / factors.sum() * largest, np.float32)
    if (factors < 0).any() or not 1e-8 < rest < 1:
        raise CheckpointError(
            f"fuses {place} with factors {np.round(factors, 6).tolist()}: expected fast fusion's, "
            "which add up to a little less than 1; give the file as torch.onnx.export wrote it, or the "
            "checkpoint where it was trained with another fusion (fpn_name)"
        )
    return np.asarray(factors * (FUSION_EPSILON / rest), np.float32)


def _upstream(file: OnnxFile, tensor: str) -> list[Any]:
    """List the operators before a tensor, nearest first, up to convolutions and pools."""
    found: list[Any] = []
    seen: set[int] = set()
    names = [tensor]
    for _ in range(MAX_STEPS):
        indexes = [file.producers[name] for name in names if name in file.producers]
        fresh = [i for i in dict.fromkeys(indexes) if i not in seen]
        seen.update(fresh)
        nodes = [file.nodes[i] for i in fresh]
        nodes = [node for node in nodes if node.op_type not in ("Conv", "MaxPool", "Shape")]
        found += nodes
        names = [name for node in nodes for name in node.input]
    return found


def _stacked(file: OnnxFile, tensor: str, count: int, place: str) -> list[str]:
    for node in _upstream(file, tensor):
        if node.op_type == "Concat" and len(node.input) == count:
            return list(node.input)
    raise CheckpointError(f"does not stack the {count} inputs of {place} as effdet does")


def _factor(file: OnnxFile, tensor: str) -> tuple[float, float]:
    """Multiply the constants on the way to the tensor that is fused; returns the rounding too."""
    factor, rounding = 1.0, 0.0
    for _ in range(MAX_STEPS):
        node = file.producer(tensor)
        if node is None or node.op_type not in (*_THROUGH, "Mul", "Div"):
            break
        tensor = node.input[0]
        if node.op_type in _THROUGH:
            continue
        name = node.input[1]
        operand = file.constant(name)
        if operand is None and node.op_type == "Mul":
            name, tensor = node.input[0], node.input[1]
            operand = file.constant(name)
        if operand is None or operand.size != 1:
            break
        value = float(operand.reshape(-1)[0])
        rounding = max(rounding, file.rounding(name))
        factor = factor * value if node.op_type == "Mul" else factor / value if value else np.nan
    return factor, rounding


def _stored(file: OnnxFile, tensor: str, count: int) -> list[NDArray[Any]]:
    """List the constants of the right size among the operators of this node's fusion."""
    names = dict.fromkeys(name for node in _upstream(file, tensor) for name in node.input)
    arrays = [file.tensors[name] for name in names if name in file.tensors]
    sized = [t.name for t in arrays if list(t.dims) == [count]]
    found = [file.constant(name) for name in sized]
    return [array for array in found if array is not None and array.dtype.kind == "f"]
