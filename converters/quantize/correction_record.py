"""What is made of a calibration record and its pictures for one recipe: layer corrections, fitted swishes.

The file, format version 1 (array_file.py): `outputs` and `weights` [L] int32 of the corrected layers, and
of all of them one after the other `gain` and `shift` float16 and `steps` int8; of the fitted swishes
`swish_channels` [S] int32, `swish_db` [S] float32 and `swish` [4, their channels] float16. It lies beside
its calibration record, under the same name with the suffix `.corrections` for `.calibration`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet import __version__
from edge_edet.converters.int8 import FittedSwish, Swishes
from edge_edet.converters.quantize.array_file import Arrays, packed, read_arrays
from edge_edet.converters.quantize.calibration_record import CalibrationRecord
from edge_edet.converters.quantize.corrections import Correction, Corrections
from edge_edet.converters.quantize.recipes import RECONSTRUCTED
from edge_edet.errors import InputError
from edge_edet.output_files import CORRECTIONS, Outputs, outputs_of

__all__ = [
    "CorrectionRecord",
    "check_belongs",
    "corrections_path",
    "load_corrections",
    "save_corrections",
]

FORMAT_VERSION = 1
RECORD_SUFFIX, SUFFIX = ".calibration", ".corrections"
WHAT = "correction record"
ARRAYS = {
    "outputs": "<i4",
    "weights": "<i4",
    "gain": "<f2",
    "shift": "<f2",
    "steps": "|i1",
    "swish_channels": "<i4",
    "swish_db": "<f4",
    "swish": "<f2",
}


@dataclass(frozen=True)
class CorrectionRecord:
    """Corrections for one recipe, made of one calibration record and its pictures.

    Attributes
    ----------
    calibration
        The digest of the calibration record.
    weights_sha256
        Of the weights, as in the calibration record.
    layers
        Layer -> its correction, for the recipe that is stated.
    swishes
        Swish -> the function fitted to it, which no recipe changes.
    recipe
        The recipe that the layers are corrected for, as `Recipe.to_dict` gives it.
    """

    calibration: str
    weights_sha256: str
    layers: Mapping[str, Correction]
    swishes: Mapping[str, FittedSwish]
    recipe: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The sha256 of what it holds, in hexadecimal digits."""
        total = hashlib.sha256(repr([self.calibration, self.weights_sha256]).encode())
        total.update(
            repr([list(self.layers), list(self.swishes), sorted(self.recipe.items())]).encode()
        )
        arrays = _arrays(self)
        for name, dtype in ARRAYS.items():
            total.update(arrays[name].astype(dtype).tobytes())
        return total.hexdigest()


def corrections_path(record: Path) -> Path:
    """Return where the corrections of a calibration record lie.

    Parameters
    ----------
    record
        Path of the calibration record.

    Returns
    -------
    Path
        The path, beside it.
    """
    if record.suffix == RECORD_SUFFIX:
        return record.with_suffix(SUFFIX)
    return record.with_name(record.name + SUFFIX)


def save_corrections(record: CorrectionRecord, path: Path, outputs: Outputs | None = None) -> None:
    """Write the record through a temporary name; the same record gives the same bytes.

    Parameters
    ----------
    record
        The corrections.
    path
        Where to.
    outputs
        Of the command; None: of this call alone.

    Raises
    ------
    InputError
        Where another file is there.
    """
    meta = {
        "format_version": FORMAT_VERSION,
        "generator": f"edge-edet {__version__}",
        "calibration": record.calibration,
        "weights_sha256": record.weights_sha256,
        "digest": record.digest,
        "recipe": dict(record.recipe),
        "layers": list(record.layers),
        "swishes": list(record.swishes),
    }
    with outputs_of(outputs) as writing:
        writing.write(path, packed(meta, _arrays(record), ARRAYS), CORRECTIONS)


def load_corrections(path: Path) -> CorrectionRecord:
    """Read a record.

    Parameters
    ----------
    path
        Of the corrections.

    Returns
    -------
    CorrectionRecord
        The corrections.

    Raises
    ------
    InputError
        For a file that is none, is damaged, or corrects layers for a recipe that is no longer the same.
    """

    def check(meta: dict[str, Any]) -> None:
        version = meta["format_version"]
        if version != FORMAT_VERSION:
            raise InputError(
                f"{WHAT} {str(path)!r} has format version {version}, this edge-edet reads "
                f"{FORMAT_VERSION}: make a new one with 'edge-edet calibrate'"
            )
        if meta["recipe"] != RECONSTRUCTED.to_dict():
            raise InputError(
                f"{WHAT} {str(path)!r} corrects layers for another recipe than this edge-edet "
                "has: make a new one with 'edge-edet calibrate'"
            )

    def parse(meta: dict[str, Any], arrays: Arrays) -> CorrectionRecord:
        found = CorrectionRecord(
            str(meta["calibration"]),
            str(meta["weights_sha256"]),
            _unpack_layers(meta["layers"], arrays),
            _unpack_swishes(meta["swishes"], arrays),
            meta["recipe"],
        )
        if meta["digest"] != found.digest:
            raise ValueError("its digest is not that of its contents")
        return found

    return read_arrays(path, WHAT, ARRAYS, check, parse)


