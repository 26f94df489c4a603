"""google/automl: Keras `.h5` and TensorFlow checkpoints share one naming.

Scopes and numbering: efficientdet/backbone/efficientnet_model.py (`MBConvBlock._build`: the
convolutions and batch norms of a block are numbered in the order in which they are made, so the
numbers shift without an expansion), efficientdet/tf2/efficientdet_keras.py (`FNode.build`:
`resample_{input}_{offset}_{features so far}` and `op_after_combine{features so far}`).
Fusion and batch norm epsilon are the canonical ones; a fusion weight is one scalar `WSM`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from edge_edet.converters.checkpoints.families.tensorflow_layers import (
    EFFICIENTNETS,
    layer_sources,
)
from edge_edet.converters.checkpoints.mapping import Family, Source, shape_list
from edge_edet.errors import CheckpointError
from edge_edet.network import backbone_blocks, bifpn_nodes
from edge_edet.variants import Variant

__all__ = ["AUTOML", "normalize_automl"]

_AVERAGE = "/ExponentialMovingAverage"
# A model that was first called rather than built has its own name before all variables.
_SCOPES = r"(efficientnet-(b|lite)\d/|resample_p\d/|fpn_cells/|class_net/|box_net/)"
_OUTER_SCOPE = re.compile(rf"^[^/]+/(?={_SCOPES})")
# Batch norms of a backbone trained on a GPU lack the prefix tpu_, or have sync_ instead.
_GPU_NORM = re.compile(r"(?<=/)(sync_|tpu_)?batch_normalization(?=[_/])")
_ROOT2 = math.sqrt(2.0)
# Optimizer state, the training loop's counters, and the classifier head of a backbone.
_IGNORED = re.compile(
    r"/(Momentum|Adam|Adam_1|RMSProp|RMSProp_1|momentum|rms|m|v)$"
    r"|^(global_step|beta[12]_power|iter|iterations|learning_rate|decay|momentum|save_counter)$"
    r"|^(SGD|Adam|training)/|^efficientnet-[^/]+/head/"
)


def _norm(name: str) -> str:
    return f"tpu_batch_normalization{name}"


def _backbone(variant: Variant) -> dict[str, str]:
    """Name automl's modules of stem and blocks, by canonical module."""
    kind = "lite" if variant.lite else "b"
    scope = f"efficientnet-{kind}{EFFICIENTNETS[variant.width, variant.depth]}"
    modules = {
        "backbone.conv_stem": f"{scope}/stem/conv2d",
        "backbone.bn1": f"{scope}/stem/{_norm('')}",
    }
    for index, block in enumerate(backbone_blocks(variant)):
        ours, theirs = block.name, f"{scope}/blocks_{index}"
        if block.expansion == 1:
            modules[f"{ours}.conv_pw"] = f"{theirs}/conv2d"
        else:
            modules[f"{ours}.conv_pw"] = f"{theirs}/conv2d"
            modules[f"{ours}.conv_pwl"] = f"{theirs}/conv2d_1"
        modules[f"{ours}.conv_dw"] = f"{theirs}/depthwise_conv2d"
        modules[f"{ours}.se.conv_reduce"] = f"{theirs}/se/conv2d"
        modules[f"{ours}.se.conv_expand"] = f"{theirs}/se/conv2d_1"
        for number in range(3):
            modules[f"{ours}.bn{number + 1}"] = f"{theirs}/{_norm(f'_{number}' * (number > 0))}"
    return modules


