"""What an EfficientDet consists of: backbone blocks, pyramid nodes, and every tensor by name.

Names are effdet's (PyPI `effdet`, `create_model('tf_efficientdet_d0').state_dict()`): all checkpoint
readers map to them and `build.py` reads them. Convolution kernels are [out, in/groups, h, w].
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any

from edge_edet.errors import InputError
from edge_edet.network.feature_networks import feature_nodes, lateral
from edge_edet.variants import Variant

BATCH_NORM_EPSILON = 1e-3
FUSION_EPSILON = 1e-4  # google/automl efficientdet_arch.py, fuse_features "fastattn"

# EfficientNet-B0, arXiv 1905.11946 Table 1: repeats, kernel, stride, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM_CHANNELS = 32
FEATURE_STAGES = {3: 2, 4: 4, 5: 6}  # pyramid level -> the stage that gives it, see feature_blocks

# Networks of the studies: Variant.feature_network -> module with `Builder`, a NetworkBuilder; where it
# is no EfficientDet, also `parameter_shapes(variant)` and `kernel_gains(variant)` for random weights
STUDIES = {
    "bifpn-runtime": "edge_edet.studies.networks.run_time_fusion",
    "bifpn-stacked": "edge_edet.studies.networks.run_time_fusion",
    "retinanet-r50": "edge_edet.studies.networks.retinanet",
    "retinanet-r101": "edge_edet.studies.networks.retinanet",
    "yolov3": "edge_edet.studies.networks.yolov3",
}


def study_of(variant: Variant) -> Any:
    """Return the module of a variant of STUDIES; None for an ordinary one.

    Parameters
    ----------
    variant
        The network.

    Returns
    -------
    Any
        The module.
    """
    module = STUDIES.get(variant.feature_network)
    return importlib.import_module(module) if module else None


@dataclass(frozen=True)
class Block:
    """One MBConv block; name is its prefix in a checkpoint; se_channels 0: no squeeze-and-excitation."""

    name: str
    stage: int
    kernel: int
    stride: int
    expansion: int
    in_channels: int
    out_channels: int
    se_channels: int  # 0: no squeeze-and-excitation

    @property
    def mid_channels(self) -> int:
        """Channels after the expansion."""
        return self.in_channels * self.expansion

    @property
    def residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.in_channels == self.out_channels


def _round_channels(channels: int, width: float) -> int:
    """EfficientNet's round_filters: to a multiple of 8, never more than 10 % down."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def stem_channels(variant: Variant) -> int:
    """Return the output channels of the backbone's first convolution."""
    return _STEM_CHANNELS if variant.lite else _round_channels(_STEM_CHANNELS, variant.width)


def backbone_blocks(variant: Variant) -> list[Block]:
    """Return the MBConv blocks in order, up to the one that gives C5.

    Lite variants keep the depth of the first and last stage. Source: arXiv 1905.11946 Table 1.

    Parameters
    ----------
    variant
        The network.

    Returns
    -------
    list[Block]
        In the order of execution.
    """
    blocks = []
    channels = stem_channels(variant)
    for stage, (_, kernel, stride, expansion, out) in enumerate(_STAGES):
        depth = _depth(variant, stage)
        if variant.feature_blocks is not None and stage == len(_STAGES) - 1:
            depth = min(depth, variant.feature_blocks[-1] + 1)
        out = _round_channels(out, variant.width)
        for index in range(depth):
            blocks.append(
                Block(
                    name=f"backbone.blocks.{stage}.{index}",
                    stage=stage,
                    kernel=kernel,
                    stride=stride if index == 0 else 1,
                    expansion=expansion,
                    in_channels=channels,
                    out_channels=out,
                    se_channels=0 if variant.lite else max(1, int(channels * 0.25)),
                )
            )
            channels = out
    return blocks


def _depth(variant: Variant, stage: int) -> int:
    """Return the number of blocks of a stage."""
    repeats = _STAGES[stage][0]
    fixed = variant.lite and stage in (0, len(_STAGES) - 1)
    return repeats if fixed else math.ceil(repeats * variant.depth)


def feature_blocks(variant: Variant) -> dict[int, str]:
    """Return level -> name of the block that gives C3, C4 or C5.

    Raises InputError for a block that its stage does not have.
    """
    chosen = variant.feature_blocks or (-1, -1, -1)
    found = {}
    for (level, stage), index in zip(FEATURE_STAGES.items(), chosen, strict=True):
        depth = _depth(variant, stage)
        if not -1 <= index < depth:
            raise InputError(
                f"{variant.name}: C{level} from block {index} of its stage, which has {depth}"
            )
        found[level] = f"backbone.blocks.{stage}.{index % depth}"
    return found


