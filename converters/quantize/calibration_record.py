"""The calibration record: what INT8 needs of the pictures, in a file that travels without them.

Format version 3: a zip of arrays in numpy's format: `meta` (UTF-8 JSON as uint8; its key `range`, as
--range takes it, is there only where the pictures were read with one), `counts` [T, BINS]
uint32, `extremes` [T, 2] float32, `channels` [T] int32, `channel_low` and `channel_high` float16, the
channels of all tensors one after the other; of the corrected layers `outputs` and `weights` [L] int32,
and one after the other `gain` and `shift` float16 and `steps` int8; of the fitted swishes
`swish_channels` [S] int32, `swish_db` [S] float32 and `swish` [4, their channels] float16. No pickles.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edge_edet import __version__
from edge_edet.converters.quantize import corrections
from edge_edet.converters.quantize import fitted_swish as fitted_swish
from edge_edet.converters.quantize.corrections import Correction
from edge_edet.converters.quantize.fitted_swish import FittedSwish
from edge_edet.converters.quantize.histograms import BINS, FLOAT16_MAX, Statistics
from edge_edet.converters.quantize.ranges import calibrated_tensors
from edge_edet.converters.quantize.recipes import RECONSTRUCTED
from edge_edet.errors import InputError
from edge_edet.files import Limit, open_input
from edge_edet.network import Array, Graph
from edge_edet.output_files import CALIBRATION, Outputs, outputs_of
from edge_edet.pictures import PictureRange, parse_range, range_text, shown
from edge_edet.variants import Variant

FORMAT_VERSION = 3  # 2: corrections; 3: fitted swishes
PREPARATION = ("mean", "std", "pad_rgb")
COUNT_BITS = 5
FILE_LIMIT = Limit(256 << 20, "the record of D7x has 2 MB")
MAX_RECORD_BYTES = 64 * 2**20  # of one array
READ_BYTES = 4096  # compressed bytes taken at once: LZMA makes up to 7,000 times as many of them
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
ARRAYS = {
    "meta": "u1",
    "counts": "<u4",
    "extremes": "<f4",
    "channels": "<i4",
    "channel_low": "<f2",
    "channel_high": "<f2",
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
class CalibrationRecord:
    """statistics: tensor -> Statistics; variant, weights_sha256: whose; digest, pictures: from what.

    corrections: layer -> Correction, for the recipe RECONSTRUCTED; swishes: name -> FittedSwish, for
    OpenVINO; None where nobody asked for them. picture_range: how the pictures were read.
    """

    statistics: dict[str, Statistics]
    variant: str
    image_size: int
    weights_sha256: str
    digest: str
    pictures: int
    source: str
    corrections: dict[str, Correction] | None
    swishes: dict[str, FittedSwish] | None = None
    picture_range: PictureRange = None
    preparation: dict[str, list[float]] | None = None  # of the pictures; None: an early record


def preparation_of(variant: Variant) -> dict[str, list[float]]:
    """What made input tensors of the pictures, beside the size."""
    return {name: list(getattr(variant, name)) for name in PREPARATION}


def weights_digest(weights: Mapping[str, Array]) -> str:
    """sha256 over the canonical tensors as float16: the same for a file and its float16 copy."""
    total = hashlib.sha256()
    for name in sorted(weights):
        total.update(f"{name} {weights[name].shape}".encode())
        total.update(half(weights[name]).tobytes())
    return total.hexdigest()


def save_record(record: CalibrationRecord, path: Path, outputs: Outputs | None = None) -> None:
    """Writes the record through a temporary name; the same record gives the same bytes.

    outputs: what else the command writes, and its inputs. Raises InputError where a file is there that is
    no record.
    """
    assert record.corrections is not None
    assert record.swishes is not None
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
        "recipe": RECONSTRUCTED.to_dict(),
        "layers": list(record.corrections),
        "swishes": list(record.swishes),
        "preparation": record.preparation,
    }
    if record.picture_range is not None:
        meta["range"] = range_text(record.picture_range)
    values = list(statistics.values())
    arrays: dict[str, npt.NDArray[Any]] = {
        "meta": np.frombuffer(json.dumps(meta, indent=1).encode(), np.uint8),
        "counts": np.stack([_rounded(s.counts) for s in values]).astype(np.uint32),
        "extremes": np.asarray([(s.low, s.high) for s in values], np.float32),
        "channels": np.asarray([s.channel_low.size for s in values], np.int32),
        "channel_low": half(np.concatenate([s.channel_low for s in values])),
        "channel_high": half(np.concatenate([s.channel_high for s in values])),
        **corrections.pack(record.corrections),
        **fitted_swish.pack(record.swishes),
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_LZMA) as archive:
        for name, kind in ARRAYS.items():
            buffer = io.BytesIO()
            np.save(buffer, arrays[name].astype(kind), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_LZMA
            archive.writestr(entry, buffer.getvalue())
    with outputs_of(outputs) as writing:
        writing.write(path, data.getvalue(), CALIBRATION)


def _rounded(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Counts to COUNT_BITS significant bits: 1.6 % at most, and half the file."""
    counts = np.minimum(counts, 2**31)
    drop = np.maximum(np.frexp(counts)[1] - COUNT_BITS, 0)
    return np.asarray((counts + (1 << drop >> 1)) >> drop << drop, np.int64)


