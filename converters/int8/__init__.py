"""The INT8 of a network as data: what the integers mean. quantize/ chooses it, write/ stores it."""

from __future__ import annotations

from edge_edet.converters.int8.affine import (
    FACTOR_STEPS,
    FLOAT16_MAX,
    GATE_LIMIT,
    INT8_MAX,
    INT8_MIN,
    SIGMOID,
    Affine,
    ChannelGroups,
    Indices,
    Quantized,
    QuantizedWeight,
    channel_axis,
    half,
    least_scale,
    quantize_weight,
)
from edge_edet.converters.int8.channels import (
    LEVELS,
    STEM_INPUT,
    ChannelQuantized,
    ChannelQuantizer,
)
from edge_edet.converters.int8.fitted_swish import (
    FittedSwish,
    Swishes,
    applied,
    hard_swish,
    swish,
)
from edge_edet.converters.int8.stem import input_affine, input_zero_point, stem_shift

__all__ = [
    "FACTOR_STEPS",
    "FLOAT16_MAX",
    "GATE_LIMIT",
    "INT8_MAX",
    "INT8_MIN",
    "LEVELS",
    "SIGMOID",
    "STEM_INPUT",
    "Affine",
    "ChannelGroups",
    "ChannelQuantized",
    "ChannelQuantizer",
    "FittedSwish",
    "Indices",
    "Quantized",
    "QuantizedWeight",
    "Swishes",
    "applied",
    "channel_axis",
    "half",
    "hard_swish",
    "input_affine",
    "input_zero_point",
    "least_scale",
    "quantize_weight",
    "stem_shift",
    "swish",
]
