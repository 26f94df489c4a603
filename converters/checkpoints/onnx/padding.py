"""Find out how an ONNX file pads where it halves a map: as TensorFlow, or evenly as PyTorch.

All maps that a strided convolution reads have even sizes, because image sizes are multiples of 32, so the
padding is the same at every size. edge_edet/network/graph.py has both kinds of padding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from edge_edet.converters.checkpoints.families import EFFDET, own_changes
from edge_edet.converters.checkpoints.mapping import Family
from edge_edet.converters.checkpoints.onnx.graph import OnnxFile, attributes_of
from edge_edet.errors import CheckpointError
from edge_edet.variants import Variant

__all__ = ["padded_family", "pads_evenly"]


def pads_evenly(attributes: dict[str, Any]) -> bool:
    """Check for as much padding before as after; TensorFlow's has more after, or an operator of its own."""
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    lower = attributes.get("auto_pad", b"NOTSET") == b"SAME_LOWER"
    return lower or (len(pads) == 4 and pads[0] > 0 and pads[0] >= pads[2])


def padded_family(file: OnnxFile, convolutions: Iterable[bool], variant: Variant) -> Family:
    """Make effdet's family with the padding of the file.

    Parameters
    ----------
    file
        The graph.
    convolutions
        For each strided convolution whether it pads evenly.
    variant
        Its row in the table of variants.

    Raises
    ------
    CheckpointError
        When they pad differently from one another, which no network of effdet does.
    """
    kinds = set(convolutions)
    if len(kinds) > 1:
        raise CheckpointError(
            "pads some of its strided convolutions as PyTorch does, others as TensorFlow does: effdet's "
            "networks pad all of them alike"
        )
    pools = [attributes_of(node) for node in file.nodes if node.op_type == "MaxPool"]
    pool = "symmetric" if pools and all(map(pads_evenly, pools)) else "ignore"
    if kinds != {True}:
        if pool == "symmetric":
            raise CheckpointError(
                "pads its pools as PyTorch does and its convolutions as TensorFlow does: none of "
                "effdet's networks does so"
            )
        return EFFDET
    changes = {**EFFDET.changes, **(own_changes(variant) if variant.lite else {})}
    changes |= {"conv_padding": "symmetric", "pool_padding": pool}
    return replace(EFFDET, changes=changes)
