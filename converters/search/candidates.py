"""The candidates of the search: recipes, from the fastest to the most accurate, and parts in float."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_edet.converters.calibrate import NncfRecipe
from edge_edet.converters.int8 import Quantized
from edge_edet.converters.quantize import (
    RECIPES,
    ChannelwiseRecipe,
    Corrections,
    Recipe,
    Statistics,
    corrected,
    quantize,
)
from edge_edet.network import Graph

# In the order tried. There are no int16 activations: LiteRT has only reference kernels for them,
# 60 times slower than int8.
INTEGER_RECIPES = (
    RECIPES["minmax"],
    Recipe("percentile", ranges="percentile"),
    Recipe("octav", ranges="octav"),
    RECIPES["mse"],
    RECIPES["equalized"],
    Recipe("equalized-0.12", equalize_step=0.12),
    Recipe("equalized-0.05", equalize_step=0.05),
    Recipe("equalized-low", equalize_step=0.2, equalize_lower=0.5),
    RECIPES["reconstructed"],
)


@dataclass(frozen=True)
class Candidate:
    """A recipe and the parts of the network that it leaves in float."""

    recipe: Recipe | ChannelwiseRecipe | NncfRecipe
    float_parts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the recipe, with the number of float parts."""
        parts = f" + float {len(self.float_parts)}" if self.float_parts else ""
        return f"{self.recipe.name}{parts}"

    @property
    def can_mix(self) -> bool:
        """Whether the search can keep parts of it in float; NNCF chooses them itself."""
        return not isinstance(self.recipe, NncfRecipe)

    def to_dict(self, graph: Graph) -> dict[str, Any]:
        """Return JSON values that identify the candidate, the key of its result in the log."""
        if isinstance(self.recipe, NncfRecipe):
            return self.recipe.to_dict(graph)
        return {**self.recipe.to_dict(), "float_parts": list(self.float_parts)}


def build(
    candidate: Candidate,
    graph: Graph,
    statistics: Mapping[str, Statistics],
    corrections: Corrections,
) -> tuple[Graph, Quantized]:
    """Quantize the graph of a `.tflite` candidate; return the changed graph and its integer tensors."""
    assert isinstance(candidate.recipe, Recipe)
    built, quantized = quantize(graph, statistics, candidate.recipe)
    if candidate.recipe.reconstruct:
        quantized = corrected(built, quantized, corrections)
    if candidate.float_parts:
        inside = {n.name for n in built.nodes if float_part_of(n.name) in candidate.float_parts}
        if float_part_of("backbone/conv_stem") in candidate.float_parts:
            inside.add("normalized")
        quantized = dataclasses.replace(quantized, float_nodes=frozenset(inside))
    return built, quantized


def float_part_of(name: str) -> str:
    """Return the part of the network that a node belongs to: a block, a fusion node, a head's level."""
    pieces = name.split("/")
    if pieces[0] in ("backbone", "class_net", "box_net"):
        return "/".join(pieces[:2])
    if pieces[0] == "fpn":
        return "/".join(pieces[:3]) if pieces[1].startswith("cell") else "fpn/inputs"
    return name


def parts(graph: Graph) -> tuple[str, ...]:
    """Return all parts that hold weights, in execution order."""
    found = (float_part_of(node.name) for node in graph.nodes if node.weight_shape is not None)
    return tuple(dict.fromkeys(found))
