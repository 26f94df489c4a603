"""The calibration record: what was measured of the activations, in a file that travels without pictures.

The file, format version 4 (array_file.py): `counts` [T, BINS] uint32, `extremes` [T, 2] float32, `channels`
[T] int32, and of all tensors one after the other `channel_low` and `channel_high` float16. The key `range`
of its meta, as --range takes it, is there only where the pictures were read with one.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet import __version__
from edge_edet.converters.int8 import half
from edge_edet.converters.quantize.array_file import Arrays, packed, read_arrays
from edge_edet.converters.quantize.histograms import BINS, Statistics
from edge_edet.converters.quantize.ranges import calibrated_tensors
from edge_edet.errors import InputError
from edge_edet.network import Graph
from edge_edet.output_files import CALIBRATION, Outputs, outputs_of
from edge_edet.pictures import PictureRange, parse_range, range_text, shown
from edge_edet.variants import ImageSize, Variant, size_of, size_text

FORMAT_VERSION = 4  # 2 and 3 held corrections and fitted swishes too
PREPARATION = ("mean", "std", "pad_rgb")
COUNT_BITS = 5
WHAT = "calibration record"
ARRAYS = {
    "counts": "<u4",
    "extremes": "<f4",
    "channels": "<i4",
    "channel_low": "<f2",
    "channel_high": "<f2",
}


@dataclass(frozen=True)
class CalibrationRecord:
    """Measurements of a float network over pictures, and nothing that depends on a recipe.

    Attributes
    ----------
    statistics
        Tensor -> its statistics over all pictures.
    variant, image_size, weights_sha256
        The network that was run.
    digest
        sha256 over the names and pixels of the pictures; "noise, seed N" for noise.
    pictures, source
        How many pictures, and the name of their folder.
    picture_range
        How the pictures were read, as `edge_edet.load` takes it.
    preparation
        mean, std and pad_rgb of the network's input; None: an early record.
    """

    statistics: dict[str, Statistics]
    variant: str
    image_size: ImageSize
    weights_sha256: str
    digest: str
    pictures: int
    source: str
    picture_range: PictureRange = None
    preparation: dict[str, list[float]] | None = None


def preparation_of(variant: Variant) -> dict[str, list[float]]:
    """Return what made input tensors of the pictures, beside the size.

    Parameters
    ----------
    variant
        The network by name, with its numbers.

    Returns
    -------
    dict[str, list[float]]
        Numbers by name, on the 0-255 scale.
    """
    return {name: list(getattr(variant, name)) for name in PREPARATION}


def save_record(record: CalibrationRecord, path: Path, outputs: Outputs | None = None) -> None:
    """Write the record through a temporary name; the same record gives the same bytes.

    Parameters
    ----------
    record, path
        What to write, and where.
    outputs
        The other files that the command writes, and its inputs; None: there are none.

    Raises
    ------
    InputError
        Where a file is there that is no record.
    """
    statistics = record.statistics
    meta: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "generator": f"edge-edet {__version__}",
        "variant": record.variant,
        "image_size": record.image_size,
        "weights_sha256": record.weights_sha256,
        "digest": record.digest,
        "pictures": record.pictures,
        "source": record.source,
        "tensors": list(statistics),
        "preparation": record.preparation,
    }
    if record.picture_range is not None:
        meta["range"] = range_text(record.picture_range)
    values = list(statistics.values())
    arrays: dict[str, npt.NDArray[Any]] = {
        "counts": np.stack([_rounded(s.counts) for s in values]).astype(np.uint32),
        "extremes": np.asarray([(s.low, s.high) for s in values], np.float32),
        "channels": np.asarray([s.channel_low.size for s in values], np.int32),
        "channel_low": half(np.concatenate([s.channel_low for s in values])),
        "channel_high": half(np.concatenate([s.channel_high for s in values])),
    }
    with outputs_of(outputs) as writing:
        writing.write(path, packed(meta, arrays, ARRAYS), CALIBRATION)


def _rounded(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Round counts to COUNT_BITS significant bits: an error of at most 1.6 %, and half the file."""
    counts = np.minimum(counts, 2**31)
    drop = np.maximum(np.frexp(counts)[1] - COUNT_BITS, 0)
    return np.asarray((counts + (1 << drop >> 1)) >> drop << drop, np.int64)


