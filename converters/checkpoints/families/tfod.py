"""TensorFlow's Object Detection API: the EfficientDet of its TF2 model zoo, and what is trained from it.

Names are the paths of its object graph (tensorflow/models research/object_detection):
models/ssd_efficientnet_bifpn_feature_extractor.py and official/legacy/image_classification/efficientnet
(the Keras layers with weights are numbered in their order), models/
bidirectional_feature_pyramid_generators.py (nodes from 0: P6, P7, then each cell's in our order),
predictors/convolutional_keras_box_predictor.py (batch norms lie among the layers of each level's tower:
convolution, batch norm, activation). Batch norm and fusion epsilon are the canonical ones.

Three things differ from the other implementations. C3, C4 and C5 come from fixed blocks
(`_EFFICIENTNET_LEVEL_ENDPOINTS`), which from D1 up are not the last of their stage.
The anchors of a position run over the scales first (grid_anchor_generator.py, `ops.meshgrid`).
The box codes are scaled (faster_rcnn_box_coder.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.families.tensorflow_layers import layer_sources
from edge_edet.converters.checkpoints.families.tfod_pipeline import Pipeline
from edge_edet.converters.checkpoints.mapping import Family, Source
from edge_edet.network import backbone_blocks, bifpn_nodes
from edge_edet.variants import Variant

__all__ = ["TFOD", "arrange_tfod"]

_BACKBONE = "_feature_extractor/_efficientnet/layer_with_weights-"
_WHOLE_BACKBONE = "_feature_extractor/classification_backbone/layer_with_weights-"
_PYRAMID = "_feature_extractor/_bifpn_stage"
_HEADS = "_box_predictor"
_BOXES = f"{_HEADS}/_box_prediction_head/_box_encoder_layers/0"
_CLASSES = f"{_HEADS}/_prediction_heads/class_predictions_with_background/_class_predictor_layers/0"
_FUSION_WEIGHTS = "/bifpn_combine_weights"


def _backbone(variant: Variant) -> dict[str, str]:
    """Name the API's modules of stem and blocks, by canonical module."""
    names = ["backbone.conv_stem", "backbone.bn1"]
    for block in backbone_blocks(variant):
        name, norm = block.name, 1
        if block.expansion != 1:
            names += [f"{name}.conv_pw", f"{name}.bn1"]
            norm = 2
        names += [f"{name}.conv_dw", f"{name}.bn{norm}"]
        names += [f"{name}.se.conv_reduce", f"{name}.se.conv_expand"]
        project = "conv_pw" if block.expansion == 1 else "conv_pwl"
        names += [f"{name}.{project}", f"{name}.bn{norm + 1}"]
    return {name: f"{_BACKBONE}{number}" for number, name in enumerate(names)}


def _pyramid(variant: Variant) -> dict[str, str]:
    """Name the API's modules from C5 to the last cell, by canonical module."""
    modules = {}

    def resample(ours: str, node: int, place: int) -> None:
        layers = f"{_PYRAMID}/node_input_blocks/{node}/{place}/1"
        modules[f"{ours}.conv.conv"], modules[f"{ours}.conv.bn"] = f"{layers}/0", f"{layers}/1"

    resample("fpn.resample.3", 0, 0)
    number = variant.max_level - 5
    for cell in range(variant.fpn_repeats):
        for index, node in enumerate(bifpn_nodes(variant)):
            ours = f"fpn.cell.{cell}.fnode.{index}"
            for place, offset in enumerate(node.inputs):
                resample(f"{ours}.combine.resample.{offset}", number, place)
            modules[f"{ours}.combine"] = f"{_PYRAMID}/node_combine_op/{number}"
            after = f"{_PYRAMID}/node_post_combine_block/{number}"
            for part in ("conv_dw", "conv_pw"):
                modules[f"{ours}.after_combine.conv.{part}"] = f"{after}/1"
            modules[f"{ours}.after_combine.conv.bn"] = f"{after}/2"
            number += 1
    return modules