def feature_channels(variant: Variant) -> dict[int, int]:
    """Return the channels of C3, C4 and C5, by level."""
    last = {block.stage: block.out_channels for block in backbone_blocks(variant)}
    return {level: last[stage] for level, stage in FEATURE_STAGES.items()}


def _batch_norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts}


def _conv(name: str, shape: tuple[int, ...], bias: bool = False) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape} | ({f"{name}.bias": shape[:1]} if bias else {})


def _block_shapes(block: Block) -> dict[str, tuple[int, ...]]:
    name, mid, out = block.name, block.mid_channels, block.out_channels
    shapes: dict[str, tuple[int, ...]] = {}
    norm = 1
    if block.expansion != 1:
        shapes |= _conv(f"{name}.conv_pw", (mid, block.in_channels, 1, 1))
        shapes |= _batch_norm(f"{name}.bn1", mid)
        norm = 2
    shapes |= _conv(f"{name}.conv_dw", (mid, 1, block.kernel, block.kernel))
    shapes |= _batch_norm(f"{name}.bn{norm}", mid)
    if block.se_channels:
        shapes |= _conv(f"{name}.se.conv_reduce", (block.se_channels, mid, 1, 1), bias=True)
        shapes |= _conv(f"{name}.se.conv_expand", (mid, block.se_channels, 1, 1), bias=True)
    project = "conv_pw" if block.expansion == 1 else "conv_pwl"
    shapes |= _conv(f"{name}.{project}", (out, mid, 1, 1))
    return shapes | _batch_norm(f"{name}.bn{norm + 1}", out)


def _separable(name: str, channels: int, out: int) -> dict[str, tuple[int, ...]]:
    return _conv(f"{name}.conv_dw", (channels, 1, 3, 3)) | _conv(
        f"{name}.conv_pw", (out, channels, 1, 1), bias=True
    )


def _resample(name: str, channels: int, out: int) -> dict[str, tuple[int, ...]]:
    return _conv(f"{name}.conv.conv", (out, channels, 1, 1), bias=True) | _batch_norm(
        f"{name}.conv.bn", out
    )


def parameter_shapes(variant: Variant) -> dict[str, tuple[int, ...]]:
    """Return every tensor that a checkpoint of this variant holds: name -> shape, in network order.

    Parameters
    ----------
    variant
        The network.

    Returns
    -------
    dict[str, tuple[int, ...]]
        Shape by canonical name; axes as in PyTorch.
    """
    study = study_of(variant)
    if hasattr(study, "parameter_shapes"):
        shapes: dict[str, tuple[int, ...]] = study.parameter_shapes(variant)
        return shapes
    width, features = variant.fpn_channels, feature_channels(variant)
    shapes = _conv("backbone.conv_stem", (stem_channels(variant), 3, 3, 3))
    shapes |= _batch_norm("backbone.bn1", stem_channels(variant))
    for block in backbone_blocks(variant):
        shapes |= _block_shapes(block)
    shapes |= _resample("fpn.resample.3", features[5], width)
    for cell in range(variant.fpn_repeats):
        for index, node in enumerate(feature_nodes(variant)):
            name = f"fpn.cell.{cell}.fnode.{index}"
            if variant.fusion != "sum":
                shapes[f"{name}.combine.edge_weights"] = (len(node.inputs),)
            for offset in node.inputs:
                level = variant.min_level + offset
                if cell == 0 and level in features and features[level] != width:
                    resample = lateral(variant, name, offset)
                    shapes |= _resample(resample, features[level], width)
            shapes |= _separable(f"{name}.after_combine.conv", width, width)
            shapes |= _batch_norm(f"{name}.after_combine.conv.bn", width)
    for net, outputs in (("class_net", variant.num_classes), ("box_net", 4)):
        for repeat in range(variant.head_repeats):
            shapes |= _separable(f"{net}.conv_rep.{repeat}", width, width)
            for level in range(len(variant.levels)):
                shapes |= _batch_norm(f"{net}.bn_rep.{repeat}.{level}.bn", width)
        shapes |= _separable(f"{net}.predict", width, variant.anchors_per_position * outputs)
    return shapes


def count_parameters(variant: Variant) -> int:
    """Count the trainable parameters: everything but the running statistics.

    Parameters
    ----------
    variant
        The network.

    Returns
    -------
    int
        With the variant's number of classes.
    """
    return sum(
        math.prod(shape)
        for name, shape in parameter_shapes(variant).items()
        if not name.endswith(("running_mean", "running_var"))
    )
