"""Find the dictionaries beside the weights that say how the network was built and trained.

Lightning puts a module's arguments under `hyper_parameters` (lightning/pytorch/core/saving.py), timm's
CheckpointSaver the command line under `args` and the model's name under `arch`
(timm/utils/checkpoint_saver.py), OpenMMLab and IceVision their data under `meta`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["configurations"]

_TOP = (
    "hyper_parameters",
    "hparams",
    "datamodule_hyper_parameters",
    "args",
    "config",
    "cfg",
    "model_config",
    "model_args",
    "opt",
    "meta",
)
_NESTED = (
    "config",
    "cfg",
    "model_config",
    "model_cfg",
    "hparams",
    "args",
    "model",
    "net",
    "data",
    "dataset",
    "datamodule",
)
# Keys that only a configuration of anchors has, wherever it is.
_ANCHORS = frozenset({"anchor_scale", "anchor_octaves", "anchors_scales", "anchors_ratios"})
_WRAPPING = ("model", "module", "net", "_orig_mod")  # modules around the network
_MAX_NESTING = 4
_MOST = 100
Configuration = tuple[str, Mapping[str, Any]]


def configurations(plain: Any) -> list[Configuration]:
    """List the configurations of a checkpoint, outermost first, without repetitions.

    Parameters
    ----------
    plain
        What the checkpoint holds beside the weights, as `plain_data` returns it.

    Returns
    -------
    list of (str, mapping)
        How a sentence names it, and the dictionary, with its keys in lower case too.
    """
    if not isinstance(plain, dict):
        return []
    if "_modules" in plain:  # a model, pickled whole
        return _unlike(list(_of_module("its model", plain)))
    beside = {key: value for key, value in plain.items() if isinstance(key, str)}
    top = {key: value for key, value in beside.items() if not isinstance(value, dict)}
    found: list[Configuration] = [("its entries beside the weights", _lower(top))] if top else []
    for key, value in sorted(beside.items(), key=_as_listed):
        if key.lower() in _TOP:
            found += _within(f"its {key}", value, 0)
    for key in ("model", "ema"):  # pickled whole, with the configuration that it was built from
        found += _of_module(f"its {key}", beside.get(key))
    return _unlike(found)


def _unlike(found: list[Configuration]) -> list[Configuration]:
    unlike: list[Configuration] = []
    for source, mapping in found[:_MOST]:
        if mapping and all(mapping != other for _, other in unlike):
            unlike.append((source, mapping))
    return unlike


def _within(name: str, value: Any, depth: int) -> Iterator[Configuration]:
    if not isinstance(value, dict) or depth > _MAX_NESTING:
        return
    if "_modules" in value:
        yield from _of_module(name, value)
        return
    yield name, _lower(value)
    texts = {key: inner for key, inner in value.items() if isinstance(key, str)}
    for key, inner in sorted(texts.items(), key=_as_listed):
        if key.lower() in _NESTED or _has_anchors(inner):
            yield from _within(f"{name}.{key}", inner, depth + 1)


def _lower(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Add the keys in lower case: yacs, and configurations like it, write them in capitals."""
    lower = {key.lower(): value for key, value in mapping.items() if isinstance(key, str)}
    return {**lower, **mapping}


def _as_listed(item: tuple[str, Any]) -> int:
    """Sort known keys in their order, others after them as they come."""
    key = item[0].lower()
    order = (*_TOP, *_NESTED)
    return order.index(key) if key in order else len(order)


def _has_anchors(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, dict) or depth > _MAX_NESTING:
        return False
    keys = {key.lower() for key in value if isinstance(key, str)}
    return bool(keys & _ANCHORS) or any(_has_anchors(part, depth + 1) for part in value.values())


def _of_module(name: str, value: Any, depth: int = 0) -> Iterator[Configuration]:
    """Find those of a module that was pickled whole: effdet's `config`, Lightning's `_hparams`."""
    if not isinstance(value, dict) or depth > _MAX_NESTING:
        return
    for key in ("config", "_hparams"):
        yield from _within(f"{name}.{key}", value.get(key), 1)
    modules = value.get("_modules")
    if not isinstance(modules, dict):
        return
    for key in _WRAPPING:
        yield from _of_module(f"{name}.{key}", modules.get(key), depth + 1)