def _heads(variant: Variant) -> dict[str, str]:
    modules = {}
    for net, tower, head, last in (
        ("class_net", "ClassPredictionTower", "class_predictions_with_background", _CLASSES),
        ("box_net", "BoxPredictionTower", "box_encodings", _BOXES),
    ):
        for part in ("conv_dw", "conv_pw"):
            modules[f"{net}.predict.{part}"] = last
            for repeat in range(variant.head_repeats):
                modules[f"{net}.conv_rep.{repeat}.{part}"] = (
                    f"{_HEADS}/_head_scope_conv_layers/{tower}/{repeat}"
                )
        for repeat in range(variant.head_repeats):
            for place in range(len(variant.levels)):
                modules[f"{net}.bn_rep.{repeat}.{place}.bn"] = (
                    f"{_HEADS}/_base_tower_layers_for_heads/{head}/{place}/{3 * repeat + 1}"
                )
    return modules


def _fusion_weights(scope: str, count: int) -> Source:
    return Source((scope + _FUSION_WEIGHTS,), (count,))


def _sources(variant: Variant) -> dict[str, Source]:
    layers = _backbone(variant) | _pyramid(variant) | _heads(variant)
    return layer_sources(variant, layers, _fusion_weights)


def arrange_tfod(
    tensors: Mapping[str, NDArray[Any]], variant: Variant, pipeline: Pipeline
) -> dict[str, NDArray[Any]]:
    """Convert tensors to our order of anchors, unscaled box codes and no background class.

    If only the whole classifier was saved, its backbone is taken; fusion weights [n, 1] become [n].

    Parameters
    ----------
    tensors
        Of the file.
    variant
        With the anchors that it was trained with.
    pipeline
        What its configuration says.
    """
    result = dict(tensors)
    if pipeline.unused_fusion:
        result = {n: a for n, a in result.items() if not n.endswith(_FUSION_WEIGHTS)}
    own = any(name.startswith(_BACKBONE) for name in result)
    for source in _sources(variant).values():
        name = source.names[0]
        whole, leaf = name.replace(_BACKBONE, _WHOLE_BACKBONE), name.rpartition("/")[2]
        if not own and whole in result:
            result[name] = result.pop(whole)
        for start, absent in pipeline.left_out.items():
            if name not in result and leaf in absent and name.startswith(start):
                result[name] = np.full(source.shape, leaf == "gamma", np.float32)
    for name, array in result.items():
        if name.endswith(_FUSION_WEIGHTS) and array.ndim == 2 and array.shape[1] == 1:
            result[name] = array.reshape(-1)
    for place, scales in ((_BOXES, pipeline.box_scales), (_CLASSES, None)):
        for leaf in ("pointwise_kernel", "bias"):
            name = f"{place}/{leaf}"
            if name in result:
                result[name] = _head(result[name], variant, scales, pipeline.background)
    return result


def _head(
    array: NDArray[Any], variant: Variant, scales: tuple[float, ...] | None, background: bool
) -> NDArray[Any]:
    """Reorder the last axis of a prediction layer: [aspects, scales, values] -> [scales, aspects, values]."""
    grid = len(variant.aspect_ratios), len(variant.anchor_octaves)
    values = array.shape[-1] // math.prod(grid) if array.ndim else 0
    if not values or values * math.prod(grid) != array.shape[-1] or array.dtype.kind != "f":
        return array  # mapping.py says what does not fit
    apart = np.moveaxis(array.reshape(*array.shape[:-1], *grid, values), -3, -2)
    if scales is not None and values == len(scales):
        apart = apart / np.asarray(scales, array.dtype)
    elif scales is None and background:
        apart = apart[..., 1:]
    return np.ascontiguousarray(apart.reshape(*array.shape[:-1], -1))


TFOD = Family(
    name="tfod",
    marks=re.compile(rf"^({_PYRAMID}|{_HEADS})/"),
    class_bias=f"{_CLASSES}/bias",
    box_bias=f"{_BOXES}/bias",
    ignored=lambda variant: re.compile(r"^_feature_extractor/classification_backbone/"),
    sources=_sources,
    changes={
        "aspect_ratios": tuple((math.sqrt(r), 1 / math.sqrt(r)) for r in (1.0, 2.0, 0.5)),
        "pool_padding": "ignore",
        "feature_blocks": (1, 2, 0),
        "anchor_scale": 4.0,  # all of configs/tf2/ssd_efficientdet_d*.config, D7 too
    },
    exceptions={"d6": {"image_size": 1408}},
)
