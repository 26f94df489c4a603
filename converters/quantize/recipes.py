"""Quantization recipes: data that says how a graph's integers are chosen, kept in the manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_edet.converters.int8 import (
    Affine,
    ChannelGroups,
    Quantized,
    input_affine,
    least_scale,
    quantize_weight,
)
from edge_edet.converters.quantize.balance import balance
from edge_edet.converters.quantize.equalize import equalize
from edge_edet.converters.quantize.histograms import Statistics
from edge_edet.converters.quantize.ranges import choose_grids
from edge_edet.converters.quantize.split import split
from edge_edet.errors import InputError
from edge_edet.network import Graph


@dataclass(frozen=True)
class Recipe:
    """ranges: how grids are chosen; equalize_*: see equalize.equalize, no equalization if None.

    split_step: see split.split, no tensor is split if None; what is split is not equalized.

    reconstruct: take the calibration's corrections, see reconstruction.reconstruct. per_tensor: weights have
    one scale a tensor, and channels are balanced for it (balance.balance) in place of equalization.

    Source of the values: docs/decisions/0002-channel-equalization.md, 0014-speed.md and 0018-per-tensor.md.

    Attributes
    ----------
    name
        As --recipe has it.
    ranges
        How grids are chosen.
    split_step
        Above which a tensor's channels are split; None: none are. What is split is not equalized.
    equalize_step
        See `equalize.equalize`; None: no equalization.
    equalize_lower
        Likewise.
    equalize_scope
        Likewise.
    reconstruct
        Whether the calibration's corrections are applied.
    per_tensor
        Whether all output channels have one scale.
    """

    name: str
    ranges: str = "mse"
    split_step: float | None = None
    equalize_step: float | None = None
    equalize_lower: float = 0.3
    equalize_scope: str = ""
    reconstruct: bool = False
    per_tensor: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values, for the manifest.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        found = dataclasses.asdict(self)
        if not self.per_tensor:  # stored records of other recipes do not have it
            del found["per_tensor"]
        return found


# What the corrections of a calibration record were made for: others have another set of grids.
RECONSTRUCTED = Recipe("reconstructed", split_step=0.2, equalize_step=0.2, reconstruct=True)
RECIPES = {
    recipe.name: recipe
    for recipe in (
        RECONSTRUCTED,
        Recipe("equalized", equalize_step=0.2),
        Recipe("mse"),
        Recipe("minmax", ranges="minmax"),
        Recipe("per-tensor", reconstruct=True, per_tensor=True),
    )
}
DEFAULT_RECIPE = "reconstructed"


def get_recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    Parameters
    ----------
    name
        As --recipe has it.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    InputError
        For an unknown name; the message lists the known ones.
    """
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}: known are {', '.join(RECIPES)}")
    return RECIPES[name]


def quantize(
    graph: Graph,
    statistics: Mapping[str, Statistics],
    recipe: Recipe,
) -> tuple[Graph, Quantized]:
    """Return the graph to write, the same function as `graph`, and its integers.

    Parameters
    ----------
    graph
        The float network.
    statistics
        Calibrated tensor -> its statistics.
    recipe
        Where it reconstructs, the corrections are applied afterwards: see `corrected`.

    Returns
    -------
    tuple[Graph, Quantized]
        The graph and its integers.

    Raises
    ------
    InputError
        Where the statistics lack a tensor of the network.
    """
    grids = choose_grids(graph, statistics, recipe.ranges)
    groups: Mapping[str, ChannelGroups] = {}
    chosen: frozenset[str] = frozenset()
    if recipe.split_step is not None:
        found = split(graph, statistics, grids, recipe.split_step)
        graph, statistics, groups = found.graph, found.statistics, found.groups
        grids, chosen = grids | found.grids, frozenset(found.grids)
    result = None
    if recipe.per_tensor:
        result = balance(graph, statistics, recipe.equalize_lower)
    elif recipe.equalize_step is not None:
        result = equalize(
            graph,
            statistics,
            grids,
            recipe.equalize_step,
            recipe.equalize_lower,
            recipe.equalize_scope,
            chosen,
        )
    if result is not None:
        graph = result.graph
        grids |= {name: Affine.from_range(*ends) for name, ends in result.ranges.items()}
    weights = {}
    for node in graph.nodes:
        if node.weight is not None and node.bias is not None:
            source = grids.get(node.inputs[0], input_affine(graph))  # the picture has no grid here
            least = least_scale(node.bias, source)
            weights[node.name] = quantize_weight(
                node.weight, node.op, least, per_tensor=recipe.per_tensor
            )
    return graph, Quantized(grids, weights, groups=groups)
