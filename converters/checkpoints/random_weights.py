"""Seeded weights for tests and timing: every tensor random, every activation of ordinary size."""

from __future__ import annotations

import math
import zlib

import numpy as np
from edge_edet.converters.architecture import parameter_shapes
from numpy.typing import NDArray

from edge_edet.variants import Variant

__all__ = ["random_weights"]

CLASS_PRIOR_BIAS = -math.log((1 - 0.01) / 0.01)  # arXiv 1708.02002 section 4.1, prior 0.01
# A kernel's standard deviation is gain / sqrt(fan in), which keeps the mean square of its input
# times gain squared. swish and relu6 of a standard normal have mean squares of 0.36 and 0.5;
# squeeze-and-excitation halves the amplitude again.
_AFTER_ACTIVATION = {"swish": 1.67, "relu6": 1.41}
_AFTER_EXCITATION = 2.0


def _gain(name: str, variant: Variant) -> float:
    after = _AFTER_ACTIVATION[variant.activation]
    if name.startswith("backbone.blocks."):
        first = ".blocks.0." in name
        if name.endswith(".conv_pwl.weight") or (first and name.endswith(".conv_pw.weight")):
            return after * (1.0 if variant.lite else _AFTER_EXCITATION)
        return after if name.endswith(".conv_dw.weight") else 1.0
    return after if name.endswith(".conv_dw.weight") else 1.0


def _tensor(
    name: str, shape: tuple[int, ...], variant: Variant, random: np.random.Generator
) -> NDArray[np.float64]:
    leaf = name.rsplit(".", 1)[1]
    if name == "class_net.predict.conv_pw.bias":
        return np.full(shape, CLASS_PRIOR_BIAS)
    if leaf == "edge_weights":
        return random.uniform(0.2, 1.5, shape)
    if leaf == "running_mean":
        return random.normal(0, 0.1, shape)
    if leaf == "running_var":
        return random.uniform(0.8, 1.25, shape)
    if leaf == "bias":
        return random.normal(0, 0.1, shape)
    if len(shape) == 1:  # a batch norm's scale
        return random.uniform(0.8, 1.2, shape)
    return random.normal(0, _gain(name, variant) / math.sqrt(math.prod(shape[1:])), shape)


def random_weights(variant: Variant, seed: int) -> dict[str, NDArray[np.float32]]:
    """Name -> float32 array for every tensor of the variant.

    Each tensor depends on the seed and its own name only, so variants share what they share.
    """
    return {
        name: _tensor(
            name, shape, variant, np.random.default_rng([seed, zlib.crc32(name.encode())])
        ).astype(np.float32)
        for name, shape in parameter_shapes(variant).items()
    }
