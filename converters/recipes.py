"""Quantization recipes: data that says how a graph's integers are chosen, kept in the manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_edet.converters.equalize import equalize
from edge_edet.converters.graph import Graph
from edge_edet.converters.quantized import Quantized, least_scale, quantize_weight
from edge_edet.converters.ranges import choose_grids
from edge_edet.converters.statistics import Statistics
from edge_edet.converters.to_tflite import input_affine
from edge_edet.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """ranges: how grids are chosen; equalize_*: see equalize.equalize, no equalization if None."""

    name: str
    ranges: str = "mse"
    equalize_min_gain: float | None = None
    equalize_lower: float = 0.5
    equalize_scope: str = "backbone"

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("equalized", equalize_min_gain=6.0),
        Recipe("mse"),
        Recipe("minmax", ranges="minmax"),
    )
}
DEFAULT_RECIPE = "equalized"


def get_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises InputError that lists the known ones."""
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}: known are {', '.join(RECIPES)}")
    return RECIPES[name]


def quantize(graph: Graph, statistics: Mapping[str, Statistics],
             recipe: Recipe) -> tuple[Graph, Quantized]:  # fmt: skip
    """The graph to write, the same function as `graph`, and its integers."""
    given: dict[str, tuple[float, float]] = {}
    if recipe.equalize_min_gain is not None:
        result = equalize(graph, statistics, recipe.equalize_min_gain, recipe.equalize_lower,
                          recipe.equalize_scope)  # fmt: skip
        graph, given = result.graph, result.ranges
    grids = choose_grids(graph, statistics, recipe.ranges, given)
    weights = {}
    for node in graph.nodes:
        if node.weight is not None and node.bias is not None:
            source = grids.get(node.inputs[0], input_affine(graph))  # the picture has no grid here
            least = least_scale(node.bias, source)
            weights[node.name] = quantize_weight(node.weight, node.op, least)
    return graph, Quantized(grids, weights)
