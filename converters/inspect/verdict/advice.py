"""Advice for ranges that lose too much: another calibration, or another recipe."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from edge_edet.converters.inspect.facts import Facts
from edge_edet.converters.inspect.verdict.findings import Finding
from edge_edet.formats import ModelFile
from edge_edet.manifest import manifest_of
from edge_edet.pictures import PictureRange

CALIBRATE = "calibrate with pictures like those that the model will see"
BEST = {"tflite": "reconstructed", "openvino": "channelwise-exact"}  # closest to float, by format
OWN_PICTURES = "it was calibrated on these very pictures, so more like them will not help"


def better_recipe(facts: Facts) -> str:
    """Return the advice to take the recipe closest to float, or what can be done beyond it.

    Parameters
    ----------
    facts
        Of the model.

    Returns
    -------
    str
        A sentence.
    """
    stored = (facts.manifest or {}).get("recipe")
    recipe = stored if isinstance(stored, dict) else {}
    best = BEST["tflite" if facts.openvino is None else "openvino"]
    if "max_drop" in recipe:
        return "convert with a smaller --max-drop"
    if recipe.get("name") == best:
        return "convert with --max-drop, which keeps parts in float where integers lose too much"
    return f"take --recipe {best}"


def for_seen_pictures(findings: Iterable[Finding], better: str) -> list[Finding]:
    """Rewrite the findings of a model that was calibrated on the pictures that it was compared on.

    The advice to calibrate on pictures like these would not help there; `better` replaces it.

    Parameters
    ----------
    findings
        Of the model.
    better
        The other advice.

    Returns
    -------
    list[Finding]
        With other advice.
    """
    found = []
    for f in findings:
        if CALIBRATE in f.advice:
            f = dataclasses.replace(f, advice=f"{OWN_PICTURES}: {better}")
        if f.kind == "calibration":
            text = f.text.partition(": the calibration")[0]
            f = dataclasses.replace(
                f, text=f"{text}, though the calibration saw these very pictures"
            )
        found.append(f)
    return found


def calibrated_on(
    model: ModelFile, pictures: Sequence[Path], picture_range: PictureRange = None
) -> bool:
    """Check whether a model was calibrated on these pictures: all, or those that `convert` draws of them.

    The digest in the manifest decides, which is of the names and pixels.

    Parameters
    ----------
    model
        The summary of the file.
    pictures
        Paths.
    picture_range
        How pictures are read, as `edge_edet.load` takes it.

    Returns
    -------
    bool
        Whether it was.
    """
    from edge_edet.converters.calibrate import drawn, picture_input

    manifest = manifest_of(model)
    stored: Any = manifest.provenance.get("calibration") if manifest else None
    if (
        manifest is None
        or not isinstance(stored, dict)
        or not isinstance(stored.get("images"), int)
    ):
        return False
    count = stored["images"]
    if not 0 < count <= len(pictures):
        return False
    total = hashlib.sha256()
    for path in drawn(sorted(pictures), count, 0):
        pixels = picture_input(path, manifest.variant, picture_range)
        total.update(f"{path.name} {hashlib.sha256(pixels.tobytes()).hexdigest()}\n".encode())
    return total.hexdigest() == stored.get("digest")
