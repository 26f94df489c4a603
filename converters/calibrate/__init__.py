"""Networks run over pictures: what their tensors hold, and what is made of it for a recipe."""

from __future__ import annotations

from edge_edet.converters.calibrate.calibration import (
    calibrate,
    calibrate_on_noise,
    drawn,
    find_pictures,
    noise_of,
)
from edge_edet.converters.calibrate.correct import (
    check_corrections,
    check_pictures,
    correct_layers,
    fitted_swishes,
    make_corrections,
)
from edge_edet.converters.calibrate.find import DEFAULT_PICTURES, Calibration, find_calibration
from edge_edet.converters.calibrate.fit_hard_swish import fit_swishes
from edge_edet.converters.calibrate.nncf import (
    NNCF_RECIPES,
    NncfRecipe,
    check_nncf,
    quantize_by_nncf,
)
from edge_edet.converters.calibrate.tensor_runs import picture_input

__all__ = [
    "DEFAULT_PICTURES",
    "NNCF_RECIPES",
    "Calibration",
    "NncfRecipe",
    "calibrate",
    "calibrate_on_noise",
    "check_corrections",
    "check_nncf",
    "check_pictures",
    "correct_layers",
    "drawn",
    "find_calibration",
    "find_pictures",
    "fit_swishes",
    "fitted_swishes",
    "make_corrections",
    "noise_of",
    "picture_input",
    "quantize_by_nncf",
]
