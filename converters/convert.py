"""The story of `convert`: find weights, build, calibrate, quantize, write, check."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edge_edet import __version__
from edge_edet.converters.calibration_record import CalibrationRecord
from edge_edet.converters.graph import Graph
from edge_edet.converters.in_graph_nms import OUTPUTS, Suppression, write_tflite_with_nms
from edge_edet.converters.network import BOX_CODES, CLASS_LOGITS, build_network
from edge_edet.converters.quantized import Quantized
from edge_edet.converters.recipes import DEFAULT_RECIPE, get_recipe, quantize
from edge_edet.converters.sources import Source, find_calibration, find_weights, read_labels
from edge_edet.converters.tflite_metadata import append_files, standard_metadata
from edge_edet.converters.to_tflite import write_tflite
from edge_edet.errors import InputError
from edge_edet.manifest import MANIFEST_KEY, Manifest, read_manifest
from edge_edet.tflite_file import read_tflite
from edge_edet.variants import get_variant

TOOLS = ("ai-edge-litert", "flatbuffers", "numpy")


@dataclass(frozen=True)
class Request:
    """What the command line asks for; see `edge-edet convert --help`."""

    variants: Sequence[str]
    precisions: Sequence[str]
    output: Path
    weights: str | None = None
    calibration: Path | None = None
    calibration_images: int | None = None
    seed: int = 0
    num_classes: int | None = None
    labels: Path | None = None
    nms: str = "none"
    image_size: int | None = None
    threads: int = 2
    recipe: str = DEFAULT_RECIPE
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Written:
    """One file that was written."""

    path: Path
    variant: str
    precision: str
    size_bytes: int
    operators: int
    non_integer_operators: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "path": str(self.path)}


def convert(request: Request) -> Iterator[Written | str]:
    """Writes each variant in each precision, one after the other; yields notes and what it wrote."""
    for name in request.variants:
        get_variant(name)  # a misspelt last one must not cost the first ones' time
    for name in request.variants:
        started = time.monotonic()
        source = find_weights(
            name, request.weights, request.seed, request.num_classes, request.image_size
        )
        if source.note:
            yield source.note
        labels = source.labels
        if request.labels is not None:
            labels = read_labels(request.labels, source.variant.num_classes)
        graph = build_network(source.variant, source.weights)
        for precision in request.precisions:
            record = None
            if precision == "int8":
                record = find_calibration(
                    source, graph, request.calibration, request.calibration_images, request.seed,
                    request.threads,
                )  # fmt: skip
            data = _model_bytes(request, source, graph, precision, labels, record)
            path = request.output / _file_name(request, name, precision)
            write_checked(path, data)
            model = read_tflite(path)
            seconds = time.monotonic() - started
            yield Written(path, name, precision, len(data), len(model.operators),
                          len(model.non_integer_operators), round(seconds, 3))  # fmt: skip
            started = time.monotonic()


def _model_bytes(request: Request, source: Source, graph: Graph, precision: str,
                 labels: tuple[str | None, ...], record: CalibrationRecord | None) -> bytes:  # fmt: skip
    quantized: Quantized | None = None
    recipe = get_recipe(request.recipe)
    if record is not None:
        graph, quantized = quantize(graph, record.statistics, recipe)
    suppression = Suppression()
    in_graph = request.nms == "in-graph"
    manifest = Manifest(
        generator=f"edge-edet {__version__}",
        precision=precision,
        variant=source.variant,
        outputs=OUTPUTS if in_graph else {"boxes": BOX_CODES, "classes": CLASS_LOGITS},
        labels=labels,
        nms=request.nms,
        score_threshold=suppression.score_threshold if in_graph else None,
        iou_threshold=suppression.iou_threshold if in_graph else None,
        max_detections=suppression.max_detections if in_graph else None,
        provenance={
            "weights": source.provenance | {"tensors_sha256": source.digest},
            "calibration": record and {
                "digest": record.digest, "images": record.pictures, "source": record.source,
            },
            "recipe": recipe.to_dict() if record else None,
            "tools": _tool_versions(),
            "command": shlex.join(request.command),
        },
    )  # fmt: skip
    standard, files = standard_metadata(manifest)
    metadata = {MANIFEST_KEY: manifest.to_json().encode(), "TFLITE_METADATA": standard}
    if in_graph:
        data = write_tflite_with_nms(
            graph, precision, quantized, score_threshold=suppression.score_threshold,
            iou_threshold=suppression.iou_threshold, max_detections=suppression.max_detections,
            metadata=metadata,
        )  # fmt: skip
    else:
        data = write_tflite(graph, precision, quantized, metadata)
    return append_files(data, files)


def _file_name(request: Request, variant: str, precision: str) -> str:
    size = f"-{request.image_size}" if request.image_size else ""
    nms = "-nms" if request.nms == "in-graph" else ""
    return f"{variant}{size}-{precision}{nms}.tflite"


def _tool_versions() -> dict[str, str]:
    found = {}
    for name in TOOLS:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def write_checked(path: Path, data: bytes) -> None:
    """Writes beside, reads back, then renames: a kill or a full disk leaves the old file or none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"cannot write into {str(path.parent)!r}: it is a file") from None
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        read_manifest(temporary)
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk does not say which file it was
        raise
    finally:
        temporary.unlink(missing_ok=True)
