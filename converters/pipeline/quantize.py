"""Quantize: choose the integers of one model by its format's recipe, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_edet.converters.calibrate import (
    Calibration,
    NncfRecipe,
    correct_layers,
    fitted_swishes,
    quantize_by_nncf,
)
from edge_edet.converters.int8 import ChannelQuantized, Quantized, Swishes
from edge_edet.converters.pipeline.plan import Plan
from edge_edet.converters.quantize import (
    ChannelwiseRecipe,
    Recipe,
    quantize,
    quantize_channelwise,
)
from edge_edet.network import Graph

__all__ = ["ChannelIntegers", "Integers", "NncfModel", "TensorIntegers", "quantize_for"]


@dataclass(frozen=True)
class TensorIntegers:
    """The integers of a `.tflite`: the graph to write, its integers, and the recipe as stated."""

    graph: Graph
    quantized: Quantized
    recipe: Mapping[str, Any]


@dataclass(frozen=True)
class ChannelIntegers:
    """The integers of an OpenVINO IR: the graph to write, its integers, and the recipe as stated."""

    graph: Graph
    quantized: ChannelQuantized
    recipe: Mapping[str, Any]


@dataclass(frozen=True)
class NncfModel:
    """An openvino.Model that NNCF quantized, and the recipe as stated."""

    model: Any
    recipe: Mapping[str, Any]


Integers = TensorIntegers | ChannelIntegers | NncfModel


def quantize_for(planned: Plan, graph: Graph, calibration: Calibration, format: str) -> Integers:
    """Choose the integers of a model.

    Parameters
    ----------
    planned
        Its recipes and pictures.
    graph
        The float network.
    calibration
        Measured on that network.
    format
        "tflite" or "openvino".

    Raises
    ------
    EdgeEdetError
        Where NNCF gives up.
    """
    threads, recipes = planned.request.threads, planned.recipes
    if format == "tflite":
        assert recipes.tflite is not None
        return _by_tensor(recipes.tflite, graph, calibration, threads)
    if recipes.nncf is not None:
        return _by_nncf(recipes.nncf, graph, calibration)
    assert recipes.channelwise is not None
    return _by_channel(recipes.channelwise, graph, calibration, threads)


def _by_tensor(
    recipe: Recipe, graph: Graph, calibration: Calibration, threads: int
) -> TensorIntegers:
    built, quantized = quantize(graph, calibration.record.statistics, recipe)
    if recipe.reconstruct:
        quantized = correct_layers(built, quantized, calibration, threads, recipe)
    return TensorIntegers(built, quantized, recipe.to_dict())


def _by_channel(
    recipe: ChannelwiseRecipe, graph: Graph, calibration: Calibration, threads: int
) -> ChannelIntegers:
    swishes: Swishes = {}
    if recipe.least_swish_db is not None:
        swishes = fitted_swishes(graph, calibration, threads)
    statistics = calibration.record.statistics
    channels = quantize_channelwise(graph, statistics, recipe, swishes)
    return ChannelIntegers(graph, channels, recipe.to_dict() | channels.stated())


def _by_nncf(recipe: NncfRecipe, graph: Graph, calibration: Calibration) -> NncfModel:
    picture_range = calibration.record.picture_range
    model, floats = quantize_by_nncf(graph, calibration.pictures, recipe, picture_range)
    return NncfModel(model, recipe.to_dict(graph) | {"float_convolutions": floats})
