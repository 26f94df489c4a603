"""Random weights for tests and timing, with activations of ordinary size in every layer."""

from __future__ import annotations

import math
import zlib

import numpy as np
from numpy.typing import NDArray

from edge_edet.network import (
    FEATURE_STAGES,
    backbone_blocks,
    feature_nodes,
    lateral,
    parameter_shapes,
    study_of,
)
from edge_edet.variants import Variant

__all__ = ["random_weights"]

CLASS_PRIOR_BIAS = -math.log((1 - 0.01) / 0.01)  # arXiv 1708.02002 section 4.1, prior 0.01
# A kernel with standard deviation gain / sqrt(fan in) multiplies the mean square by gain squared.
# 2 ** 0.5 undoes a relu, so large activations (where swish is a relu) do not grow; small ones, which
# swish shrinks more, are kept up by the shifts of the batch norms.
_AFTER_ACTIVATION = math.sqrt(2.0)
_AFTER_EXCITATION = 2.0  # a sigmoid around zero halves the amplitude
_EXCITATION = 0.1  # keeps that sigmoid around zero
_RESIDUAL = 0.5  # what a residual branch adds, relative to its input


def _kernel_gains(variant: Variant) -> dict[str, float]:
    """List the gains that are not 1, by convolution: each undoes what comes before it."""
    gains: dict[str, float] = {}
    stage_gain: dict[int, float] = {}
    mean_square = 1.0
    for block in backbone_blocks(variant):
        name, project = block.name, "conv_pw" if block.expansion == 1 else "conv_pwl"
        if block.expansion != 1:
            gains[f"{name}.conv_pw"] = 1 / math.sqrt(mean_square)
        gains[f"{name}.conv_dw"] = _AFTER_ACTIVATION
        gains[f"{name}.se.conv_reduce"] = gains[f"{name}.se.conv_expand"] = _EXCITATION
        gains[f"{name}.{project}"] = _AFTER_ACTIVATION * (
            _AFTER_EXCITATION if block.se_channels else 1.0
        )
        if block.residual:
            gains[f"{name}.{project}"] *= _RESIDUAL
        mean_square = mean_square + _RESIDUAL**2 if block.residual else 1.0
        stage_gain[block.stage] = 1 / math.sqrt(mean_square)
    feature_gain = {level: stage_gain[stage] for level, stage in FEATURE_STAGES.items()}
    gains["fpn.resample.3.conv.conv"] = feature_gain[5]
    for cell in range(variant.fpn_repeats):
        for index, node in enumerate(feature_nodes(variant)):
            name = f"fpn.cell.{cell}.fnode.{index}"
            for offset in node.inputs:
                gain = feature_gain.get(variant.min_level + offset, 1.0)
                gains[f"{lateral(variant, name, offset)}.conv.conv"] = gain
            count = len(node.inputs) if variant.fusion == "sum" else 1
            gains[f"{name}.after_combine.conv.conv_dw"] = _AFTER_ACTIVATION / math.sqrt(count)
    for net in ("class_net", "box_net"):
        gains[f"{net}.predict.conv_dw"] = _AFTER_ACTIVATION
        for repeat in range(1, variant.head_repeats):
            gains[f"{net}.conv_rep.{repeat}.conv_dw"] = _AFTER_ACTIVATION
    return gains


def _tensor(
    name: str, shape: tuple[int, ...], gain: float, random: np.random.Generator
) -> NDArray[np.float64]:
    leaf = name.rsplit(".", 1)[1]
    if name == "class_net.predict.conv_pw.bias":
        return np.full(shape, CLASS_PRIOR_BIAS)
    if leaf == "edge_weights":
        return random.uniform(0.2, 1.5, shape)
    if leaf == "running_var":
        return random.uniform(0.8, 1.25, shape)
    if leaf in ("bias", "running_mean"):
        return random.normal(0, 0.2, shape)
    if len(shape) == 1:  # a batch norm's scale
        return random.uniform(0.8, 1.2, shape)
    return random.normal(0, gain / math.sqrt(math.prod(shape[1:])), shape)


def random_weights(variant: Variant, seed: int) -> dict[str, NDArray[np.float32]]:
    """Make every tensor of a variant, reproducibly.

    Parameters
    ----------
    variant
        Whose tensors to make.
    seed
        Each tensor has a random stream of its own, from the seed and its name.

    Returns
    -------
    dict
        Canonical name to float32 array.
    """
    study = study_of(variant)
    own = hasattr(study, "kernel_gains")
    gains = study.kernel_gains(variant) if own else _kernel_gains(variant)
    weights = {}
    for name, shape in parameter_shapes(variant).items():
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        gain = gains.get(name.removesuffix(".weight"), 1.0)
        weights[name] = _tensor(name, shape, gain, random).astype(np.float32)
    return weights
