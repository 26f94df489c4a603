"""The order in which `convert` looks for what INT8 needs: a record, pictures, or the bundled record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_edet.converters.calibrate.calibration import calibrate, calibrate_on_noise, find_pictures
from edge_edet.converters.quantize import CalibrationRecord, check_fits, load_record
from edge_edet.converters.weights import Source, asset
from edge_edet.errors import InputError
from edge_edet.network import Graph
from edge_edet.pictures import PictureRange

RECORDS = {"d0": "d0-bccd.calibration"}


NOISE_PICTURES = 1


DEFAULT_PICTURES = 200


def _check_record(path: Path) -> None:
    """A file that is not even a zip was meant for something else."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            return
    raise InputError(
        f"--calibration {str(path)!r} is neither a folder of pictures nor a record that 'edge-edet "
        "calibrate' wrote: give some 100 pictures in a folder; class names go to --labels"
    )


def find_calibration(
    source: Source,
    graph: Graph,
    calibration: Path | None,
    count: int | None,
    seed: int,
    threads: int,
    corrections: bool = True,
    swishes: bool = True,
    *,
    pictures: Sequence[Path] | None = None,
    picture_range: PictureRange = None,
) -> CalibrationRecord:
    """What INT8 needs: of the given folder or record, else the bundled record of these weights.

    corrections, swishes: whether to take the time for them, where there are pictures. pictures: those of
    the folder to take, where they are known already.

    Noise is for random weights only. Raises InputError where there is nothing honest to use.
    """
    name = source.variant.name
    if calibration is not None and calibration.is_file():
        _check_record(calibration)
        record = load_record(calibration)
        check_fits(record, graph, source.digest, f"calibration record {str(calibration)!r}")
        return record
    if calibration is not None:
        chosen = pictures or find_pictures(calibration, count or DEFAULT_PICTURES, seed)
        return calibrate(graph, source.digest, chosen, threads, corrections, swishes, picture_range)
    if source.random:
        return calibrate_on_noise(graph, source.digest, count or NOISE_PICTURES, seed, threads)
    if name in RECORDS:
        record = load_record(asset(RECORDS[name]))
        fits = record.weights_sha256 == source.digest
        if fits and record.image_size == source.variant.image_size:
            return record
    raise InputError(
        f"INT8 of {source.provenance['name']} needs calibration pictures: give some 100 that look "
        "like what the model will see, with --calibration DIR"
    )
