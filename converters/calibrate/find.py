"""The order in which `convert` looks for what INT8 needs: a record, pictures, or the bundled record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.converters.calibrate.calibration import calibrate, calibrate_on_noise, find_pictures
from edge_edet.converters.quantize import (
    CalibrationRecord,
    CorrectionRecord,
    check_belongs,
    check_fits,
    corrections_path,
    load_corrections,
    load_record,
    serves,
)
from edge_edet.converters.weights import Source, asset
from edge_edet.errors import InputError
from edge_edet.network import Graph
from edge_edet.pictures import PictureRange

RECORDS = {"d0": "d0-bccd.calibration"}
NOISE_PICTURES = 1
DEFAULT_PICTURES = 200


def _check_record(path: Path) -> None:
    """Refuse a file that is not even a zip: it was meant for something else."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            return
    raise InputError(
        f"--calibration {str(path)!r} is neither a folder of pictures nor a record that 'edge-edet "
        "calibrate' wrote: give some 100 pictures in a folder; class names go to --labels"
    )


@dataclass(frozen=True)
class Calibration:
    """What INT8 can be made of.

    Attributes
    ----------
    record
        The measurements.
    corrections
        Those that lie beside the record; None: they are made of the pictures where a recipe needs them.
    pictures
        The pictures of the record, where they are at hand.
    noise_seed
        Of a record that was measured on noise.
    corrections_path
        Where corrections were looked for, for messages.
    """

    record: CalibrationRecord
    corrections: CorrectionRecord | None = None
    pictures: Sequence[Path] = ()
    noise_seed: int | None = None
    corrections_path: Path | None = None

    @property
    def is_noise(self) -> bool:
        """Whether it was measured on noise."""
        return self.noise_seed is not None


def find_calibration(
    source: Source,
    graph: Graph,
    calibration: Path | None,
    count: int | None,
    seed: int,
    threads: int,
    *,
    pictures: Sequence[Path] | None = None,
    picture_range: PictureRange = None,
) -> Calibration:
    """Return what INT8 needs: of the given folder or record, else the bundled record of these weights.

    Noise is for random weights only.

    Parameters
    ----------
    source, graph
        The weights and their float network.
    calibration
        A folder of pictures or a record; None: neither was given.
    count, seed
        How many pictures to draw from the folder (None: 200), and which.
    threads
        Of the interpreters.
    pictures
        Those of the folder to take, where they are known already.
    picture_range
        How the pictures are read, as `edge_edet.load` takes it.

    Returns
    -------
    Calibration
        Measurements, and where they are from.

    Raises
    ------
    InputError
        Where there is nothing honest to use, or a record of another network.
    """
    name = source.variant.name
    if calibration is not None and calibration.is_file():
        _check_record(calibration)
        record = load_record(calibration)
        check_fits(record, graph, source.digest, f"calibration record {str(calibration)!r}")
        return _load(record, calibration)
    if calibration is not None:
        chosen = pictures or find_pictures(calibration, count or DEFAULT_PICTURES, seed)
        record = calibrate(graph, source.digest, chosen, threads, picture_range)
        return Calibration(record, pictures=tuple(chosen))
    if source.random:
        count = count or NOISE_PICTURES
        record = calibrate_on_noise(graph, source.digest, count, seed, threads)
        return Calibration(record, noise_seed=seed)
    if name in RECORDS:
        record = load_record(asset(RECORDS[name]))
        fits = record.weights_sha256 == source.digest
        if fits and serves(record.image_size, source.variant.image_size):
            return _load(record, asset(RECORDS[name]))
    raise InputError(
        f"INT8 of {source.provenance['name']} needs calibration pictures: give some 100 that look "
        "like what the model will see, with --calibration DIR"
    )


def _load(record: CalibrationRecord, path: Path) -> Calibration:
    """Return the record of a file, and the corrections beside it."""
    beside = corrections_path(path)
    corrections = None
    if beside.exists():
        corrections = load_corrections(beside)
        check_belongs(corrections, record, f"correction record {str(beside)!r}")
    return Calibration(record, corrections, corrections_path=beside)
