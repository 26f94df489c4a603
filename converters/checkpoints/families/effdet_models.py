"""effdet's own models beside its ports of TensorFlow's: how they differ, and which are other networks.

effdet/config/model_config.py, efficientdet.py (0.4.1) and timm's efficientnet.py (1.0.31):
efficientdet_d0 to d3 and efficientdet_lite0 were made for PyTorch. They have no biases before a batch
norm (`redundant_bias`), which distinguishes them from tf_efficientdet_*; strided convolutions pad evenly
on both sides (`pad_type`), the batch norms of the backbone have PyTorch's epsilon, and lite0 has its own
settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.families.effdet import EFFDET
from edge_edet.converters.checkpoints.mapping import Family
from edge_edet.errors import CheckpointError
from edge_edet.network import BATCH_NORM_EPSILON, parameter_shapes
from edge_edet.variants import IMAGENET_MEAN, IMAGENET_STD, VARIANTS, Variant

__all__ = ["effdet_family", "notes_on_name", "own_changes"]

Tensors = Mapping[str, NDArray[Any]]
PYTORCH_EPSILON = 1e-5  # torch.nn.BatchNorm2d
REDUNDANT = re.compile(
    r"^fpn\..+\.(conv\.conv|conv_pw)\.bias$|^(class|box)_net\.conv_rep\.\d+\.conv_pw\.bias$"
)
# `head_bn_level_first`: the same batch norms, listed by level and without a container
_LEVEL_FIRST = re.compile(r"^((?:class|box)_net\.bn_rep)\.(\d+)\.(\d+)\.([a-z_]+)$")
_SYMMETRIC: dict[str, object] = {"conv_padding": "symmetric", "pool_padding": "symmetric"}
# What the configs of the models without redundant biases say and the row of the variant says otherwise.
# efficientdet_lite0's `pad_type` is the default, "same", but its backbone is not timm's tf_ one.
_OWN: dict[str, dict[str, object]] = {
    **dict.fromkeys(("d0", "d1", "d2", "d3"), _SYMMETRIC),
    "lite0": {
        "conv_padding": "symmetric",
        "fusion": "fast",
        "anchor_scale": 4.0,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "pad_rgb": (124, 116, 104),
        "image_size": 384,
    },
}
_MODEL_NAME = re.compile(r"(tf_)?efficientdet_((?:d|lite)\d)(?!\d)")
_SAME_TENSORS = ("d4", "d5")  # their configs leave `redundant_bias` and `pad_type` as they are
# Names that only other networks have -> what they are
_OTHERS = tuple(
    (re.compile(mark), what)
    for mark, what in (
        (r"^backbone\.layer\d", "a ResNet backbone, as effdet's resdet50"),
        (
            r"^backbone\.(stem_|stages)",
            "a CSPNet backbone, as effdet's cspresdet50, cspresdext50 and cspdarkdet53",
        ),
        (
            r"^backbone\..+\.conv_(pw|dw|pwl)\.\d+\.weight$",
            "a MixNet backbone, as effdet's mixdet_m and mixdet_l",
        ),
        (r"^fpn\.cell\.\d+\.fnode\.20\.", "a quad-FPN, as effdet's efficientdet_q0 to q2"),
        (
            r"^backbone\.blocks\..+\.conv_exp\.",
            "fused blocks in its backbone, as effdet's efficientdetv2_*, efficientdet_es and _em",
        ),
        (
            r"^backbone\.blocks\.6\.0\.conv\.",
            "a MobileNetV3 backbone, as effdet's mobiledetv3_large",
        ),
        (r"^class_net\.predict\.conv\.", "heads of plain 3x3 convolutions, not separable ones"),
    )
)


def effdet_family(variant: Variant, tensors: Tensors) -> tuple[Family, dict[str, NDArray[Any]]]:
    """Adapt the family to a file, and complete the file's tensors.

    Parameters
    ----------
    variant
        As it was trained.
    tensors
        Of the file.

    Returns
    -------
    family : Family
        With the changes of effdet's own model, if it is one.
    tensors : dict
        With zeros for the biases that such a model does not have, and batch norms with our epsilon.

    Raises
    ------
    CheckpointError
        For effdet's other networks, and if no config says how the network pads.
    """
    found = _repeats_first(tensors)
    _refuse_others(found)
    if EFFDET.class_bias not in found or any(map(REDUNDANT.search, found)):
        return EFFDET, found
    found = _with_our_epsilon(found | _zero_biases(found))
    looks = _lookalikes(variant, found)
    if looks and variant.name not in looks:
        raise CheckpointError(
            f"does not fit {variant.name}: it looks like effdet's efficientdet_{looks[0]}, name the "
            f"variant {looks[0]}"
        )
    return replace(EFFDET, changes={**EFFDET.changes, **own_changes(variant)}), found


def own_changes(variant: Variant) -> dict[str, object]:
    """List how effdet's own model of that size differs from the table; CheckpointError: there is none.

    Parameters
    ----------
    variant
        The network by name, with its numbers.

    Returns
    -------
    dict[str, object]
        Field -> effdet's value.

    Raises
    ------
    CheckpointError
        Where effdet has no such model.
    """
    if variant.name not in _OWN:
        raise CheckpointError(
            f"is a PyTorch model by its biases or padding, as effdet's efficientdet_d0 to d3 and lite0; "
            f"effdet has no such {variant.name}, so its other settings are not known"
        )
    return _OWN[variant.name]


def notes_on_name(name: str, family: Family, variant: Variant) -> tuple[str, ...]:
    """Compare what a file's name says with its tensors.

    Parameters
    ----------
    name
        Of the file.
    family
        As `effdet_family` returns it.
    variant
        The variant that it is read as.

    Returns
    -------
    tuple of str
        A sentence, or none.

    Raises
    ------
    CheckpointError
        When the name says one padding and the biases another.
    """
    model = _MODEL_NAME.search(name)
    own = family.changes.get("conv_padding") == "symmetric"
    if model is None:
        return ()
    if model[1] and own:
        raise CheckpointError(
            f"is named {model[0]}, which pads as TensorFlow does, but lacks the biases before batch norms "
            f"as efficientdet_{variant.name} does, which pads as PyTorch does; if it was trained as that, "
            "rename it"
        )
    if not model[1] and model[2] in _SAME_TENSORS and not own:
        return (
            f"read as tf_{model[0]}: effdet's {model[0]} has the same tensors, but a backbone that pads as "
            "PyTorch does",
        )
    return ()


def _zero_biases(tensors: Tensors) -> dict[str, NDArray[Any]]:
    names = {name: f"{name.removesuffix('weight')}bias" for name in tensors}
    return {
        bias: np.zeros(tensors[name].shape[:1], np.float32)
        for name, bias in names.items()
        if name.endswith(".weight") and REDUNDANT.search(bias)
    }


def _lookalikes(variant: Variant, tensors: Tensors) -> list[str]:
    """List the models of _OWN that the tensors would fit exactly."""
    ignored = EFFDET.ignored(variant)
    classes = tensors[EFFDET.class_bias].size // variant.anchors_per_position
    shapes = {name: array.shape for name, array in tensors.items() if not ignored.search(name)}
    return [
        name
        for name, changes in _OWN.items()
        if parameter_shapes(
            VARIANTS[name].replace(
                num_classes=classes,
                anchor_octaves=variant.anchor_octaves,
                aspect_ratios=variant.aspect_ratios,
                **changes,
            )
        )
        == shapes
    ]


def _repeats_first(tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Rename the heads' batch norms: by repeat, then level, as in the other models."""
    found: dict[str, NDArray[Any]] = {}
    for name, array in tensors.items():
        plain = _LEVEL_FIRST.sub(r"\1.\3.\2.bn.\4", name)
        if plain in found:
            raise CheckpointError(f"has {plain} more than once, by level and by repeat")
        found[plain] = array
    return found


