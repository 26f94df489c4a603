"""What a conversion costs, as ratios of its steps: milliseconds would be of one machine only.

Run it by itself on a quiet machine: pytest benchmarks/test_convert.py -s
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.converters import convert
from edge_edet.converters.quantize import (
    RECIPES,
    Recipe,
    corrected,
    load_corrections,
    load_record,
    quantize,
)
from edge_edet.converters.weights.find import find_weights
from edge_edet.converters.weights.source import asset
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.network.build import build_network

ROUNDS = 5


def seconds(step: Callable[[], Any]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def interleaved(benchmark: Any, step: Callable[[], Any], base: Callable[[], Any]) -> float:
    """How many times as long as `base` the step takes: medians of runs that take turns."""
    times: list[float] = []
    benchmark.pedantic(
        step, setup=lambda: times.append(seconds(base)), rounds=ROUNDS, warmup_rounds=1
    )
    ratio = float(statistics.median(benchmark.stats.stats.data) / statistics.median(times[1:]))
    benchmark.extra_info["ratio"] = ratio
    return ratio


@pytest.fixture(scope="module")
def parts() -> tuple[Any, Any, Any]:
    """The bundled D0: its graph, its statistics and its corrections."""
    source = find_weights("d0", "bundled", 0, None, None)
    record = load_record(asset("d0-bccd.calibration"))
    corrections = load_corrections(asset("d0-bccd.corrections"))
    return build_network(source.variant, source.weights), record.statistics, corrections.layers


def integers(graph: Any, given: Any, recipe: Recipe, corrections: Any) -> Any:
    built, quantized = quantize(graph, given, recipe)
    return corrected(built, quantized, corrections) if recipe.reconstruct else quantized


@pytest.mark.parametrize("name", list(RECIPES))
def test_quantize_beside_writing(benchmark: Any, parts: tuple[Any, Any, Any], name: str) -> None:
    """Choosing the integers beside writing them: the search over ranges is what a recipe costs."""
    graph, given, corrections = parts
    written = quantize(graph, given, RECIPES["minmax"])
    ratio = interleaved(
        benchmark,
        lambda: integers(graph, given, RECIPES[name], corrections),
        lambda: write_tflite(written[0], "int8", written[1]),
    )
    print(f"\nrecipe {name}: {ratio:.1f} times as long as writing the file, n = {ROUNDS}")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-dynamic", "int8"])
def test_convert_beside_building(
    benchmark: Any, parts: tuple[Any, Any], tmp_path: Path, precision: str
) -> None:
    """The whole conversion, from the checkpoint to the checked file, beside the bare network."""
    source = find_weights("d0", "bundled", 0, None, None)
    ratio = interleaved(
        benchmark,
        lambda: convert("d0", precision, output=tmp_path, weights="bundled"),
        lambda: build_network(source.variant, source.weights),
    )
    print(f"\n{precision}: {ratio:.1f} times as long as building the network, n = {ROUNDS}")