def as_stored(statistics: Mapping[str, Statistics]) -> dict[str, Statistics]:
    """Return what a record keeps of them: a folder and its record must give the same model.

    Parameters
    ----------
    statistics
        By tensor.

    Returns
    -------
    dict[str, Statistics]
        By tensor, as a record gives them back.
    """
    return {
        name: Statistics(
            _rounded(s.counts),
            s.low,
            s.high,
            half(s.channel_low).astype(np.float64),
            half(s.channel_high).astype(np.float64),
            s.pictures,
        )
        for name, s in statistics.items()
    }


def load_record(path: Path) -> CalibrationRecord:
    """Read a record.

    Parameters
    ----------
    path
        Of the record.

    Returns
    -------
    CalibrationRecord
        The measurements.

    Raises
    ------
    InputError
        For a file that is none, is damaged, or has another format version.
    """

    def check(meta: dict[str, Any]) -> None:
        if meta["format_version"] != FORMAT_VERSION:
            command = ["edge-edet", "calibrate", str(meta.get("variant", "VARIANT"))]
            raise InputError(
                f"{WHAT} {str(path)!r} has format version {meta['format_version']}, this edge-edet "
                f"reads {FORMAT_VERSION}: make a new one with '{' '.join(command)} --calibration "
                f"PICTURES -o {shlex.quote(str(path))}'"
            )
        if not _positive(meta["pictures"]):
            raise ValueError("pictures must be a positive integer")
        _image_size(meta["image_size"])

    def parse(meta: dict[str, Any], arrays: Arrays) -> CalibrationRecord:
        return CalibrationRecord(
            _statistics(meta, arrays),
            str(meta["variant"]),
            _image_size(meta["image_size"]),
            str(meta["weights_sha256"]),
            str(meta["digest"]),
            meta["pictures"],
            str(meta["source"]),
            _range(meta.get("range")),
            _preparation(meta.get("preparation")),
        )

    return read_arrays(path, WHAT, ARRAYS, check, parse)


def _positive(value: object) -> bool:
    return type(value) is int and value > 0


def _image_size(stated: object) -> ImageSize:
    """Read the side of a square, or [height, width] of another input."""
    sides = stated if isinstance(stated, list) else [stated, stated]
    if len(sides) != 2 or not all(map(_positive, sides)):
        raise ValueError("image_size must be a positive integer, or [height, width]")
    return size_of(*sides)


def _range(stated: Any) -> PictureRange:
    """Read the range; a missing key means that the pictures were read without a range."""
    if stated is None or isinstance(stated, str):
        return parse_range(stated) if stated is not None else None
    raise ValueError("the range must be a text")


def _preparation(value: object) -> dict[str, list[float]] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != set(PREPARATION):
        raise ValueError(f"preparation must have {', '.join(PREPARATION)}")
    for part in value.values():
        if (
            not isinstance(part, list)
            or len(part) != 3
            or not all(type(n) in (int, float) and math.isfinite(n) for n in part)
        ):
            raise ValueError("preparation must hold three numbers each")
    return value


def _prepared(preparation: Mapping[str, Sequence[float]]) -> str:
    mean, std, pad = (shown(preparation[name]) for name in PREPARATION)
    return f"mean {mean}, std {std}, padding {pad}"


