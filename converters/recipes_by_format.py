"""Which recipe each format takes: one name on the command line belongs to one format."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edge_edet.converters.calibrate import NNCF_RECIPES, NncfRecipe
from edge_edet.converters.quantize import (
    CHANNELWISE_RECIPES,
    DEFAULT_RECIPE,
    RECIPES,
    ChannelwiseRecipe,
    Recipe,
)
from edge_edet.errors import InputError

OPENVINO_RECIPES: dict[str, ChannelwiseRecipe | NncfRecipe] = {
    **CHANNELWISE_RECIPES,  # the first is the default
    **NNCF_RECIPES,
}
RECIPES_OF = {"tflite": tuple(RECIPES), "openvino": tuple(OPENVINO_RECIPES)}


@dataclass(frozen=True)
class Recipes:
    """None: that format is not written in INT8."""

    tflite: Recipe | None = None
    openvino: ChannelwiseRecipe | NncfRecipe | None = None


def choose_recipes(name: str | None, formats: Collection[str]) -> Recipes:
    """The recipe for each of the formats. Raises InputError where the name is none of theirs."""
    known = {each: names for each, names in RECIPES_OF.items() if not formats or each in formats}
    if name is not None and not any(name in names for names in known.values()):
        listed = "; ".join(f"{each}: {', '.join(names)}" for each, names in known.items())
        other = next((each for each, names in RECIPES_OF.items() if name in names), None)
        what = f"recipe {name!r} is of {other} alone" if other else f"unknown recipe {name!r}"
        raise InputError(f"{what}: known are {listed}")
    tflite = name if name in RECIPES else DEFAULT_RECIPE
    openvino = name if name in OPENVINO_RECIPES else next(iter(OPENVINO_RECIPES))
    return Recipes(
        RECIPES[tflite] if "tflite" in formats else None,
        OPENVINO_RECIPES[openvino] if "openvino" in formats else None,
    )
