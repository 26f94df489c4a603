"""What the metadata of a `.safetensors` file says about the training; the values are JSON texts.

`labels` is a list with a text or null for each class. `pool_padding` and CONFIG_KEYS are as in a
configuration file, where the training differed from the table of variants. Other keys are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge_edet.converters.facts import Fact, fact_of_config
from edge_edet.errors import CheckpointError
from edge_edet.variants import Variant

__all__ = ["fact_of_metadata", "read_labels"]

CONFIG_KEYS = (
    "anchor_scale",
    "anchor_octaves",
    "num_scales",
    "scales_per_octave",
    "aspect_ratios",
    "image_size",
    "mean",
    "std",
    "mean_rgb",
    "stddev_rgb",
    "scale_range",
    "pad_rgb",
    "fill_color",
)


def _value(metadata: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(metadata[key])
    except (ValueError, RecursionError):
        raise CheckpointError(f"has metadata {key!r} that is not JSON") from None


def _fail(key: str, expected: str) -> CheckpointError:
    return CheckpointError(f"has metadata {key!r} that is not {expected}")


def read_labels(metadata: Mapping[str, str], num_classes: int) -> tuple[str | None, ...] | None:
    """Read the label of each class, None for an unused one; None: the metadata has no labels.

    Raises
    ------
    CheckpointError
        When the labels are not a list with a text or null for each class.
    """
    if "labels" not in metadata:
        return None
    labels = _value(metadata, "labels")
    if (
        not isinstance(labels, list)
        or len(labels) != num_classes
        or not all(isinstance(label, str | None) for label in labels)
    ):
        raise _fail("labels", f"a list of {num_classes} texts or nulls, one for each class")
    return tuple(labels)


def fact_of_metadata(metadata: Mapping[str, str], variant: Variant) -> Fact | None:
    """Read what the metadata says about the training; None: nothing.

    Raises
    ------
    CheckpointError
        For values that are not JSON or not valid.
    """
    said = {key: _value(metadata, key) for key in (*CONFIG_KEYS, "pool_padding") if key in metadata}
    padding = said.pop("pool_padding", None)
    if "pool_padding" in metadata and padding not in ("ignore", "symmetric", "zero"):
        raise _fail("pool_padding", '"ignore", "symmetric" or "zero"')
    fact = fact_of_config(said, "its metadata", variant)
    values = dict(fact.values) if fact else {}
    if padding is not None:
        values["pool_padding"] = padding
    return Fact("its metadata", values) if values else None
