"""Broken INT8 OpenVINO models, each with one known fault, made with the converter's own parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge_edet.converters.calibrate.calibration import collect
from edge_edet.converters.int8.channels import ChannelQuantized, ChannelQuantizer
from edge_edet.converters.quantize.channelwise import CHANNELWISE_RECIPES, quantize_channelwise
from edge_edet.converters.write.openvino.lower import write_openvino
from edge_edet.manifest import MANIFEST_KEY, Manifest

CLIPPED = "backbone/blocks.3.1/add"
COARSE = "backbone/blocks.2.1/se/mul"
EMPTY = "fpn/cell.1/fnode.4/conv_pw"
DEAD = "fpn/cell.1/fnode.4/conv_dw"
# The extremes of 8 pictures and maps of 4x4 cells are unreliable: a wider margin.
RECIPE = dataclasses.replace(CHANNELWISE_RECIPES["channelwise"], margin=4.0)


def write(
    bench: Any,
    name: str,
    quantized: ChannelQuantized | None,
    graph: Any = None,
    random: bool = False,
) -> Path:
    """Write an INT8 model, or without integers the float model, as `convert` describes them."""
    precision = "int8" if quantized else "fp32"
    recipe = RECIPE.to_dict() | {"float_convolutions": quantized.floats} if quantized else None
    calibration = {"digest": "test", "images": 8, "source": "test"} if quantized else None
    provenance = {
        "weights": {"name": "test", "tensors_sha256": "test", "random": random},
        "calibration": calibration,
        "recipe": recipe,
        "tools": {},
        "command": "test",
    }
    manifest = Manifest(
        "edge-edet test",
        precision,
        bench.graph.variant,
        {"boxes": "box_codes", "classes": "class_logits"},
        ("RBC", "WBC", "Platelets"),
        provenance,
    )
    files = write_openvino(
        graph or bench.graph, precision, quantized, {MANIFEST_KEY: manifest.to_json()}
    )
    path = Path(bench.folder) / f"ir-{name}.xml"
    path.write_bytes(files.xml)
    path.with_suffix(".bin").write_bytes(files.bin)
    return path


def sound(bench: Any) -> ChannelQuantized:
    return quantize_channelwise(bench.graph, bench.statistics, RECIPE)


def ranged(quantized: ChannelQuantized, tensor: str, factor: float) -> None:
    """Scale the ends of a fake quantizer together with its readers: only the range is wrong."""
    old = quantized.quantizers[tensor]
    quantized.quantizers[tensor] = ChannelQuantizer(old.step * factor, old.zero_point, old.shared)


def _requantized(bench: Any, tensor: str, factor: float) -> Path:
    """Make the model as if calibration had measured this one tensor so much larger or smaller."""
    statistics = dict(bench.statistics)
    s = statistics[tensor]
    statistics[tensor] = dataclasses.replace(
        s,
        low=s.low * factor,
        high=s.high * factor,
        channel_low=s.channel_low * factor,
        channel_high=s.channel_high * factor,
    )
    quantized = quantize_channelwise(bench.graph, statistics, RECIPE)
    return write(bench, f"{factor}", quantized)


def clipped(bench: Any) -> Path:
    return _requantized(bench, CLIPPED, 0.1)


def coarse(bench: Any) -> Path:
    return _requantized(bench, COARSE, 100.0)


def black_calibration(bench: Any) -> Path:
    black = np.zeros(bench.graph.input_shape, np.uint8)
    statistics = collect(bench.graph, [black], lambda pixels: pixels, 1)
    return write(bench, "black", quantize_channelwise(bench.graph, statistics, RECIPE))


def empty_weights(bench: Any) -> Path:
    """Set the weights of a convolution to 0."""
    quantized = sound(bench)
    weight = quantized.weights[EMPTY]
    quantized.weights[EMPTY] = dataclasses.replace(weight, values=weight.values * np.int8(0))
    return write(bench, "empty", quantized)


def one_quantizer_wrong(bench: Any) -> Path:
    """Scale the ends of a fake quantizer, so that they do not fit the weights after it."""
    quantized = sound(bench)
    ranged(quantized, DEAD, 3.0)
    return write(bench, "wrong", quantized)


def dead(bench: Any) -> Path:
    quantized = sound(bench)
    ranged(quantized, DEAD, 1e-12)
    return write(bench, "dead", quantized)


def mean_not_folded(bench: Any) -> Path:
    wrong = dataclasses.replace(
        bench.graph, variant=bench.graph.variant.replace(mean=(0.0, 0.0, 0.0))
    )
    quantized = quantize_channelwise(wrong, bench.statistics, RECIPE)
    return write(bench, "mean", quantized, wrong)


FAULTS: dict[str, Callable[[Any], Path]] = {
    f.__name__: f
    for f in (
        clipped,
        coarse,
        black_calibration,
        empty_weights,
        one_quantizer_wrong,
        dead,
        mean_not_folded,
    )
}