def _refuse_others(tensors: Tensors) -> None:
    found = next((what for mark, what in _OTHERS if any(map(mark.search, tensors))), "")
    depthwise = tensors.get("backbone.blocks.2.0.conv_dw.weight")
    feature, last = (
        tensors.get(name)
        for name in ("fpn.resample.3.conv.conv.weight", "backbone.blocks.6.0.conv_pwl.weight")
    )
    if not found and depthwise is not None and depthwise.shape[-1:] == (3,):
        found = "a MobileNetV2 backbone, as effdet's mobiledetv2_110d and _120d"
    if not found and feature is not None and last is not None:  # noqa: SIM102
        if feature.shape[1:2] == last.shape[1:2]:
            found = "features taken before a block's last convolution, as effdet's efficientdet_w0"
    if found:
        raise CheckpointError(
            f"has {found}: of effdet's models tf_efficientdet_*, efficientdet_d0 to d3 and "
            "efficientdet_lite0 are read"
        )


def _with_our_epsilon(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Scale the backbone's batch norms so that they compute the same with BATCH_NORM_EPSILON."""
    found = dict(tensors)
    for name, variance in tensors.items():
        scale = name.removesuffix("running_var") + "weight"
        gamma = tensors.get(scale)
        if not (name.startswith("backbone.") and name.endswith(".running_var")):
            continue
        if gamma is None or gamma.shape != variance.shape or variance.dtype.kind != "f":
            continue  # mapping.py refuses it
        wide = variance.astype(np.float64)
        if gamma.dtype.kind == "f" and np.isfinite(wide).all() and (wide >= 0).all():
            factor = np.sqrt((wide + BATCH_NORM_EPSILON) / (wide + PYTORCH_EPSILON))
            found[scale] = gamma.astype(np.float64) * factor
    return found
