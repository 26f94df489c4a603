"""How a graph's integers are chosen: ranges, scales, zero points, recipes and corrections."""

from __future__ import annotations

from edge_edet.converters.quantize.calibration_record import (
    CalibrationRecord,
    agreed_range,
    as_stored,
    check_fits,
    load_record,
    preparation_of,
    save_record,
    serves,
)
from edge_edet.converters.quantize.channelwise import (
    CHANNELWISE_RECIPES,
    ChannelwiseRecipe,
    quantize_channelwise,
)
from edge_edet.converters.quantize.correction_record import (
    CorrectionRecord,
    check_belongs,
    corrections_path,
    load_corrections,
    save_corrections,
)
from edge_edet.converters.quantize.corrections import (
    Correction,
    Corrections,
    changes,
    corrected,
    round_at,
)
from edge_edet.converters.quantize.histograms import Statistics
from edge_edet.converters.quantize.ranges import MEAN_ERROR_WEIGHT, calibrated_tensors, sigmoid
from edge_edet.converters.quantize.recipes import (
    DEFAULT_RECIPE,
    RECIPES,
    RECONSTRUCTED,
    Recipe,
    get_recipe,
    quantize,
)

__all__ = [
    "CHANNELWISE_RECIPES",
    "DEFAULT_RECIPE",
    "MEAN_ERROR_WEIGHT",
    "RECIPES",
    "RECONSTRUCTED",
    "CalibrationRecord",
    "ChannelwiseRecipe",
    "Correction",
    "CorrectionRecord",
    "Corrections",
    "Recipe",
    "Statistics",
    "agreed_range",
    "as_stored",
    "calibrated_tensors",
    "changes",
    "check_belongs",
    "check_fits",
    "corrected",
    "corrections_path",
    "get_recipe",
    "load_corrections",
    "load_record",
    "preparation_of",
    "quantize",
    "quantize_channelwise",
    "round_at",
    "save_corrections",
    "save_record",
    "serves",
    "sigmoid",
]
