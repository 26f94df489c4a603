"""What the metadata of our own `.safetensors` says beyond the weights, as JSON values.

labels: one text or null per class. pad_rgb, aspect_ratios, pool_padding: the variant's fields of
that name, where the training differed from the table. Other keys are left alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from edge_edet.errors import CheckpointError
from edge_edet.variants import Variant

__all__ = ["adapt_variant", "read_labels"]


def _value(metadata: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(metadata[key])
    except (ValueError, RecursionError):
        raise CheckpointError(f"has metadata {key!r} that is not JSON") from None


def _fail(key: str, expected: str) -> CheckpointError:
    return CheckpointError(f"has metadata {key!r} that is not {expected}")


def read_labels(metadata: Mapping[str, str], num_classes: int) -> tuple[str | None, ...] | None:
    """The label of each class, or None when the metadata has no labels."""
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


def adapt_variant(metadata: Mapping[str, str], variant: Variant) -> Variant:
    """The variant with what the metadata says about its training."""
    changes: dict[str, object] = {}
    if "pad_rgb" in metadata:
        colour = _value(metadata, "pad_rgb")
        if (
            not isinstance(colour, list)
            or len(colour) != 3
            or not all(type(part) is int and 0 <= part <= 255 for part in colour)
        ):
            raise _fail("pad_rgb", "three whole numbers from 0 to 255")
        changes["pad_rgb"] = tuple(colour)
    if "pool_padding" in metadata:
        padding = _value(metadata, "pool_padding")
        if padding not in ("ignore", "symmetric", "zero"):
            raise _fail("pool_padding", '"ignore", "symmetric" or "zero"')
        changes["pool_padding"] = padding
    if "aspect_ratios" in metadata:
        ratios = _value(metadata, "aspect_ratios")
        if (
            not isinstance(ratios, list)
            or len(ratios) != len(variant.aspect_ratios)
            or not all(isinstance(pair, list) and len(pair) == 2 for pair in ratios)
            or not all(
                type(n) in (int, float) and 0 < n < math.inf for pair in ratios for n in pair
            )
        ):
            raise _fail("aspect_ratios", f"{len(variant.aspect_ratios)} pairs of positive numbers")
        changes["aspect_ratios"] = tuple((float(x), float(y)) for x, y in ratios)
    return variant.replace(**changes)
