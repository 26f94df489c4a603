"""Runs the float network over pictures and keeps the statistics: the calibration record.

Format version 1: a zip (read by numpy.load) with `meta` (UTF-8 JSON as uint8), `counts` [T, BINS] uint32,
`extremes` [T, 2] float32, `channels` [T] int32, `channel_low` and `channel_high` float16, the channels of
all tensors one after the other. No pickles. The digest covers names and pixels of the pictures.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from edge_edet import __version__
from edge_edet.converters.graph import Array, Graph
from edge_edet.converters.ranges import calibrated_tensors
from edge_edet.converters.statistics import BINS, FLOAT16_MAX, Statistics
from edge_edet.converters.to_tflite import write_tflite
from edge_edet.errors import InputError
from edge_edet.image import read_image
from edge_edet.preprocess import letterbox
from edge_edet.progress import Progress

FORMAT_VERSION = 1
T = TypeVar("T")
Pixels = npt.NDArray[np.uint8]
COUNT_BITS = 5
MAX_RECORD_BYTES = 64 * 2**20
MAX_PASS_BYTES = 2**32  # tensors kept at once; a larger network is run several times a picture
PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class CalibrationRecord:
    """statistics: tensor -> Statistics; variant, weights_sha256: whose; digest, pictures: from what."""

    statistics: dict[str, Statistics]
    variant: str
    image_size: int
    weights_sha256: str
    digest: str
    pictures: int
    source: str


def weights_digest(weights: Mapping[str, Array]) -> str:
    """sha256 over the canonical tensors as float16: the same for a file and its float16 copy."""
    total = hashlib.sha256()
    for name in sorted(weights):
        total.update(f"{name} {weights[name].shape}".encode())
        total.update(_half(weights[name]).tobytes())
    return total.hexdigest()


def find_pictures(folder: Path, count: int | None, seed: int) -> list[Path]:
    """`count` pictures of a folder, drawn by seed, all where count is None. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"{str(folder)!r} is no folder of pictures and no calibration record")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise InputError(
            f"no pictures in {str(folder)!r}: expected files ending in "
            f"{', '.join(PICTURE_SUFFIXES)}"
        )
    if count is None or count >= len(found):
        return found
    chosen = np.random.default_rng(seed).choice(len(found), count, replace=False)
    return [found[i] for i in sorted(chosen)]


def calibrate(graph: Graph, weights_sha256: str, pictures: Sequence[Path],
              threads: int) -> CalibrationRecord:  # fmt: skip
    """Statistics of every calibrated tensor over the pictures. Raises ImageError for a bad one."""
    v = graph.variant
    digests = dict.fromkeys(pictures, "")

    def load(path: Path) -> Pixels:
        pixels, _ = letterbox(read_image(path), v.image_size, v.pad_rgb)
        digests[path] = hashlib.sha256(pixels.tobytes()).hexdigest()
        return pixels

    statistics = collect(graph, pictures, load, threads)
    names = "".join(f"{path.name} {digest}\n" for path, digest in digests.items())
    digest = hashlib.sha256(names.encode()).hexdigest()
    return CalibrationRecord(
        statistics, v.name, v.image_size, weights_sha256, digest, len(pictures),
        pictures[0].parent.name,
    )  # fmt: skip


def calibrate_on_noise(graph: Graph, weights_sha256: str, count: int, seed: int,
                       threads: int) -> CalibrationRecord:  # fmt: skip
    """For random weights only, where nothing but the latency will be looked at."""
    v = graph.variant

    def noise(index: int) -> Pixels:
        return np.random.default_rng((seed, index)).integers(0, 256, graph.input_shape, np.uint8)

    statistics = collect(graph, range(count), noise, threads)
    return CalibrationRecord(
        statistics, v.name, v.image_size, weights_sha256, f"noise, seed {seed}", count, "noise"
    )


def collect(graph: Graph, inputs: Sequence[T], load: Callable[[T], Pixels],
            threads: int) -> dict[str, Statistics]:  # fmt: skip
    """Runs the float network on each input and takes in every calibrated tensor.

    A network whose tensors do not fit into memory together is run several times, so `load` is called
    again for each pass. `load` gives [1, S, S, 3] uint8.
    """
    shapes = {node.name: node.shape for node in graph.nodes}
    names = calibrated_tensors(graph)
    statistics = {name: Statistics.empty(shapes[name][-1]) for name in names}
    passes = _passes(names, shapes)
    what = f"calibrating {graph.variant.name}"
    with Progress(what, len(passes) * len(inputs), "pictures") as progress:
        for tensors in passes:
            run = _Pass(graph, tensors, threads)
            for item in inputs:
                for name, values in run(load(item)):
                    statistics[name].add(values)
                progress.advance()
    return statistics


def _passes(names: list[str], shapes: dict[str, tuple[int, ...]]) -> list[list[str]]:
    """Groups of tensors that fit into MAX_PASS_BYTES."""
    groups: list[list[str]] = [[]]
    used = 0
    for name in names:
        size = 4 * int(np.prod(shapes[name]))
        if groups[-1] and used + size > MAX_PASS_BYTES:
            groups.append([])
            used = 0
        groups[-1].append(name)
        used += size
    return groups


