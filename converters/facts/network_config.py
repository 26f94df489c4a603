"""What a configuration says about the network itself and its tensors do not show.

Keys: effdet 0.4.1 config/model_config.py and fpn_config.py, google/automl hparams_config.py. Only these
keys distinguish networks with the same tensors: read wrongly, the model runs and detects badly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from edge_edet.errors import CheckpointError
from edge_edet.variants import VARIANTS, Variant

__all__ = ["NETWORK_KEYS", "network_values"]

Fail = Callable[[str, object, str], CheckpointError]

_ACTIVATIONS = {
    "swish": "swish",
    "silu": "swish",
    "swish_native": "swish",
    "swish_jit": "swish",
    "swish_me": "swish",
    "relu6": "relu6",
}
_FUSIONS = {"fastattn": "fast", "attn": "softmax", "sum": "sum"}
_FEATURE_NETWORKS = {
    "bifpn": None,
    "bifpn_dyn": None,
    "bifpn_fa": "fast",
    "bifpn_attn": "softmax",
    "bifpn_sum": "sum",
}
_POOL_PADDINGS = {
    "same": "ignore",
    "": "symmetric",
}  # of max pools; convolutions have stride 1 there
_ONLY: dict[str, object] = {  # key -> the only value that is built
    "downsample_type": "max",
    "upsample_type": "nearest",
    "conv_after_downsample": False,
    "conv_bn_act_pattern": False,
    "conv_bn_relu_pattern": False,
}
_NAMES = ("name", "model_name", "arch", "architecture", "model_architecture", "model")
_NAME = re.compile(r"(?:tf_)?efficientdet[-_]?((?:d|lite)\d+x?)(?:_ap)?", re.IGNORECASE)
_EPSILON = 1e-3  # of the batch norms of feature network and heads
NETWORK_KEYS = (
    "act_type",
    "head_act_type",
    "min_level",
    "max_level",
    "fpn_weight_method",
    "fpn_name",
    "pad_type",
    "norm_kwargs",
    *_ONLY,
    *_NAMES,
)


def network_values(mapping: Mapping[Any, Any], variant: Variant, fail: Fail) -> dict[str, object]:
    """Read the fields of `Variant` that a configuration of the network states.

    Parameters
    ----------
    mapping
        The configuration.
    variant
        The variant that the checkpoint is read as.
    fail
        Makes the error from the key, its value and what was expected.

    Raises
    ------
    CheckpointError
        When the network is not the variant, or one that edge-edet does not build.
    """
    _check(mapping, variant, fail)
    values: dict[str, object] = {}
    for key, known, field in (
        ("fpn_name", _FEATURE_NETWORKS, "fusion"),
        ("fpn_weight_method", _FUSIONS, "fusion"),
        ("pad_type", _POOL_PADDINGS, "pool_padding"),
    ):
        value = mapping.get(key)
        if value is None or (value == "" and key != "pad_type"):
            continue
        if not isinstance(value, str) or value not in known:
            raise fail(key, value, f"one of {', '.join(name or repr(name) for name in known)}")
        if known[value] is not None:
            values[field] = known[value]
    return values


def _check(mapping: Mapping[Any, Any], variant: Variant, fail: Fail) -> None:
    act, head = mapping.get("act_type"), mapping.get("head_act_type")
    for key, value in (("act_type", act), ("head_act_type", head)):
        if value is not None and _ACTIVATIONS.get(str(value)) != variant.activation:
            raise fail(key, value, f"{variant.name}'s {variant.activation}")
    for key, own in (("min_level", variant.min_level), ("max_level", variant.max_level)):
        if mapping.get(key) not in (None, own):
            raise fail(key, mapping[key], f"{variant.name}'s {own}")
    for key, only in _ONLY.items():
        value = mapping.get(key)
        if value is not None and value != only:
            raise fail(key, value, f"{only!r}, the only one that edge-edet builds")
    norm = mapping.get("norm_kwargs")
    epsilon = norm.get("eps") if isinstance(norm, Mapping) else None
    if isinstance(epsilon, int | float) and abs(epsilon - _EPSILON) > _EPSILON / 100:
        raise fail("norm_kwargs", norm, f"eps {_EPSILON}, the only one that edge-edet builds")
    for key in _NAMES:
        value = mapping.get(key)
        match = _NAME.fullmatch(value) if isinstance(value, str) else None
        named = match[1].lower() if match is not None else variant.name
        if named in VARIANTS and named != variant.name:
            raise fail(key, value, f"the name of {variant.name}; name the variant {named}")
