"""The float network as data: a list of nodes in execution order, each naming its one output tensor.

Shapes are NHWC with batch 1. Convolution weights are float32, batch norm already folded in:
`conv` [out, h, w, in], `depthwise` [1, h, w, channels], biases [out].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError
from edge_edet.variants import Variant

Array = npt.NDArray[np.float32]
SQUEEZE = "/se/"  # in the names of squeeze-and-excitation

# op: what it computes, and its attributes
OPS = {
    "normalize": "input minus the per-channel mean (the scale is in the stem): mean",
    "conv": "2-D convolution: stride, activation, padding as `borders` reads it",
    "depthwise": "depthwise convolution: stride, activation, padding as `borders` reads it",
    "add": "sum of two tensors: activation",
    "mul": "product of two tensors, the second may be [1, 1, 1, C]",
    "scale": "product with a positive constant: factor",
    "swish": "x * sigmoid(factors * x): factors per channel, 1 where absent",
    "sigmoid": "logistic function",
    "mean": "mean over height and width, dimensions kept",
    "maxpool": "3x3 stride 2 max pool: padding 'ignore', 'symmetric' (ignored too) or 'zero'",
    "resize": "nearest neighbour to the output's size",
    "reshape": "same elements, new shape",
    "concat": "along `axis`, 1 where absent, or 3, the channels",
    # in the studies of converters/studies/ only:
    "relu": "the positive part",
    "leaky_relu": "x where positive, else alpha * x",
    "fusion": "weighted sum, weights normalized at run time: values, method, stacked",
}


@dataclass
class Node:
    """One operation of the network.

    Attributes
    ----------
    op
        A key of OPS.
    name
        Also the name of its output tensor, and its place in the network.
    inputs
        Names of the tensors that it reads.
    shape
        NHWC shape of its output.
    weight_shape, weight, bias
        Of convolutions, in the layouts above; the values are None where a graph has shapes only.
    attrs
        Attributes of the operation, see OPS.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    weight_shape: tuple[int, ...] | None = None
    weight: Array | None = None
    bias: Array | None = None
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def activation(self) -> str:
        """The activation fused into this node: "none", "relu6" or "relu"."""
        return str(self.attrs.get("activation", "none"))


def borders(node: Node, source: tuple[int, ...]) -> list[tuple[int, int]]:
    """Compute how far a convolution or max pool reads beyond its input.

    Parameters
    ----------
    node
        The operation.
    source
        NHWC shape of its input.

    Returns
    -------
    list of (int, int)
        Pixels (before, after) of height, then of width.

    Notes
    -----
    Where the number is odd, the extra one comes after, as in TensorFlow's SAME, or, with padding "symmetric",
    before: PyTorch pads (kernel - 1) / 2 on both sides, and at stride 2 the last one of an even size is not
    read. Odd sizes and stride 1 are padded alike in both.
    """
    kernel = 3 if node.weight_shape is None else node.weight_shape[1]
    stride = int(node.attrs.get("stride", 2))
    found = []
    for size, out in zip(source[1:3], node.shape[1:3], strict=True):
        total = max((out - 1) * stride + kernel - size, 0)
        less, more = total // 2, total - total // 2
        first = node.attrs.get("padding") == "symmetric"
        found.append((more, less) if first else (less, more))
    return found


@dataclass
class Graph:
    """Nodes in execution order.

    Attributes
    ----------
    input_name
        Name of the input tensor.
    outputs
        Role ("boxes", "classes") -> tensor name.
    """

    variant: Variant
    input_name: str
    nodes: list[Node]
    outputs: dict[str, str]

    def node(self, name: str) -> Node:
        """Return the node of that name.

        Parameters
        ----------
        name
            Of the node's output tensor.

        Returns
        -------
        Node
            The node.

        Raises
        ------
        InputError
            Where there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise InputError(f"the network has no tensor {name!r}")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the input, [1, height, width, 3]."""
        return (1, *self.variant.input_size, 3)

    def consumers(self) -> dict[str, list[Node]]:
        """Return tensor name -> the nodes that read it.

        Returns
        -------
        dict[str, list[Node]]
            Nodes by the name of the tensor that they read.
        """
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node.inputs:
                found.setdefault(name, []).append(node)
        return found

    def multiply_adds(self) -> int:
        """Count the multiply-adds of all convolutions at the variant's image size.

        Returns
        -------
        int
            For one picture.
        """
        return sum(node_multiply_adds(node) for node in self.nodes)


def node_multiply_adds(node: Node) -> int:
    """Count the multiply-adds of one node: output positions times kernel size; 0 if no convolution.

    Parameters
    ----------
    node
        Of a graph.

    Returns
    -------
    int
        For one picture.
    """
    if node.weight_shape is None:
        return 0
    height, width = node.shape[1:3]
    return height * width * math.prod(node.weight_shape)
