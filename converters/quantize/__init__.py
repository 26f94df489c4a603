"""How a graph's integers are chosen: ranges, scales, zero points, recipes and corrections."""

from __future__ import annotations

from edge_edet.converters.quantize.affine import (
    INT8_MAX,
    SIGMOID,
    Affine,
    Quantized,
    QuantizedWeight,
    least_scale,
    quantize_weight,
)
from edge_edet.converters.quantize.calibration_record import (
    CalibrationRecord,
    agreed_range,
    as_stored,
    check_fits,
    half,
    load_record,
    preparation_of,
    save_record,
    weights_digest,
)
from edge_edet.converters.quantize.channelwise import (
    CHANNELWISE_RECIPES,
    LEVELS,
    STEM_INPUT,
    ChannelQuantized,
    ChannelQuantizer,
    ChannelwiseRecipe,
    quantize_channelwise,
)
from edge_edet.converters.quantize.corrections import (
    Correction,
    Corrections,
    changes,
    corrected,
    round_at,
)
from edge_edet.converters.quantize.equalize import FACTOR_STEPS, GATE_LIMIT
from edge_edet.converters.quantize.fitted_swish import FittedSwish, applied, hard_swish, swish
from edge_edet.converters.quantize.histograms import FLOAT16_MAX, Statistics
from edge_edet.converters.quantize.ranges import MEAN_ERROR_WEIGHT, calibrated_tensors, sigmoid
from edge_edet.converters.quantize.recipes import (
    DEFAULT_RECIPE,
    RECIPES,
    RECONSTRUCTED,
    Recipe,
    get_recipe,
    quantize,
)
from edge_edet.converters.quantize.stem import input_affine, input_zero_point, stem_shift

__all__ = [
    "CHANNELWISE_RECIPES",
    "DEFAULT_RECIPE",
    "FACTOR_STEPS",
    "FLOAT16_MAX",
    "GATE_LIMIT",
    "INT8_MAX",
    "LEVELS",
    "MEAN_ERROR_WEIGHT",
    "RECIPES",
    "RECONSTRUCTED",
    "SIGMOID",
    "STEM_INPUT",
    "Affine",
    "CalibrationRecord",
    "ChannelQuantized",
    "ChannelQuantizer",
    "ChannelwiseRecipe",
    "Correction",
    "Corrections",
    "FittedSwish",
    "Quantized",
    "QuantizedWeight",
    "Recipe",
    "Statistics",
    "agreed_range",
    "applied",
    "as_stored",
    "calibrated_tensors",
    "changes",
    "check_fits",
    "corrected",
    "get_recipe",
    "half",
    "hard_swish",
    "input_affine",
    "input_zero_point",
    "least_scale",
    "load_record",
    "preparation_of",
    "quantize",
    "quantize_channelwise",
    "quantize_weight",
    "round_at",
    "save_record",
    "sigmoid",
    "stem_shift",
    "swish",
    "weights_digest",
]
