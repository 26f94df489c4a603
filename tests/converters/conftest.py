"""What the converter's tests share: cheap weights and statistics of any variant, and the bundled D0."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.converters.pipeline import Request, run
from edge_edet.converters.quantize.calibration_record import CalibrationRecord, load_record
from edge_edet.converters.quantize.correction_record import CorrectionRecord
from edge_edet.converters.quantize.histograms import BINS, DROPPED_BITS, Statistics
from edge_edet.converters.quantize.ranges import calibrated_tensors
from edge_edet.converters.weights.find import find_weights
from edge_edet.converters.weights.source import asset
from edge_edet.demo_picture import draw_smear
from edge_edet.network.architecture import parameter_shapes
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph
from edge_edet.variants import Variant

PRECISIONS = ("fp32", "fp16", "int8-dynamic", "int8")
BLOCK = np.random.default_rng(0).normal(0, 1, 8191).astype(np.float32)  # a prime: no period fits


def cheap_weights(variant: Variant) -> dict[str, Any]:
    """Weights of ordinary size, the same few numbers over and over: quick even for d7x."""
    weights = {}
    for name, shape in parameter_shapes(variant).items():
        values = np.resize(BLOCK, shape)
        if name.endswith(("running_var", "edge_weights")):
            values = np.abs(values) + np.float32(0.2)
        elif len(shape) == 1:
            values = values * np.float32(0.2) + np.float32(name.endswith("weight"))
        else:
            values = values / np.float32(np.sqrt(np.prod(shape[1:])))
        weights[name] = values
    return weights


def histogram(values: Any) -> Any:
    """The counts that `Statistics` would have of these values."""
    bits = np.asarray(values, np.float16).reshape(-1).view(np.uint16) >> DROPPED_BITS
    return np.bincount(bits, minlength=BINS).astype(np.int64)


def statistics_of(values: Any) -> Statistics:
    """Statistics of one tensor [..., channels] from one picture."""
    values = np.asarray(values, np.float32)
    found = Statistics.empty(values.shape[-1])
    found.add(values.reshape(1, 1, -1, values.shape[-1]))
    return found


def cheap_statistics(graph: Graph) -> dict[str, Statistics]:
    """Statistics of a network that nobody ran: channels reach from 0.05 to 9, so swish is rescaled."""
    shapes = {node.name: node.shape for node in graph.nodes}
    counts = 1000 * histogram(np.random.default_rng(1).normal(0, 3, 64))
    found = {}
    for name in calibrated_tensors(graph):
        reach = np.resize(np.geomspace(0.05, 9, 13), shapes[name][-1])
        found[name] = Statistics(counts, -9.0, 9.0, -reach, reach, 1)
    return found


def same_record(one: CalibrationRecord, two: CalibrationRecord) -> bool:
    """Whether two records say the same of every tensor, and of themselves."""
    for name, a in one.statistics.items():
        b = two.statistics[name]
        if (a.low, a.high, a.pictures) != (b.low, b.high, b.pictures):
            return False
        arrays = (
            (a.counts, b.counts),
            (a.channel_low, b.channel_low),
            (a.channel_high, b.channel_high),
        )
        if not all(np.array_equal(x, y) for x, y in arrays):
            return False
    rest = [dataclasses.replace(found, statistics={}) for found in (one, two)]
    return rest[0] == rest[1] and list(one.statistics) == list(two.statistics)


def same_corrections(one: CorrectionRecord, two: CorrectionRecord) -> bool:
    """Whether two records hold the same, array by array."""
    for name, c in one.layers.items():
        d = two.layers[name]
        pairs = ((c.gain, d.gain), (c.shift, d.shift), (c.steps, d.steps))
        if not all(np.array_equal(x, y) for x, y in pairs):
            return False
    fitted = [
        [(name, f.error_db, f.coefficients.tolist()) for name, f in found.swishes.items()]
        for found in (one, two)
    ]
    rest = [dataclasses.replace(found, layers={}, swishes={}) for found in (one, two)]
    same = list(one.layers) == list(two.layers) and rest[0] == rest[1]
    return same and fitted[0] == fitted[1] and one.digest == two.digest


class Helpers:
    """The functions above, for tests to call."""

    cheap_weights = staticmethod(cheap_weights)
    cheap_statistics = staticmethod(cheap_statistics)
    histogram = staticmethod(histogram)
    statistics_of = staticmethod(statistics_of)
    same_record = staticmethod(same_record)
    same_corrections = staticmethod(same_corrections)

    @staticmethod
    def write_models(output: Path, *precisions: str, **request: Any) -> dict[str, Path]:
        """Converts one variant in this process: precision -> file."""
        request = {"formats": ("tflite",), "precisions": precisions or PRECISIONS, **request}
        files = run(Request(output=output, **request)).files
        return {file.precision: file.path for file in files}

    @staticmethod
    def run_model(data: Any, pixels: Any, threads: int = 2) -> dict[str, Any]:
        """Output name -> real values, from the true runtime; `data` is a file or its bytes."""
        from ai_edge_litert.interpreter import Interpreter

        model = {"model_path": str(data)} if isinstance(data, Path) else {"model_content": data}
        interpreter = Interpreter(num_threads=threads, **model)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        outputs = {}
        for detail in interpreter.get_output_details():
            values = interpreter.get_tensor(detail["index"])
            scale, zero = detail["quantization"]
            if values.dtype == np.int8:
                values = (values.astype(np.float32) - zero) * scale
            outputs[detail["name"]] = values
        return outputs


@pytest.fixture(scope="session")
def helpers() -> type[Helpers]:
    return Helpers


@pytest.fixture(scope="session")
def bundled_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The bundled D0 as `convert` writes it: precision -> file."""
    folder = tmp_path_factory.mktemp("bundled")
    return Helpers.write_models(folder, variants=("d0",), weights="bundled")


@pytest.fixture(scope="session")
def bundled() -> tuple[Graph, dict[str, Statistics], str]:
    """Of the bundled D0: the graph, the statistics, the digest of the weights."""
    source = find_weights("d0", "bundled", 0, None, None)
    record = load_record(asset("d0-bccd.calibration"))
    return build_network(source.variant, source.weights), record.statistics, source.digest


@pytest.fixture(scope="session")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six drawn smears."""
    folder = tmp_path_factory.mktemp("smears")
    for seed in range(6):
        Image.fromarray(draw_smear(seed)[0]).save(folder / f"smear{seed}.png")
    return folder


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `edge-edet` in tmp_path as a person would, with a home where nothing was pulled."""

    def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"EDGE_EDET_HOME": str(tmp_path / "home")}
        environment.pop("EDGE_EDET_DEBUG", None)
        return subprocess.run(
            [sys.executable, "-m", "edge_edet", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            **options,
        )

    return run
