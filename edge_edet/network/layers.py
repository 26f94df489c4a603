"""The layers that a network is built of: nodes, with batch norm folded into the convolutions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edge_edet.network.architecture import BATCH_NORM_EPSILON
from edge_edet.network.graph import Array, Node
from edge_edet.variants import Variant

__all__ = ["LayerBuilder", "Weights"]

LEAKY_ALPHA = 0.1
FUSED_ACTIVATIONS = ("relu6", "relu")
Weights = Mapping[str, Array]
Doubles = npt.NDArray[np.float64]


class LayerBuilder:
    """Emits layer after layer.

    Methods that emit take the name of their input tensor and return the name of their output tensor. `param`
    and `norm` are prefixes of tensors in the weights, which are None for a graph of shapes only.
    """

    def __init__(self, variant: Variant, weights: Weights | None):
        self.variant = variant
        self.weights = weights
        self.nodes: list[Node] = []
        self.shapes: dict[str, tuple[int, ...]] = {}

    def emit(
        self,
        op: str,
        name: str,
        inputs: tuple[str, ...],
        shape: tuple[int, ...],
        weight_shape: tuple[int, ...] | None = None,
        weight: Array | None = None,
        bias: Array | None = None,
        **attrs: object,
    ) -> str:
        """Append one node and return its name."""
        self.nodes.append(Node(op, name, inputs, shape, weight_shape, weight, bias, attrs))
        self.shapes[name] = shape
        return name

    def batch_norm(self, name: str) -> tuple[Doubles, Doubles]:
        """Return the scale and offset, [channels] each, of a folded batch norm."""
        assert self.weights is not None
        gamma, beta, mean, variance = (
            self.weights[f"{name}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        return scale, beta - mean * scale

    def conv(
        self,
        x: str,
        name: str,
        param: str,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        norm: str | None = None,
        activation: str = "none",
        depthwise: bool = False,
    ) -> str:
        """Emit a convolution with its bias and folded batch norm; swish and leaky relu become a node."""
        _, height, width, channels = self.shapes[x]
        shape = (1, math.ceil(height / stride), math.ceil(width / stride), out)
        inner = (1, kernel, kernel, out) if depthwise else (out, kernel, kernel, channels)
        weight: Array | None = None
        bias: Array | None = None
        if self.weights is not None:
            raw = self.weights[f"{param}.weight"].astype(np.float64)  # [out, in/groups, h, w]
            folded = raw.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
            shift = self.weights.get(f"{param}.bias", np.zeros(out, np.float32)).astype(np.float64)
            if norm is not None:
                scale, offset = self.batch_norm(norm)
                folded = folded * (scale if depthwise else scale[:, None, None, None])
                shift = shift * scale + offset
            if param == "backbone.conv_stem":
                folded = folded / np.asarray(self.variant.std)
            weight = np.ascontiguousarray(folded, np.float32)
            bias = np.ascontiguousarray(shift, np.float32)
        op = "depthwise" if depthwise else "conv"
        fused = activation if activation in FUSED_ACTIVATIONS else "none"
        padding = {"padding": self.variant.conv_padding} if stride > 1 else {}
        y = self.emit(
            op, name, (x,), shape, inner, weight, bias, stride=stride, activation=fused, **padding
        )
        if activation == "leaky_relu":
            return self.emit("leaky_relu", f"{name}/leaky", (y,), shape, alpha=LEAKY_ALPHA)
        return self.emit("swish", f"{name}/swish", (y,), shape) if activation == "swish" else y

    def separable(
        self,
        x: str,
        name: str,
        param: str,
        out: int,
        norm: str | None = None,
        activation: str = "none",
    ) -> str:
        """Emit a depthwise 3x3 and a pointwise convolution."""
        channels = self.shapes[x][3]
        y = self.conv(x, f"{name}/conv_dw", f"{param}.conv_dw", channels, 3, depthwise=True)
        return self.conv(y, f"{name}/conv_pw", f"{param}.conv_pw", out, 1, 1, norm, activation)
