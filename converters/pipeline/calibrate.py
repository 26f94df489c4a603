"""Calibrate: measure the float network's activations, or find the record of earlier measurements."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.converters.calibrate import (
    Calibration,
    check_corrections,
    check_pictures,
    find_calibration,
)
from edge_edet.converters.pipeline.build import Network
from edge_edet.converters.pipeline.plan import Plan
from edge_edet.converters.quantize import agreed_range
from edge_edet.pictures import PictureRange
from edge_edet.variants import size_text

__all__ = ["Calibrated", "calibrate"]


@dataclass(frozen=True)
class Calibrated:
    """A calibration of one network.

    Attributes
    ----------
    calibration
        Measurements, and what corrections are made of.
    picture_range
        How other pictures are read from here on: as those of the calibration were.
    notes
        What to report.
    """

    calibration: Calibration
    picture_range: PictureRange
    notes: tuple[str, ...]


def calibrate(planned: Plan, network: Network) -> Calibrated:
    """Measure on the pictures, or find a record; nothing is quantized.

    Raises
    ------
    InputError
        Where there is nothing honest to use, or a record of another network or without the corrections
        that the recipe needs.
    """
    request, recipes = planned.request, planned.recipes
    calibration = find_calibration(
        network.source,
        network.graph,
        request.calibration,
        request.calibration_images,
        request.seed,
        request.threads,
        pictures=planned.pictures,
        picture_range=request.picture_range,
    )
    searched = request.max_drop is not None
    if recipes.tflite is not None:
        check_pictures(calibration, recipes.tflite)
    if recipes.tflite is not None and (recipes.tflite.reconstruct or searched):
        check_corrections(calibration, recipes.tflite.name, "equalized")
    if recipes.channelwise is not None and (
        recipes.channelwise.least_swish_db is not None or searched
    ):
        check_corrections(calibration, recipes.channelwise.name, "channelwise-exact")
    if network.source.random:
        return Calibrated(calibration, request.picture_range, ())
    what = f"the calibration of {network.name}"
    agreed, note = agreed_range(request.picture_range, calibration.record, what)
    measured, built = calibration.record.image_size, network.source.variant.image_size
    other = (
        f"{network.name}: INT8 of {size_text(built)} by the calibration at {size_text(measured)}, where "
        "pictures lie at the same scale"
        if measured != built
        else ""
    )
    return Calibrated(calibration, agreed, tuple(filter(None, (note, other))))
