"""EfficientDet whose fusion weights are normalized at every inference, as while it is trained (Table 6).

A converted model has constants in their place. Here the raw weights depend on the picture by next to
nothing, so that no runtime can compute them beforehand. `bifpn-runtime` normalizes the weights, which
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
    """Variant.fusion is "softmax" or "fast"."""

    def weigh(self, name: str, param: str, node: Fusion, tensors: list[str]) -> str:
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
