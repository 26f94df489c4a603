"""Broken INT8 models, each with one known fault, made with the converter's own parts."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge_edet.converters.calibrate.calibration import collect
from edge_edet.converters.checkpoints import random_weights, read_checkpoint
from edge_edet.converters.int8.affine import Affine, Quantized
from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.search.candidates import float_part_of
from edge_edet.converters.write.tflite.flatbuffer import schema
from edge_edet.converters.write.tflite.lower import Op, TfliteLowering, write_tflite
from edge_edet.detection.preprocess import letterbox
from edge_edet.manifest import MANIFEST_KEY, Manifest
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph, Node
from edge_edet.pictures.image import read_image
from edge_edet.variants import get_variant

SIZE = 256  # a quarter of the work; the weights detect cells of this size too
CLIPPED = "backbone/blocks.3.1/add"
DEAD = "fpn/cell.1/fnode.4/conv_pw"
SILENT = "fpn/cell.1/fnode.4/conv_dw"
ISLAND = "fpn/cell.0/fnode.2/swish"
LABELS = ("RBC", "WBC", "Platelets")


@dataclasses.dataclass
class Bench:
    """Float graph, statistics and pictures of one network, and the folder for its files."""

    graph: Graph
    statistics: dict[str, Any]
    pictures: list[Path]
    folder: Path
    made: dict[str, tuple[Graph, Quantized]] = dataclasses.field(default_factory=dict)
    metadata: dict[str, bytes] = dataclasses.field(default_factory=dict)  # of every `.tflite`

    def float_model(self) -> Path:
        return self.write(
            "fp32", write_tflite(self.graph, "fp32", None, described(self.graph, "fp32"))
        )

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / f"{name}.tflite"
        path.write_bytes(data)
        return path

    def pixels(self, path: Path) -> Any:
        v = self.graph.variant
        return letterbox(read_image(path), v.image_size, v.pad_rgb)[0]

    def quantized(self, recipe: str = "mse") -> tuple[Graph, Quantized]:
        """Return a copy to break: choosing the ranges takes longer than everything else."""
        if recipe not in self.made:
            self.made[recipe] = quantize(self.graph, self.statistics, RECIPES[recipe])
        return copy.deepcopy(self.made[recipe])


def cells(shared: Path, folder: Path, size: int = SIZE) -> Bench:
    """Return the trained blood-cell D0, calibrated on a few pictures."""
    variant = get_variant("d0").replace(image_size=size, pad_rgb=(0, 0, 0))
    checkpoint = read_checkpoint(shared / "weights/d0-bccd.pth", variant)
    adapted = checkpoint.variant.replace(image_size=size, pad_rgb=(0, 0, 0))
    return _bench(build_network(adapted, checkpoint.weights), shared, folder)


def lite(shared: Path, folder: Path) -> Bench:
    """Return Lite0 with random weights."""
    variant = get_variant("lite0").replace(image_size=128, num_classes=3)
    return _bench(build_network(variant, random_weights(variant, 0)), shared, folder, random=True)


def _bench(graph: Graph, shared: Path, folder: Path, random: bool = False) -> Bench:
    pictures = sorted((shared / "data/bccd/JPEGImages").glob("*.jpg"))[:12]
    folder.mkdir(exist_ok=True)
    bench = Bench(graph, {}, pictures, folder, metadata=described(graph, "int8", random))
    bench.statistics = collect(graph, pictures[4:], bench.pixels, 1)
    return bench


def described(graph: Graph, precision: str, random: bool = False) -> dict[str, bytes]:
    """Return the smallest manifest that lets a file detect."""
    provenance = {"weights": {"name": "test", "random": random}}
    manifest = Manifest(
        "edge-edet test",
        precision,
        graph.variant,
        {"boxes": "box_codes", "classes": "class_logits"},
        LABELS,
        provenance,
    )
    return {MANIFEST_KEY: manifest.to_json().encode()}


def with_manifest(
    bench: Bench,
    precision: str,
    weights: str = "test",
    random: bool = False,
    float_parts: tuple[str, ...] = (),
    stated: bool = True,
) -> Path:
    """Make the float model ("fp32") or the INT8 model of a recipe, as `convert` describes them.

    float_parts: those in float; stated: whether the recipe says so.
    """
    is_float = precision == "fp32"
    recipe = RECIPES.get(precision, RECIPES["mse"])
    provenance = {
        "weights": {"name": "test", "tensors_sha256": weights, "random": random},
        "calibration": None if is_float else {"digest": "test", "images": 8, "source": "test"},
        "recipe": None
        if is_float
        else recipe.to_dict() | {"float_parts": list(float_parts) if stated else []},
        "tools": {},
        "command": "test",
    }
    manifest = Manifest(
        "edge-edet test",
        "fp32" if is_float else "int8",
        bench.graph.variant,
        {"boxes": "box_codes", "classes": "class_logits"},
        LABELS,
        provenance,
    )
    graph, quantized = bench.graph, None
    if precision == "black_calibration":
        graph, quantized = quantize(graph, _on_black(bench), recipe)
    elif not is_float:
        graph, quantized = bench.quantized(precision)
        if float_parts:
            inside = {n.name for n in graph.nodes if float_part_of(n.name) in float_parts} | {
                "normalized"
            }
            quantized = dataclasses.replace(quantized, float_nodes=frozenset(inside))
    metadata = {MANIFEST_KEY: manifest.to_json().encode()}
    data = write_tflite(graph, manifest.precision, quantized, metadata)
    return bench.write(f"{precision}-{weights}-{random}-{len(float_parts)}-{stated}", data)


# --- faults: bench -> bytes of the INT8 model ------------------------------------------------


def healthy(bench: Bench, recipe: str = "equalized") -> bytes:
    graph, quantized = bench.quantized(recipe)
    return write_tflite(graph, "int8", quantized, bench.metadata)


def minmax(bench: Bench) -> bytes:
    return healthy(bench, "minmax")


def shared_scale(bench: Bench) -> bytes:
    """Put boxes and classes on one grid, wide enough for box corners in pixels."""
    graph, quantized = bench.quantized()
    wide = Affine.from_range(-8.0, float(bench.graph.variant.image_size))
    for output in graph.outputs.values():
        rows = graph.node(output).inputs
        for name in (output, *rows, *(graph.node(row).inputs[0] for row in rows)):
            quantized.activations[name] = wide
    return write_tflite(graph, "int8", quantized, bench.metadata)


def clipped(bench: Bench) -> bytes:
    graph, quantized = bench.quantized()
    grid = quantized.activations[CLIPPED]
    quantized.activations[CLIPPED] = Affine.from_range(grid.low / 3, grid.high / 3)
    return write_tflite(graph, "int8", quantized, bench.metadata)


def black_calibration(bench: Bench) -> bytes:
    graph, quantized = quantize(bench.graph, _on_black(bench), RECIPES["mse"])
    return write_tflite(graph, "int8", quantized, bench.metadata)


def _on_black(bench: Bench) -> dict[str, Any]:
    """Take the statistics of one black picture."""
    black = np.zeros(bench.graph.input_shape, np.uint8)
    return collect(bench.graph, [black], lambda pixels: pixels, 1)


def mean_not_folded(bench: Bench) -> bytes:
    graph, quantized = bench.quantized()
    wrong = dataclasses.replace(graph, variant=graph.variant.replace(mean=(0.0, 0.0, 0.0)))
    return write_tflite(wrong, "int8", quantized, bench.metadata)


def dead(bench: Bench) -> bytes:
    """Measure a tensor on almost constant values: its range is almost 0."""
    graph, quantized = bench.quantized()
    grids = quantized.activations | {SILENT: Affine.from_range(0.0, 5e-4)}
    return write_tflite(graph, "int8", Quantized(grids, quantized.weights), bench.metadata)


def no_range(bench: Bench) -> bytes:
    """Measure a tensor on constant values: its range is 0."""
    graph, quantized = bench.quantized()
    grids = quantized.activations | {DEAD: Affine.from_range(0.0, 0.0)}
    return write_tflite(graph, "int8", Quantized(grids, quantized.weights), bench.metadata)


def zero_scale(bench: Bench) -> bytes:
    graph, quantized = bench.quantized()
    quantized.activations[DEAD] = Affine(0.0, 0)
    return write_tflite(graph, "int8", quantized, bench.metadata)


def empty_weights(bench: Bench) -> bytes:
    """Set the weights and bias of a convolution to 0."""
    graph, quantized = bench.quantized()
    weight = quantized.weights[DEAD]
    quantized.weights[DEAD] = dataclasses.replace(weight, values=weight.values * np.int8(0))
    quantized.biases[DEAD] = np.zeros(weight.scale.size, np.float32)
    return write_tflite(graph, "int8", quantized, bench.metadata)


def wrong_bias(bench: Bench) -> bytes:
    graph, quantized = bench.quantized()
    quantized.biases[DEAD] = np.ones(quantized.weights[DEAD].scale.size, np.float32)
    return write_tflite(graph, "int8", quantized, bench.metadata)


def low_scores(bench: Bench) -> bytes:
    """Calibrate the class logits as on pictures without objects."""
    graph, quantized = bench.quantized()
    rows = graph.node("class_logits").inputs
    for name in ("class_logits", *rows, *(graph.node(row).inputs[0] for row in rows)):
        quantized.activations[name] = Affine.from_range(-8.0, -0.0)
    return write_tflite(graph, "int8", quantized, bench.metadata)


class _Island(TfliteLowering):
    """Keep one swish in float, between a DEQUANTIZE and a QUANTIZE."""

    def op_swish(self, node: Node) -> None:
        if node.name != ISLAND:
            super().op_swish(node)
            return
        x = self.writer.tensor(f"{node.name}/dequantized", node.shape, "float32")
        gate = self.writer.tensor(f"{node.name}/sigmoid", node.shape, "float32")
        product = self.writer.tensor(f"{node.name}/float", node.shape, "float32")
        source = self.index[node.inputs[0]]
        self.writer.operator(Op.DEQUANTIZE, 2, [source], [x], schema.DequantizeOptionsT())
        self.writer.operator(Op.LOGISTIC, 1, [x], [gate])
        self.writer.operator(Op.MUL, 1, [x, gate], [product], schema.MulOptionsT())
        output = self.activation(node.name, node.shape)
        self.writer.operator(Op.QUANTIZE, 1, [product], [output], schema.QuantizeOptionsT())


def island(bench: Bench) -> bytes:
    graph, quantized = bench.quantized()
    writer = _Island(graph, "int8", quantized).lower()
    for name, data in bench.metadata.items():
        writer.metadata(name, data)
    return writer.to_bytes()


FAULTS: dict[str, Callable[[Bench], bytes]] = {
    f.__name__: f
    for f in (
        minmax,
        shared_scale,
        clipped,
        black_calibration,
        mean_not_folded,
        dead,
        no_range,
        zero_scale,
        empty_weights,
        wrong_bias,
        low_scores,
        island,
    )
}
