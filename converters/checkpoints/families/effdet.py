"""rwightman's effdet, whose state dict has the canonical names."""

from __future__ import annotations

import re

from edge_edet.converters.checkpoints.mapping import Family, Source
from edge_edet.network import parameter_shapes
from edge_edet.variants import ASPECTS_EFFDET, Variant

__all__ = ["EFFDET"]


# DetBenchTrain and DetBenchPredict (effdet/bench.py) keep the anchors as buffers.
_IGNORED = re.compile(r"\.num_batches_tracked$|^(anchors|anchor_labeler)\.")


def _sources(variant: Variant) -> dict[str, Source]:
    return {name: Source((name,), shape) for name, shape in parameter_shapes(variant).items()}


EFFDET = Family(
    name="effdet",
    marks=re.compile(r"^(fpn\.cell\.|class_net\.(conv_rep|predict)\.)"),
    class_bias="class_net.predict.conv_pw.bias",
    box_bias="box_net.predict.conv_pw.bias",
    ignored=lambda variant: _IGNORED,
    sources=_sources,
    changes={"aspect_ratios": ASPECTS_EFFDET, "pool_padding": "ignore"},
)
