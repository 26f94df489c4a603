"""The models that the parity report's thresholds are calibrated on: sound, worse and broken ones.

Two networks: the bundled D0 at 512 pixels, and one of its own: its weights moved by noise, at 384
pixels, calibrated anew. Both by every recipe of both formats; the planted faults of faults.py and
ir_faults.py; weights moved at random by more and more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_edet.converters.calibrate.calibration import calibrate
from edge_edet.converters.calibrate.correct import make_corrections
from edge_edet.converters.calibrate.find import find_calibration
from edge_edet.converters.calibrate.nncf import NNCF_RECIPES, quantize_by_nncf
from edge_edet.converters.quantize.calibration_record import CalibrationRecord
from edge_edet.converters.quantize.channelwise import ChannelwiseRecipe, quantize_channelwise
from edge_edet.converters.quantize.correction_record import CorrectionRecord
from edge_edet.converters.quantize.corrections import corrected
from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.search.builders import CHANNELWISE
from edge_edet.converters.weights.find import find_weights
from edge_edet.converters.weights.source import Source
from edge_edet.converters.write.model_writer import ModelWriter
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph

OWN_SIZE, OWN_NOISE, OWN_PICTURES = 384, 0.04, 24
MOVES = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)  # of a kernel's standard deviation
NNCF_PICTURES = 24


class Entry(NamedTuple):
    """A model to judge: the network whose float model it is compared with, and how to build it."""

    network: str
    kind: str
    name: str
    build: Callable[[Path], Path]


@dataclasses.dataclass
class Network:
    name: str
    source: Source
    graph: Graph
    record: CalibrationRecord
    corrections: CorrectionRecord
    pictures: list[Path]

    def described(self, precision: str) -> ModelWriter:
        record = None if precision == "fp32" else self.record
        return ModelWriter(self.source, self.source.labels, precision, "none", (), record)

    def tflite(self, folder: Path, name: str, data: bytes) -> Path:
        path = folder / f"{self.name}-{name}.tflite"
        path.write_bytes(data)
        return path

    def ir(self, folder: Path, name: str, files: dict[str, bytes]) -> Path:
        path = folder / f"{self.name}-{name}.xml"
        for suffix, data in files.items():
            path.with_suffix(suffix).write_bytes(data)
        return path

    def float_tflite(self, folder: Path) -> Path:
        data = self.described("fp32").to_bytes(self.graph, None, None)
        return self.tflite(folder, "fp32", data)

    def float_ir(self, folder: Path) -> Path:
        files = self.described("fp32").to_ir(self.graph, None, None)
        return self.ir(folder, "fp32", files)


def bundled(threads: int) -> Network:
    source = find_weights("d0", "bundled", 0, None, None)
    graph = build_network(source.variant, source.weights)
    found = find_calibration(source, graph, None, None, 0, threads)
    assert found.corrections is not None
    return Network("bundled", source, graph, found.record, found.corrections, [])


def own(pictures: list[Path], threads: int) -> Network:
    """Make the bundled D0 as from another training, at another size."""
    source = find_weights("d0", "bundled", 0, None, OWN_SIZE)
    source = dataclasses.replace(source, weights=moved(source.weights, OWN_NOISE, 1), digest="own")
    graph = build_network(source.variant, source.weights)
    record = calibrate(graph, "own", pictures, threads)
    corrections = make_corrections(graph, record, pictures, threads)
    return Network("own", source, graph, record, corrections, pictures)


def moved(weights: Any, size: float, seed: int) -> dict[str, Any]:
    """Add normal noise to every kernel, `size` times its standard deviation."""
    rng = np.random.default_rng(seed)
    return {
        name: values + size * values.std() * rng.normal(size=values.shape).astype(np.float32)
        if values.ndim == 4
        else values
        for name, values in weights.items()
    }


def recipes(network: Network) -> Iterator[Entry]:
    """Yield both formats with every recipe."""

    def tflite(name: str) -> Callable[[Path], Path]:
        def build(folder: Path) -> Path:
            recipe, described = RECIPES[name], network.described("int8")
            built, quantized = quantize(network.graph, network.record.statistics, recipe)
            if recipe.reconstruct:
                quantized = corrected(built, quantized, network.corrections.layers)
            data = described.to_bytes(built, quantized, recipe.to_dict())
            return network.tflite(folder, name, data)

        return build

    def dynamic(folder: Path) -> Path:
        data = network.described("int8-dynamic").to_bytes(network.graph, None, None)
        return network.tflite(folder, "int8-dynamic", data)

    def ir(recipe: ChannelwiseRecipe) -> Callable[[Path], Path]:
        def build(folder: Path) -> Path:
            channels = quantize_channelwise(
                network.graph, network.record.statistics, recipe, network.corrections.swishes
            )
            stated = recipe.to_dict() | channels.stated()
            files = network.described("int8").to_ir(network.graph, channels, stated)
            return network.ir(folder, recipe.name, files)

        return build

    for name in (name for name, recipe in RECIPES.items() if not recipe.per_tensor):
        yield Entry(network.name, "recipe", name, tflite(name))
    yield Entry(network.name, "recipe", "int8-dynamic", dynamic)
    for recipe in CHANNELWISE:
        yield Entry(network.name, "recipe", recipe.name, ir(recipe))


def nncf(network: Network, pictures: list[Path]) -> Iterator[Entry]:
    def ir(name: str) -> Callable[[Path], Path]:
        def build(folder: Path) -> Path:
            recipe = NNCF_RECIPES[name]
            model, floats = quantize_by_nncf(network.graph, pictures, recipe, None)
            stated = recipe.to_dict(network.graph) | {"float_convolutions": floats}
            return network.ir(folder, name, network.described("int8").ir_of(model, stated))

        return build

    for name in NNCF_RECIPES:
        yield Entry(network.name, "recipe", name, ir(name))


def planted(network: Network, faults: Any, ir_faults: Any, pictures: list[Path]) -> Iterator[Entry]:
    """Yield the faults of both formats, on this network."""

    def bench(folder: Path) -> Any:
        metadata = faults.described(network.graph, "int8")
        return faults.Bench(
            network.graph, dict(network.record.statistics), pictures, folder, metadata=metadata
        )

    def tflite(name: str) -> Callable[[Path], Path]:
        def build(folder: Path) -> Path:
            return network.tflite(folder, name, faults.FAULTS[name](bench(folder)))

        return build

    def ir(name: str) -> Callable[[Path], Path]:
        def build(folder: Path) -> Path:
            inner = folder / f"{network.name}-ir-{name}"
            inner.mkdir(exist_ok=True)
            made: Path = ir_faults.FAULTS[name](bench(inner))
            return made

        return build

    for name in faults.FAULTS:
        yield Entry(network.name, "fault", name, tflite(name))
    for name in ir_faults.FAULTS:
        yield Entry(network.name, "fault", f"ir {name}", ir(name))


def shifted(network: Network) -> Iterator[Entry]:
    """Yield the network with weights moved at random: in float, and in INT8 by the recipe `equalized`."""

    def build(size: float, integer: bool) -> Callable[[Path], Path]:
        def made(folder: Path) -> Path:
            source = dataclasses.replace(
                network.source, weights=moved(network.source.weights, size, 7)
            )
            graph = build_network(source.variant, source.weights)
            name = f"moved-{size:g}-{'int8' if integer else 'fp32'}"
            described = dataclasses.replace(network, source=source)
            if not integer:
                data = described.described("fp32").to_bytes(graph, None, None)
                return network.tflite(folder, name, data)
            recipe = RECIPES["equalized"]
            built, quantized = quantize(graph, network.record.statistics, recipe)
            data = described.described("int8").to_bytes(built, quantized, recipe.to_dict())
            return network.tflite(folder, name, data)

        return made

    for size in MOVES:
        yield Entry(network.name, "moved", f"weights by {size:g}, float", build(size, False))
        if size in MOVES[::2]:
            yield Entry(network.name, "moved", f"weights by {size:g}, equalized", build(size, True))
