"""The story of `convert`: find weights, build, calibrate, quantize, write, check."""

from __future__ import annotations

import dataclasses
import json
import shlex
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.graph import Graph
from edge_edet.converters.inspect.certificate import write_certificate
from edge_edet.converters.inspect.labelled import pictures_and_accuracy
from edge_edet.converters.model_file import ModelFile, write_atomically, write_checked
from edge_edet.converters.network import build_network
from edge_edet.converters.quantized import Quantized
from edge_edet.converters.recipes import DEFAULT_RECIPE, get_recipe, quantize
from edge_edet.converters.search.budget import Found, Task, search
from edge_edet.converters.sources import find_calibration, find_weights, read_labels
from edge_edet.errors import InputError
from edge_edet.tflite_file import read_tflite
from edge_edet.variants import get_variant


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
    max_drop: float | None = None  # AP points, 100 = 1.0
    data: Path | None = None
    split: str | None = None
    certificate: bool = True
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


def convert(request: Request) -> Generator[Written | str, None, None]:
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
            path = request.output / _file_name(request, name, precision)
            described = ModelFile(source, labels, precision, request.nms, tuple(request.command))
            if precision == "int8":
                record = find_calibration(
                    source, graph, request.calibration, request.calibration_images, request.seed,
                    request.threads,
                )  # fmt: skip
                described = dataclasses.replace(described, calibration=record)
                if request.max_drop is None:
                    recipe = get_recipe(request.recipe)
                    built, quantized = quantize(graph, record.statistics, recipe)
                    data = described.to_bytes(built, quantized, recipe.to_dict())
                else:
                    data = yield from _within_budget(request, described, graph, path)
            else:
                data = described.to_bytes(graph, None, None)
            write_checked(path, data)
            if precision == "int8":
                yield from _certify(request, described, graph, path)
            model = read_tflite(path)
            seconds = time.monotonic() - started
            yield Written(path, name, precision, len(data), len(model.operators),
                          len(model.non_integer_operators), round(seconds, 3))  # fmt: skip
            started = time.monotonic()


def _certify(request: Request, described: ModelFile, graph: Graph,
             path: Path) -> Generator[Written | str, None, None]:  # fmt: skip
    """Writes the parity certificate beside an INT8 model, where there are pictures to compare on."""
    if not request.certificate or described.source.random or described.nms == "in-graph":
        return
    calibration = request.calibration
    folder = calibration if calibration is not None and calibration.is_dir() else None
    if request.data is None and folder is None:
        yield (
            f"{path.name}: no pictures were given, so no certificate; later: edge-edet certify "
            f"{path} --against FLOAT.tflite --data DIR"
        )
        return
    plain = dataclasses.replace(described, precision="fp32", calibration=None)
    with tempfile.TemporaryDirectory(prefix="edge-edet-") as temporary:
        twin = Path(temporary) / "float.tflite"
        twin.write_bytes(plain.to_bytes(graph, None, None))
        data = request.data or folder
        assert data is not None
        pictures, accuracy = pictures_and_accuracy(path, twin, data, request.split, request.threads)
        output = path.with_name(f"{path.stem}-certificate")
        record = write_certificate(
            path, twin, pictures, accuracy, output=output, threads=request.threads,
            command=shlex.join(request.command),
        )  # fmt: skip
    findings = record["findings"]
    verdict = "healthy" if record["healthy"] or not findings else str(findings[0]["text"])
    yield f"certificate: {output / 'index.html'}: {verdict}"


def _within_budget(request: Request, described: ModelFile, graph: Graph,
                   path: Path) -> Generator[Written | str, None, bytes]:  # fmt: skip
    """Searches, tells what it tries, writes the table of all candidates beside the model."""
    if described.source.random:
        raise InputError("--max-drop needs trained weights: random ones have no accuracy to lose")
    if request.data is None:
        raise InputError("--max-drop needs pictures to measure on: --data DIR, labelled or not")
    assert request.max_drop is not None
    assert described.calibration is not None
    # Candidates are scored without in-graph suppression, whose threshold would cut the AP.
    plain = dataclasses.replace(described, nms="none", command=())

    def write(graph: Graph, quantized: Quantized | None) -> bytes:
        precision = "fp32" if quantized is None else "int8"
        return dataclasses.replace(plain, precision=precision).to_bytes(graph, quantized, None)

    steps = search(Task(
        graph=graph,
        statistics=described.calibration.statistics,
        write=write,
        data=request.data,
        split=request.split,
        max_drop=request.max_drop,
        threads=request.threads,
        log=path.with_suffix(".search.jsonl"),
        identity={"weights": described.source.digest, "calibration": described.calibration.digest},
    ))  # fmt: skip
    found: Found | None = None
    for step in steps:
        if isinstance(step, Found):
            found = step
        else:
            yield step
    assert found is not None
    yield (
        f"chosen: {found.chosen.name}, drop {found.chosen.drop:.2f} of {request.max_drop:g} points, "
        f"{found.float_ms / found.chosen.ms:.2f}x faster than float"
    )
    budget = {
        "max_drop": request.max_drop,
        "measured_drop": found.chosen.drop,
        "against": "labels" if found.labelled else "the float model's detections",
        "float_ap": found.float_ap,
        "ap": found.chosen.ap,
    }
    data = described.to_bytes(found.graph, found.quantized, found.chosen.candidate | budget)
    rows = [vars(row) for row in sorted(found.rows, key=lambda row: row.ms)]
    document = {
        **budget,
        "float_ms": found.float_ms,
        "chosen": found.chosen.name,
        "candidates": rows,
    }
    text = json.dumps(document, indent=1) + "\n"
    write_atomically(path.with_suffix(".pareto.json"), text.encode())
    return data


def _file_name(request: Request, variant: str, precision: str) -> str:
    size = f"-{request.image_size}" if request.image_size else ""
    nms = "-nms" if request.nms == "in-graph" else ""
    return f"{variant}{size}-{precision}{nms}.tflite"
