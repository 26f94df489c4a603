"""What is made of a calibration and its pictures for a recipe: corrected layers and fitted swishes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_edet.converters.calibrate.calibration import noise_of
from edge_edet.converters.calibrate.find import Calibration
from edge_edet.converters.calibrate.fit_hard_swish import fit_swishes
from edge_edet.converters.calibrate.reconstruct import reconstruct
from edge_edet.converters.calibrate.tensor_runs import Pixels, picture_input
from edge_edet.converters.int8 import Quantized, Swishes
from edge_edet.converters.quantize import (
    RECONSTRUCTED,
    CalibrationRecord,
    CorrectionRecord,
    Recipe,
    corrected,
    quantize,
)
from edge_edet.errors import InputError
from edge_edet.network import Graph

__all__ = [
    "check_corrections",
    "check_pictures",
    "correct_layers",
    "fitted_swishes",
    "make_corrections",
]


def make_corrections(
    graph: Graph,
    record: CalibrationRecord,
    pictures: Sequence[Path],
    threads: int,
    *,
    layers: bool = True,
    swishes: bool = True,
) -> CorrectionRecord:
    """Return the corrections for the recipe "reconstructed", and the fitted swishes.

    Parameters
    ----------
    graph
        The float network that the record was measured on.
    record, pictures
        The measurements, and the pictures that they were taken from.
    threads
        Of the interpreters.
    layers, swishes
        What to make; what is not made is empty.

    Returns
    -------
    CorrectionRecord
        The corrections.

    Raises
    ------
    ImageError
        For a file that is no picture.
    """
    found = {}
    if layers:
        built, quantized = quantize(graph, record.statistics, RECONSTRUCTED)
        found = reconstruct(built, quantized, pictures, threads, record.picture_range).corrections
    fitted: Swishes = {}
    if swishes:
        fitted = fit_swishes(graph, pictures, _reader(graph, record), threads)
    recipe = RECONSTRUCTED.to_dict()
    return CorrectionRecord(record.digest, record.weights_sha256, found, fitted, recipe)


def check_corrections(calibration: Calibration, recipe: str, instead: str) -> None:
    """Raise InputError where a recipe needs corrections and nothing is there to take them from.

    Parameters
    ----------
    calibration
        What was found.
    recipe, instead
        The recipe that needs them, and one that does not, for the message.

    Raises
    ------
    InputError
        Where there are neither corrections nor pictures.
    """
    if calibration.corrections is None and not calibration.pictures and not calibration.is_noise:
        raise InputError(
            f"recipe {recipe!r} needs the corrections that 'edge-edet calibrate' writes beside its "
            f"record, and {str(calibration.corrections_path)!r} is not there: put it there, give "
            f"the pictures with --calibration DIR, or take --recipe {instead}"
        )


def check_pictures(calibration: Calibration, recipe: Recipe) -> None:
    """Raise InputError where a recipe with one scale a tensor has no pictures to correct its layers on.

    Parameters
    ----------
    calibration
        What was found.
    recipe
        Others than those with one scale a tensor can take stored corrections.

    Raises
    ------
    InputError
        Where a recipe with one scale a tensor has no pictures.
    """
    if recipe.per_tensor and not calibration.pictures and not calibration.is_noise:
        raise InputError(
            f"recipe {recipe.name!r} corrects layers on pictures, and a calibration record holds none: "
            "give some with --calibration DIR"
        )


def correct_layers(
    graph: Graph, quantized: Quantized, calibration: Calibration, threads: int, recipe: Recipe
) -> Quantized:
    """Return the integers with corrected layers: by the stored corrections, else by reconstruction.

    Parameters
    ----------
    graph, quantized
        As `quantize` gives them for the recipe.
    calibration
        Its pictures are run where there are no stored corrections. Noise corrects nothing.
    threads
        Of the interpreters.
    recipe
        One that reconstructs.

    Returns
    -------
    Quantized
        The integers.

    Raises
    ------
    InputError
        Where the corrections are those of another network.
    """
    stored = calibration.corrections
    if stored is not None and stored.recipe == recipe.to_dict():
        return corrected(graph, quantized, stored.layers)
    if calibration.is_noise:
        return corrected(graph, quantized, {})
    pictures, record = calibration.pictures, calibration.record
    return reconstruct(graph, quantized, pictures, threads, record.picture_range).quantized


def fitted_swishes(graph: Graph, calibration: Calibration, threads: int) -> Swishes:
    """Return the stored fitted swishes, else fit them on the calibration's pictures or its noise.

    Parameters
    ----------
    graph
        The network.
    calibration
        What was found.
    threads
        CPU threads of the runtime.

    Returns
    -------
    Swishes
        What was fitted, by the name of the swish.
    """
    if calibration.corrections is not None:
        return calibration.corrections.swishes
    record = calibration.record
    if calibration.noise_seed is not None:
        noise = noise_of(graph, calibration.noise_seed)
        return fit_swishes(graph, range(record.pictures), noise, threads)
    return fit_swishes(graph, calibration.pictures, _reader(graph, record), threads)


def _reader(graph: Graph, record: CalibrationRecord) -> Callable[[Any], Pixels]:
    return lambda path: picture_input(path, graph.variant, record.picture_range)