def _statistics(meta: dict[str, Any], arrays: Arrays) -> dict[str, Statistics]:
    names, counts, channels = meta["tensors"], arrays["counts"], arrays["channels"]
    extremes, low, high = arrays["extremes"], arrays["channel_low"], arrays["channel_high"]
    if not isinstance(names, list) or not names or len(set(map(str, names))) != len(names):
        raise ValueError("the tensors must be a list of different names")
    if counts.shape != (len(names), BINS) or {extremes.shape, channels.shape} != {
        (len(names), 2),
        (len(names),),
    }:
        raise ValueError(f"counts {counts.shape} do not fit {len(names)} tensors")
    if (channels < 1).any() or {low.shape, high.shape} != {(int(channels.sum()),)}:
        raise ValueError(f"{low.size} channel extremes do not fit the tensors")
    if not all(np.isfinite(values).all() for values in (extremes, low, high)):
        raise ValueError("an extreme is not finite")
    if (extremes[:, 0] > extremes[:, 1]).any() or (low > high).any():
        raise ValueError("an upper extreme is below the lower one")
    if not counts.any(axis=1).all():
        raise ValueError("a tensor has no counts")
    ends = np.cumsum(channels)
    result = {}
    for i, name in enumerate(names):
        part = slice(ends[i] - channels[i], ends[i])
        result[str(name)] = Statistics(
            counts[i].astype(np.int64),
            float(extremes[i, 0]),
            float(extremes[i, 1]),
            low[part].astype(np.float64),
            high[part].astype(np.float64),
            meta["pictures"],
        )
    return result


def serves(measured: ImageSize, built: ImageSize) -> bool:
    """Whether what was measured at one size holds for a model of another one.

    It does at the same size, and for an input that is no square where it was measured in the square of its
    longer side: pictures lie in both at the same scale, and the square has more of the padding. INT8 is as
    good so: docs/decisions/0019-rectangles.md.

    Parameters
    ----------
    measured, built
        The input of the record and that of the model: a side, or (height, width), in pixels.

    Returns
    -------
    bool
        Whether it holds.
    """
    return measured == built or (not isinstance(built, int) and measured == max(built))


def check_fits(record: CalibrationRecord, graph: Graph, weights_sha256: str, what: str) -> None:
    """Refuse a record that was taken from other weights or another size, by InputError.

    Parameters
    ----------
    record
        The measurements.
    graph
        The network.
    weights_sha256
        Digest of the weights.
    what
        Names the record in messages.

    Raises
    ------
    InputError
        For a record of other weights, another size or another preparation of the pictures.
    """
    v = graph.variant
    if record.variant != v.name or not serves(record.image_size, v.image_size):
        size = "" if isinstance(v.image_size, int) else f" --image-size {size_text(v.image_size)}"
        raise InputError(
            f"{what} is for {record.variant} at {size_text(record.image_size)} pixels and the model is "
            f"{v.name} at {size_text(v.image_size)}: run 'edge-edet calibrate {v.name}{size}' on your "
            "pictures"
        )
    if record.weights_sha256 != weights_sha256:
        raise InputError(
            f"{what} was taken from other weights of {v.name}: run 'edge-edet calibrate {v.name} "
            "--weights FILE' with these weights"
        )
    prepared = preparation_of(v)
    if record.preparation is not None and record.preparation != prepared:
        raise InputError(
            f"{what} was taken with {_prepared(record.preparation)}, and the model has "
            f"{_prepared(prepared)}: run 'edge-edet calibrate {v.name}' with the options of 'convert'"
        )
    channels = {node.name: node.shape[-1] for node in graph.nodes}
    for name in calibrated_tensors(graph):
        if name not in record.statistics:
            raise InputError(f"{what} has nothing about tensor {name}: calibrate again")
        found = record.statistics[name].channel_low.size
        if found != channels[name]:
            raise InputError(
                f"{what} has {found} channels of tensor {name}, the network {channels[name]}: "
                "calibrate again"
            )


def agreed_range(
    asked: PictureRange, record: CalibrationRecord, what: str
) -> tuple[PictureRange, str]:
    """How the pictures beside a record are read, and a note where that is not as the record's were.

    Parameters
    ----------
    asked
        As given to the command.
    record
        Taken of other pictures.
    what
        Names the record in messages.

    Returns
    -------
    tuple[PictureRange, str]
        The range, and the note or "".

    Raises
    ------
    InputError
        Where both have a range and it is not the same.
    """
    taken = record.picture_range
    if asked == taken:
        return asked, ""
    if asked is None:
        return (
            taken,
            f"{what} was taken with --range {range_text(taken)}: other pictures are read so too",
        )
    if taken is None:
        return asked, (
            f"{what} was taken without --range; --range {range_text(asked)} is for other pictures only"
        )
    raise InputError(
        f"{what} was taken with --range {range_text(taken)}, and --range {range_text(asked)} is asked for: "
        "leave it out, or calibrate again"
    )
