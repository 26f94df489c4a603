"""zylo117's Yet-Another-EfficientDet-Pytorch.

Names: backbone.py, efficientdet/model.py (nodes by level, `conv6_up` top-down and `conv6_down`
bottom-up), efficientnet/model.py. Batch norm epsilon (1e-3), fusion epsilon (1e-4) and relu of the
fusion weights are the canonical ones. Its max pool pads with zeros, which win against negative
numbers (efficientnet/utils_extra.py, `MaxPool2dStaticSamePadding`).
"""

from __future__ import annotations

import re

from edge_edet.converters.checkpoints.mapping import Family, Source
from edge_edet.network import backbone_blocks, bifpn_nodes, parameter_shapes
from edge_edet.variants import ASPECTS_EFFDET, Variant

__all__ = ["ZYLO117"]


def _backbone(variant: Variant) -> dict[str, str]:
    """Name zylo117's modules of stem and blocks, by canonical module."""
    root = "backbone_net.model"
    modules = {"backbone.conv_stem": f"{root}._conv_stem.conv", "backbone.bn1": f"{root}._bn0"}
    for index, block in enumerate(backbone_blocks(variant)):
        ours, theirs = block.name, f"{root}._blocks.{index}"
        project, first = ("conv_pw", 1) if block.expansion == 1 else ("conv_pwl", 0)
        if block.expansion != 1:
            modules[f"{ours}.conv_pw"] = f"{theirs}._expand_conv.conv"
        modules[f"{ours}.conv_dw"] = f"{theirs}._depthwise_conv.conv"
        modules[f"{ours}.se.conv_reduce"] = f"{theirs}._se_reduce.conv"
        modules[f"{ours}.se.conv_expand"] = f"{theirs}._se_expand.conv"
        modules[f"{ours}.{project}"] = f"{theirs}._project_conv.conv"
        for number in range(first, 3):
            modules[f"{ours}.bn{number + 1 - first}"] = f"{theirs}._bn{number}"
    return modules


def _pyramid(variant: Variant) -> dict[str, str]:
    """Name zylo117's modules from C5 to the last cell, by canonical module."""
    modules = {
        "fpn.resample.3.conv.conv": "bifpn.0.p5_to_p6.0.conv",
        "fpn.resample.3.conv.bn": "bifpn.0.p5_to_p6.1",
    }
    top_down = variant.max_level - variant.min_level
    for cell in range(variant.fpn_repeats):
        for index, node in enumerate(bifpn_nodes(variant)):
            ours, up = f"fpn.cell.{cell}.fnode.{index}", index < top_down
            theirs = f"bifpn.{cell}.conv{node.level}_{'up' if up else 'down'}"
            modules[f"{ours}.combine.edge_weights"] = (
                f"bifpn.{cell}.p{node.level}_w{1 if up else 2}"
            )
            resample = f"bifpn.{cell}.p{node.level}_down_channel{'' if up else '_2'}"
            offset = node.level - variant.min_level
            modules[f"{ours}.combine.resample.{offset}.conv.conv"] = f"{resample}.0.conv"
            modules[f"{ours}.combine.resample.{offset}.conv.bn"] = f"{resample}.1"
            after = f"{ours}.after_combine.conv"
            modules[f"{after}.conv_dw"] = f"{theirs}.depthwise_conv.conv"
            modules[f"{after}.conv_pw"] = f"{theirs}.pointwise_conv.conv"
            modules[f"{after}.bn"] = f"{theirs}.bn"
    return modules


def _heads(variant: Variant) -> dict[str, str]:
    modules = {}
    for ours, theirs in (("class_net", "classifier"), ("box_net", "regressor")):
        pairs = {f"{ours}.predict": f"{theirs}.header"} | {
            f"{ours}.conv_rep.{repeat}": f"{theirs}.conv_list.{repeat}"
            for repeat in range(variant.head_repeats)
        }
        for module, their_module in pairs.items():
            modules[f"{module}.conv_dw"] = f"{their_module}.depthwise_conv.conv"
            modules[f"{module}.conv_pw"] = f"{their_module}.pointwise_conv.conv"
        for repeat in range(variant.head_repeats):
            for place in range(len(variant.levels)):
                modules[f"{ours}.bn_rep.{repeat}.{place}.bn"] = f"{theirs}.bn_list.{place}.{repeat}"
    return modules


def _sources(variant: Variant) -> dict[str, Source]:
    modules = _backbone(variant) | _pyramid(variant) | _heads(variant)
    sources = {}
    for name, shape in parameter_shapes(variant).items():
        module, leaf = name.rsplit(".", 1)
        theirs = modules[name] if leaf == "edge_weights" else f"{modules[module]}.{leaf}"
        sources[name] = Source((theirs,), shape)
    return sources


def _ignored(variant: Variant) -> re.Pattern[str]:
    """Match what is not used: from D6 up also the fusion weights, as these sum (model.py, attention)."""
    unused = r"|^bifpn\.\d+\.p\d_w[12]$" if variant.fusion == "sum" else ""
    return re.compile(r"\.num_batches_tracked$" + unused)


ZYLO117 = Family(
    name="zylo117",
    marks=re.compile(
        r"^(backbone_net\.|bifpn\.\d+\.|(classifier|regressor)\.(conv_list|header)\.)"
    ),
    class_bias="classifier.header.pointwise_conv.conv.bias",
    box_bias="regressor.header.pointwise_conv.conv.bias",
    ignored=_ignored,
    sources=_sources,
    changes={"aspect_ratios": ASPECTS_EFFDET, "pool_padding": "zero"},
)
