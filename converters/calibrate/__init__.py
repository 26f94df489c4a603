"""Networks run over pictures: activation statistics and what reconstruction needs."""

from __future__ import annotations

from edge_edet.converters.calibrate.calibration import (
    calibrate,
    calibrate_on_noise,
    drawn,
    find_pictures,
)
from edge_edet.converters.calibrate.find import DEFAULT_PICTURES, find_calibration
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
    "NncfRecipe",
    "calibrate",
    "calibrate_on_noise",
    "check_nncf",
    "drawn",
    "find_calibration",
    "find_pictures",
    "picture_input",
    "quantize_by_nncf",
]
