"""The common part of networks of convolutions with batch norm: names, parameter shapes and gains.

Names of tensors are those of nodes with dots; each convolution has `NAME.weight`, and `NAME.bn.*` or
`NAME.bias`.
"""

from __future__ import annotations

import math

from edge_edet.network import IMAGE, NetworkBuilder
from edge_edet.variants import Variant

__all__ = ["PlainBuilder", "kernel_gains", "parameter_shapes"]

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
Shapes = dict[str, tuple[int, ...]]


class PlainBuilder(NetworkBuilder):
    """Builder that records the shape of each parameter and the gain of its random weights."""

    def __init__(self, variant: Variant, weights: object = None):
        super().__init__(variant, weights)  # type: ignore[arg-type]
        self.parameters: Shapes = {}
        self.gains: dict[str, float] = {}

    def start(self) -> str:
        """Add the input and its normalization."""
        self.shapes[IMAGE] = (1, *self.variant.input_size, 3)
        return self.emit(
            "normalize", "normalized", (IMAGE,), self.shapes[IMAGE], mean=self.variant.mean
        )

    def unit(
        self,
        x: str,
        name: str,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        activation: str = "none",
        norm: bool = True,
        param: str | None = None,
        gain: float = 1.0,
    ) -> str:
        """Add a convolution with batch norm or bias, and an activation.

        Parameters
        ----------
        param
            Name of the weights, if they are shared.
        """
        param = param or name.replace("/", ".")
        self.parameters[f"{param}.weight"] = (out, self.shapes[x][3], kernel, kernel)
        if norm:
            self.parameters |= {f"{param}.bn.{part}": (out,) for part in BATCH_NORM}
        else:
            self.parameters[f"{param}.bias"] = (out,)
        self.gains[param] = gain
        return self.conv(
            x, name, param, out, kernel, stride, f"{param}.bn" if norm else None, activation
        )

    def rows(self, x: str, name: str, values: int) -> str:
        """Reshape a predicted map to [1, anchors, values]."""
        _, height, width, _ = self.shapes[x]
        count = height * width * self.variant.anchors_per_position
        return self.emit("reshape", name, (x,), (1, count, values))


def parameter_shapes(builder: PlainBuilder) -> Shapes:
    """Return name -> shape of each parameter."""
    builder.build()
    return builder.parameters


def kernel_gains(builder: PlainBuilder) -> dict[str, float]:
    """Return name -> gain of random weights that keeps activations at ordinary sizes."""
    builder.build()
    return {name: gain * math.sqrt(2.0) for name, gain in builder.gains.items()}