def as_stored(statistics: Mapping[str, Statistics]) -> dict[str, Statistics]:
    """What a record keeps of them: a folder and its record must give the same model."""
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


def half(values: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    return np.asarray(np.clip(values, -FLOAT16_MAX, FLOAT16_MAX), np.float16)


def load_record(path: Path) -> CalibrationRecord:
    """Reads a record. Raises InputError for a file that is none, or is damaged."""
    try:
        with open_input(path, f"calibration record {str(path)!r}", limit=FILE_LIMIT) as file:
            arrays = _read_arrays(file)
        meta = json.loads(bytes(arrays["meta"]))
        if meta["format_version"] != FORMAT_VERSION:
            raise InputError(
                f"calibration record {str(path)!r} has format version {meta['format_version']}, "
                f"this edge-edet reads {FORMAT_VERSION}: calibrate again"
            )
        if meta["recipe"] != RECONSTRUCTED.to_dict():
            raise InputError(
                f"calibration record {str(path)!r} corrects layers for another recipe than this "
                "edge-edet has: calibrate again"
            )
        if not all(type(meta[key]) is int and meta[key] > 0 for key in ("image_size", "pictures")):
            raise ValueError("image_size and pictures must be positive integers")
        return CalibrationRecord(
            _statistics(meta, arrays),
            str(meta["variant"]),
            meta["image_size"],
            str(meta["weights_sha256"]),
            str(meta["digest"]),
            meta["pictures"],
            str(meta["source"]),
            corrections.unpack(meta["layers"], arrays),
            fitted_swish.unpack(meta["swishes"], arrays),
            _range(meta.get("range")),
            _preparation(meta.get("preparation")),
        )
    except InputError:
        raise
    except Exception as error:  # zipfile, lzma, numpy and json raise a dozen kinds for bad bytes
        raise InputError(
            f"{str(path)!r} is no calibration record ({type(error).__name__}: {error}): expected "
            "a file written by 'edge-edet calibrate'"
        ) from None


def _range(stated: Any) -> PictureRange:
    """A missing key: the pictures were read without a range."""
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


def _read_arrays(file: IO[bytes]) -> dict[str, npt.NDArray[Any]]:
    with zipfile.ZipFile(file) as archive:
        return {name: _read_array(archive, name) for name in ARRAYS}


def _read_array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One array. What its entry and its header say about sizes is not believed."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in METHODS:  # a kilobyte of bzip2 may unpack to a gigabyte at once
        raise ValueError(f"{name} is packed by method {entry.compress_type}, expected LZMA")
    data = bytearray()
    with archive.open(entry) as stream:
        while piece := stream.read(READ_BYTES):
            data += piece
            if len(data) > MAX_RECORD_BYTES:
                raise ValueError(f"{name} unpacks to more than {MAX_RECORD_BYTES} bytes")
    header = io.BytesIO(data)
    version = np.lib.format.read_magic(header)
    if version != (1, 0):
        raise ValueError(f"{name} has version {version} of numpy's format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(header)
    if fortran or dtype != np.dtype(ARRAYS[name]):
        raise ValueError(f"{name} holds {dtype}, expected {ARRAYS[name]}")
    return np.frombuffer(data, dtype, offset=header.tell()).reshape(shape)


def _statistics(meta: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Statistics]:
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


def check_fits(record: CalibrationRecord, graph: Graph, weights_sha256: str, what: str) -> None:
    """Raises InputError where the record was taken from other weights or another size."""
    v = graph.variant
    if (record.variant, record.image_size) != (v.name, v.image_size):
        raise InputError(
            f"{what} is for {record.variant} at {record.image_size} pixels and the model is "
            f"{v.name} at {v.image_size}: run 'edge-edet calibrate {v.name}' on your pictures"
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

    Raises InputError where both have a range and it is not the same.
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
