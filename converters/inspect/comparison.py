"""The comparison of an INT8 model with its float model, with its verdict, that all commands share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_edet.converters.inspect.inspection import inspect_against
from edge_edet.converters.inspect.pictures import inputs_of
from edge_edet.converters.inspect.result import Inspection, read_inspectable
from edge_edet.converters.inspect.static_checks import has_random_weights
from edge_edet.converters.inspect.verdict import (
    CALIBRATE,
    RANDOM,
    REFUSED,
    Agreement,
    Verdict,
    agreement,
    better_recipe,
    calibrated_on,
    for_seen_pictures,
    judge,
    score_shift,
)
from edge_edet.detection import layout_of
from edge_edet.errors import ModelFileError
from edge_edet.pictures import PictureRange


@dataclass(frozen=True)
class Comparison:
    """An INT8 model compared with its float model.

    Attributes
    ----------
    inspection
        Facts, findings, and the errors of tensors, blocks and constants.
    agreement
        Of the detections; None where the model does not run or is no detector.
    verdict
        Healthy, worse, a fault, or unknown.
    """

    inspection: Inspection
    agreement: Agreement | None
    verdict: Verdict


def compare_and_judge(
    int8_path: Path,
    float_path: Path,
    compared: Sequence[Path],
    threads: int = 2,
    picture_range: PictureRange = None,
    *,
    detected: Sequence[Path] = (),
    given: Sequence[Path] = (),
    accuracy: Mapping[str, Any] | None = None,
    verify: bool = True,
) -> Comparison:
    """Compare an INT8 model with its float model, and judge it.

    Parameters
    ----------
    int8_path, float_path
        The two models, of one format and of the same weights.
    compared
        Pictures on which tensors are compared.
    threads
        CPU threads of the runtime.
    picture_range
        How grey pictures of more than 8 bits are read.
    detected
        Pictures on which detections are compared; by default the same.
    given
        All pictures that these were taken from, for the advice about calibration.
    accuracy
        AP of both models, see `judge`.
    verify
        As of `edge_edet.load`.

    Returns
    -------
    Comparison
        A model that the runtime refuses is judged a fault; that raises nothing.

    Raises
    ------
    InputError
        Where the files are not of the same network.
    ImageError
        For a picture that cannot be read.
    """
    integer = read_inspectable(int8_path)
    inputs = inputs_of(integer, compared, picture_range)
    inspection = inspect_against(int8_path, float_path, inputs, threads)
    if inspection.refused:
        return Comparison(inspection, None, REFUSED)
    found = None
    if is_detector(int8_path):
        found = agreement(
            int8_path, float_path, detected or compared, threads, picture_range, verify=verify
        )
    verdict = judge(accuracy, found, _allowed(inspection))
    if has_random_weights(inspection.facts):
        verdict = RANDOM
    findings = list(inspection.findings)
    if any(CALIBRATE in f.for_verdict(verdict.name).advice for f in findings) and calibrated_on(
        integer, given or detected or compared, picture_range
    ):
        findings = for_seen_pictures(findings, better_recipe(inspection.facts))
    findings += score_shift(found) if found else []
    return Comparison(replace(inspection, findings=findings), found, verdict)


def _allowed(inspection: Inspection) -> float:
    """Return the loss of AP, 0 to 1, that --max-drop allowed when the model was made."""
    recipe = (inspection.facts.manifest or {}).get("recipe")
    points = recipe.get("max_drop") if isinstance(recipe, dict) else None
    return points / 100 if isinstance(points, (int, float)) else 0.0


def is_detector(path: Path) -> bool:
    """Check whether a model's outputs are known as boxes and scores."""
    try:
        layout_of(read_inspectable(path))
    except ModelFileError:
        return False
    return True