class _Pass:
    """One interpreter that exposes some of the tensors and ends with the last of them."""

    def __init__(self, graph: Graph, names: list[str], threads: int):
        from ai_edge_litert.interpreter import Interpreter

        last = max(i for i, node in enumerate(graph.nodes) if node.name in names)
        part = Graph(graph.variant, graph.input_name, graph.nodes[: last + 1], {})
        model = write_tflite(part, "fp32", extra_outputs=names)
        self.interpreter = Interpreter(model_content=model, num_threads=threads)
        self.interpreter.allocate_tensors()
        self.image = self.interpreter.get_input_details()[0]["index"]
        details = {d["name"]: d["index"] for d in self.interpreter.get_output_details()}
        self.outputs = {name: details[name] for name in names}

    def __call__(self, pixels: Pixels) -> Iterator[tuple[str, Array]]:
        self.interpreter.set_tensor(self.image, pixels)
        self.interpreter.invoke()
        for name, index in self.outputs.items():
            yield name, self.interpreter.get_tensor(index)


def save_record(record: CalibrationRecord, path: Path) -> None:
    """Writes the record through a temporary name; the same record gives the same bytes."""
    statistics = record.statistics
    meta = {
        "format_version": FORMAT_VERSION,
        "generator": f"edge-edet {__version__}",
        "variant": record.variant,
        "image_size": record.image_size,
        "weights_sha256": record.weights_sha256,
        "digest": record.digest,
        "pictures": record.pictures,
        "source": record.source,
        "tensors": list(statistics),
    }
    values = list(statistics.values())
    arrays: dict[str, npt.NDArray[Any]] = {
        "meta": np.frombuffer(json.dumps(meta, indent=1).encode(), np.uint8),
        "counts": _rounded(np.stack([s.counts for s in values])).astype(np.uint32),
        "extremes": np.asarray([(s.low, s.high) for s in values], np.float32),
        "channels": np.asarray([s.channel_low.size for s in values], np.int32),
        "channel_low": _half(np.concatenate([s.channel_low for s in values])),
        "channel_high": _half(np.concatenate([s.channel_high for s in values])),
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_LZMA) as archive:
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.save(buffer, array, allow_pickle=False)
                entry = zipfile.ZipInfo(f"{name}.npy")
                entry.compress_type = zipfile.ZIP_LZMA
                archive.writestr(entry, buffer.getvalue())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _rounded(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Counts to COUNT_BITS significant bits: 1.6 % at most, and half the file."""
    drop = np.maximum(np.frexp(counts)[1] - COUNT_BITS, 0)
    return np.asarray((counts + (1 << drop >> 1)) >> drop << drop, np.int64)


def _half(values: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    return np.asarray(np.clip(values, -FLOAT16_MAX, FLOAT16_MAX), np.float16)


def load_record(path: Path) -> CalibrationRecord:
    """Reads a record. Raises InputError for a file that is none, or is damaged."""
    try:
        arrays = _read_arrays(path)
        meta = json.loads(bytes(arrays["meta"]))
        if meta["format_version"] != FORMAT_VERSION:
            raise InputError(
                f"calibration record {str(path)!r} has format version {meta['format_version']}, "
                f"this edge-edet reads {FORMAT_VERSION}: calibrate again"
            )
        statistics = _statistics(meta, arrays)
        return CalibrationRecord(
            statistics, str(meta["variant"]), int(meta["image_size"]), str(meta["weights_sha256"]),
            str(meta["digest"]), int(meta["pictures"]), str(meta["source"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, lzma.LZMAError,
            NotImplementedError) as error:  # fmt: skip
        raise InputError(
            f"{str(path)!r} is no calibration record ({type(error).__name__}: {error}): expected "
            "a file written by 'edge-edet calibrate'"
        ) from None


def _read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_RECORD_BYTES:
            raise InputError(f"{str(path)!r} unpacks to more than {MAX_RECORD_BYTES} bytes")
        return {
            entry.filename.removesuffix(".npy"): np.load(
                io.BytesIO(archive.read(entry)), allow_pickle=False
            )
            for entry in archive.infolist()
        }


def _statistics(meta: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Statistics]:
    names, counts, channels = meta["tensors"], arrays["counts"], arrays["channels"]
    low, high = arrays["channel_low"], arrays["channel_high"]
    if counts.shape != (len(names), BINS) or channels.shape != (len(names),):
        raise ValueError(f"counts {counts.shape} do not fit {len(names)} tensors")
    if low.shape != (channels.sum(),) or high.shape != low.shape or (channels < 1).any():
        raise ValueError(f"{low.size} channel extremes do not fit the tensors")
    if not all(
        np.isfinite(arrays[key]).all() for key in ("extremes", "channel_low", "channel_high")
    ):
        raise ValueError("an extreme is not finite")
    ends = np.cumsum(channels)
    result = {}
    for i, name in enumerate(names):
        part = slice(ends[i] - channels[i], ends[i])
        result[str(name)] = Statistics(
            counts[i].astype(np.int64), float(arrays["extremes"][i, 0]),
            float(arrays["extremes"][i, 1]), low[part].astype(np.float64),
            high[part].astype(np.float64), int(meta["pictures"]),
        )  # fmt: skip
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