def _pyramid(variant: Variant) -> dict[str, str]:
    """Name automl's modules from C5 to the last cell, by canonical module."""
    modules = {
        "fpn.resample.3.conv.conv": "resample_p6/conv2d",
        "fpn.resample.3.conv.bn": "resample_p6/bn",
    }
    for cell in range(variant.fpn_repeats):
        for index, node in enumerate(bifpn_nodes(variant)):
            ours, theirs = f"fpn.cell.{cell}.fnode.{index}", f"fpn_cells/cell_{cell}/fnode{index}"
            features = len(variant.levels) + index
            for place, offset in enumerate(node.inputs):
                resample = f"{theirs}/resample_{place}_{offset}_{features}"
                modules[f"{ours}.combine.resample.{offset}.conv.conv"] = f"{resample}/conv2d"
                modules[f"{ours}.combine.resample.{offset}.conv.bn"] = f"{resample}/bn"
            modules[f"{ours}.combine"] = theirs
            for part in ("conv_dw", "conv_pw"):
                modules[f"{ours}.after_combine.conv.{part}"] = (
                    f"{theirs}/op_after_combine{features}/conv"
                )
            modules[f"{ours}.after_combine.conv.bn"] = f"{theirs}/op_after_combine{features}/bn"
    return modules


def _heads(variant: Variant) -> dict[str, str]:
    modules = {}
    for net, short in (("class_net", "class"), ("box_net", "box")):
        for part in ("conv_dw", "conv_pw"):
            modules[f"{net}.predict.{part}"] = f"{net}/{short}-predict"
        for repeat in range(variant.head_repeats):
            for part in ("conv_dw", "conv_pw"):
                modules[f"{net}.conv_rep.{repeat}.{part}"] = f"{net}/{short}-{repeat}"
            for place, level in enumerate(variant.levels):
                modules[f"{net}.bn_rep.{repeat}.{place}.bn"] = f"{net}/{short}-{repeat}-bn-{level}"
    return modules


def _fusion_weights(scope: str, count: int) -> Source:
    """One scalar for each input: WSM, WSM_1, ..."""
    return Source(tuple(f"{scope}/WSM{f'_{i}' * (i > 0)}" for i in range(count)), ())


def _sources(variant: Variant) -> dict[str, Source]:
    layers = _backbone(variant) | _pyramid(variant) | _heads(variant)
    return layer_sources(variant, layers, _fusion_weights)


def normalize_automl(
    tensors: Mapping[str, NDArray[Any]],
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Choose the tensors to evaluate with: moving averages instead of the raw variables.

    Parameters
    ----------
    tensors
        As the checkpoint names them.

    Returns
    -------
    tensors : dict
        By names without scopes and prefixes that differ between versions.
    notes : tuple of str
        A sentence on what is not part of the network, such as the counters of
        tf.train.Checkpoint(model=..., step=...).

    Raises
    ------
    CheckpointError
        When two raw variables have one name.
    """
    result: dict[str, NDArray[Any]] = {}
    outside: dict[str, tuple[int, ...]] = {}
    for name in sorted(tensors, key=lambda name: name.endswith(_AVERAGE)):
        plain = _OUTER_SCOPE.sub("", name.removesuffix(_AVERAGE))
        plain = _GPU_NORM.sub(_norm(""), plain)
        if not re.match(_SCOPES, plain) and not _IGNORED.search(plain):
            outside[name] = tensors[name].shape
            continue
        if plain in result and not name.endswith(_AVERAGE):
            raise CheckpointError(f"has {plain} more than once")
        result[plain] = tensors[name]
    return result, (
        f"not read, as outside of the network: {shape_list(outside)}",
    ) if outside else ()


AUTOML = Family(
    name="automl",
    marks=re.compile(rf"^([^/]+/)?{_SCOPES}"),
    class_bias="class_net/class-predict/bias",
    box_bias="box_net/box-predict/bias",
    ignored=lambda variant: _IGNORED,
    sources=_sources,
    # anchors.py, `_generate_anchor_boxes`: x takes sqrt(ratio), y its inverse, of [1, 2, 0.5].
    changes={
        "aspect_ratios": ((1.0, 1.0), (_ROOT2, 1 / _ROOT2), (1 / _ROOT2, _ROOT2)),
        "pool_padding": "ignore",
    },
)