def check_belongs(corrections: CorrectionRecord, record: CalibrationRecord, what: str) -> None:
    """Raise InputError where the corrections were made of another calibration record.

    Parameters
    ----------
    corrections
        What was read.
    record
        The calibration record beside it.
    what
        Names the corrections in messages.

    Raises
    ------
    InputError
        Where they were made of another record.
    """
    if (corrections.calibration, corrections.weights_sha256) != (
        record.digest,
        record.weights_sha256,
    ):
        raise InputError(
            f"{what} was made of another calibration record than the one beside it: run "
            f"'edge-edet calibrate {record.variant}' again, which writes both"
        )


def _arrays(record: CorrectionRecord) -> Arrays:
    return {**_pack_layers(record.layers), **_pack_swishes(record.swishes)}


def _pack_layers(corrections: Corrections) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of all layers, one after the other."""
    values = list(corrections.values())

    def joined(parts: list[npt.NDArray[Any]], kind: Any) -> npt.NDArray[Any]:
        return np.concatenate([np.zeros(0, kind), *parts])

    return {
        "outputs": np.asarray([c.gain.size for c in values], np.int32),
        "weights": np.asarray([c.steps.size for c in values], np.int32),
        "gain": joined([c.gain for c in values], np.float16),
        "shift": joined([c.shift for c in values], np.float16),
        "steps": joined([c.steps for c in values], np.int8),
    }


def _unpack_layers(layers: Any, arrays: Arrays) -> dict[str, Correction]:
    """Return the inverse of `_pack_layers`. Raises ValueError where the arrays do not fit together."""
    gain, shift, steps = arrays["gain"], arrays["shift"], arrays["steps"]
    outputs, weights = arrays["outputs"], arrays["weights"]
    if not isinstance(layers, list) or len(set(map(str, layers))) != len(layers):
        raise ValueError("the corrected layers must be a list of different names")
    if {outputs.shape, weights.shape} != {(len(layers),)}:
        raise ValueError(f"{outputs.size} corrections do not fit {len(layers)} layers")
    if (outputs < 1).any() or (weights < 0).any():
        raise ValueError("a corrected layer has no channels")
    if {gain.shape, shift.shape} != {(int(outputs.sum()),)} or steps.shape != (int(weights.sum()),):
        raise ValueError(
            f"{gain.size} gains and {steps.size} steps do not fit the corrected layers"
        )
    if not (np.isfinite(gain) & (gain > 0) & np.isfinite(shift)).all():
        raise ValueError("a gain is not positive, or a shift not finite")
    channels, parts = np.cumsum(outputs)[:-1], np.cumsum(weights)[:-1]
    rows = zip(
        np.split(gain, channels), np.split(shift, channels), np.split(steps, parts), strict=True
    )
    return {str(name): Correction(*row) for name, row in zip(layers, rows, strict=False)}


def _pack_swishes(swishes: Swishes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of all tensors, one after the other."""
    values = list(swishes.values())
    return {
        "swish_channels": np.asarray([f.coefficients.shape[1] for f in values], np.int32),
        "swish_db": np.asarray([f.error_db for f in values], np.float32),
        "swish": np.concatenate(
            [np.zeros((4, 0), np.float16), *(f.coefficients for f in values)], axis=1
        ),
    }


def _unpack_swishes(names: Any, arrays: Arrays) -> dict[str, FittedSwish]:
    """Return the inverse of `_pack_swishes`. Raises ValueError where the arrays do not fit together."""
    channels, errors, values = arrays["swish_channels"], arrays["swish_db"], arrays["swish"]
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        raise ValueError("the fitted swishes must be a list of different names")
    if {channels.shape, errors.shape} != {(len(names),)} or (channels < 1).any():
        raise ValueError(f"{channels.size} fitted swishes do not fit {len(names)} names")
    if values.shape != (4, int(channels.sum())):
        raise ValueError(f"{values.shape} coefficients do not fit {int(channels.sum())} channels")
    if not (np.isfinite(values).all() and np.isfinite(errors).all()):
        raise ValueError("a fitted swish is not finite")
    parts = np.split(values, np.cumsum(channels)[:-1], axis=1)
    return {
        str(name): FittedSwish(part, round(float(error), 1))
        for name, part, error in zip(names, parts, errors, strict=False)
    }
