"""Find the convolutions of an ONNX file: their weights, batch norms, and which feed which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.onnx.graph import OnnxFile, attributes_of
from edge_edet.converters.checkpoints.onnx.padding import pads_evenly
from edge_edet.errors import CheckpointError

__all__ = ["BatchNorm", "Convolution", "find_convolutions"]

MAX_CONVOLUTIONS = 4000  # D7x has 582
# Operators that may come before the first convolution: none of them changes a pixel.
_HARMLESS = ("Pad", "Cast", "CastLike", "Identity", "Transpose")
_DATA_INPUTS = {
    "Shape": 0,
    "Size": 0,
    "CastLike": 1,
}  # number of data inputs: of the others only shape or type is used
Array = NDArray[Any]


@dataclass(frozen=True)
class BatchNorm:
    """A batch norm; all arrays are [channels]."""

    gamma: Array
    beta: Array
    mean: Array
    variance: Array
    epsilon: float


@dataclass(frozen=True)
class Convolution:
    """One convolution.

    Attributes
    ----------
    name, input
        Of the weight's tensor, and of the value that it reads.
    weight
        [out, in / groups, h, w].
    bias
        [out], or None.
    norm
        The batch norm behind it, or None.
    stride
        The same in both directions.
    parents
        The nearest convolutions upstream, by index.
    rounding
        The largest relative error of the type that the weight is stored in.
    pads_evenly
        Whether it pads as PyTorch does, not as TensorFlow does.
    """

    name: str
    input: str
    weight: Array
    bias: Array | None
    norm: BatchNorm | None
    stride: int
    parents: frozenset[int]
    rounding: float
    pads_evenly: bool = False


def find_convolutions(file: OnnxFile) -> list[Convolution]:
    """Find all convolutions, in the order of the file.

    Raises
    ------
    CheckpointError
        When a weight is not floating point, a batch norm is not right behind a convolution, something
        changes the picture before the first one, or there are more than 4,000.
    """
    if sum(node.op_type == "Conv" for node in file.nodes) > MAX_CONVOLUTIONS:
        raise CheckpointError(f"has more than {MAX_CONVOLUTIONS} convolutions")
    found: list[Convolution] = []
    none: frozenset[int] = frozenset()
    upstream = dict.fromkeys([*file.tensors, *file.inputs, ""], none)
    pictures = set(file.inputs)  # values that are still the picture
    for node in file.nodes:
        data = node.input[: _DATA_INPUTS.get(node.op_type)]
        parents = none.union(*(upstream[name] for name in data))
        if node.op_type == "Conv":
            found.append(_convolution(file, node, parents))
            parents = frozenset([len(found) - 1])
        elif pictures.intersection(data):
            if node.op_type not in _HARMLESS:
                raise CheckpointError(
                    f"changes the picture before the first convolution ({node.op_type}): export "
                    "effdet's plain network, which takes the normalized picture"
                )
            pictures.update(node.output)
        for name in node.output:
            upstream[name] = parents
    norms = sum(node.op_type == "BatchNormalization" for node in file.nodes)
    if norms != sum(convolution.norm is not None for convolution in found):
        raise CheckpointError(
            f"has {norms} batch norms, not all of them right behind a convolution: give the file as "
            "torch.onnx.export wrote it"
        )
    return found


def _convolution(file: OnnxFile, node: Any, parents: frozenset[int]) -> Convolution:
    attributes = attributes_of(node)
    name = node.input[1] if len(node.input) > 1 else ""
    weight = file.constant(name)
    if weight is None or weight.dtype.kind != "f":
        raise CheckpointError(
            f"has a convolution whose weight {name[:80]!r} is not stored as floating point: "
            "export the float network, not a quantized one"
        )
    if weight.ndim != 4:
        raise CheckpointError(f"has a convolution with weight {name[:80]!r} of {weight.ndim} axes")
    bias = file.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    stride = _stride(name, weight, attributes)
    norm = _batch_norm(file, node.output[0])
    rounding = file.rounding(name)
    even = pads_evenly(attributes)
    return Convolution(name, node.input[0], weight, bias, norm, stride, parents, rounding, even)


def _stride(name: str, weight: Array, attributes: dict[str, Any]) -> int:
    """Read the stride; everything else but the padding must be as in EfficientDet."""
    strides = list(attributes.get("strides", [1, 1]))
    groups = attributes.get("group", 1)
    plain = {
        "square strides": len(strides) == 2 and strides[0] == strides[1],
        "no dilation": set(attributes.get("dilations", [1])) == {1},
        "one group, or one for each channel": groups in (1, weight.shape[0]),
    }
    for expected, holds in plain.items():
        if not holds:
            raise CheckpointError(f"has convolution {name[:80]!r}: expected {expected}")
    return int(strides[0])


def _batch_norm(file: OnnxFile, output: str) -> BatchNorm | None:
    """Find the batch norm that is the only reader of a convolution."""
    readers = file.readers(output)
    if len(readers) != 1 or readers[0].op_type != "BatchNormalization":
        return None
    parts = [file.constant(name) for name in readers[0].input[1:5]]
    arrays = [part for part in parts if part is not None and part.ndim == 1]
    if len(arrays) != 4 or len({array.shape for array in arrays}) != 1:
        raise CheckpointError(f"has a batch norm without its four constants: {output[:80]!r}")
    epsilon = float(attributes_of(readers[0]).get("epsilon", 1e-5))
    gamma, beta, mean, variance = (array.astype(np.float64) for array in arrays)
    return BatchNorm(gamma, beta, mean, variance, epsilon)
