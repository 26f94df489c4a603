"""EfficientDet whose fusion weights are normalized at every inference, as in training (Table 6).

A converted model has constants instead. Here 1e-12 times a mean of the picture is added to the raw
weights, so that no runtime can fold them into constants. `bifpn-runtime` normalizes the weights, which
are a few numbers, and multiplies each input by its share; `bifpn-stacked` is google/automl's code
(efficientdet_arch.py, fuse_features): softmax multiplies and sums the stacked inputs, fast fusion
multiplies and divides each input.
"""

from __future__ import annotations

import numpy as np

from edge_edet.network import Fusion, NetworkBuilder

__all__ = ["Builder"]

PROBE = "fpn/probe"  # a number of the picture, [1, 1, 1, 1]


class Builder(NetworkBuilder):
    """Builder for a Variant.fusion of "softmax" or "fast"."""

    def weigh(self, name: str, param: str, node: Fusion, tensors: list[str]) -> str:
        """Add a fusion whose weights are normalized at run time."""
        if PROBE not in self.shapes:
            last = tensors[len(self.variant.levels) - 1]  # the smallest input
            self.emit("mean", PROBE, (last,), (1, 1, 1, self.shapes[last][3]))
        inputs = [
            self.resample(name, param, node.level, offset, tensors[offset])
            for offset in node.inputs
        ]
        values = np.ones(len(inputs), np.float32)
        if self.weights is not None:
            values = np.asarray(self.weights[f"{param}.combine.edge_weights"], np.float32)
        return self.emit(
            "fusion",
            f"{name}/sum",
            (PROBE, *inputs),
            self.shapes[inputs[0]],
            values=values,
            method=self.variant.fusion,
            stacked=self.variant.feature_network == "bifpn-stacked",
        )
