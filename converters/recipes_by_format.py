"""Which recipe each format takes: one name on the command line belongs to one format."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_edet.errors import InputError

if TYPE_CHECKING:
    from edge_edet.converters.calibrate import NncfRecipe
    from edge_edet.converters.quantize import ChannelwiseRecipe, Recipe

__all__ = ["RECIPES_OF", "Recipes", "choose_recipes"]

# format -> the names of its recipes, the default first; the recipes themselves stay in the packages that
# read them, so that --help and float models need not import these
RECIPES_OF = {
    "tflite": ("reconstructed", "equalized", "mse", "minmax", "per-tensor"),
    "openvino": (
        "channelwise",
        "channelwise-fast",
        "channelwise-exact",
        "channelwise-all",
        "nncf-performance",
        "nncf-mixed",
    ),
}


@dataclass(frozen=True)
class Recipes:
    """The recipe of each format; None: the format is not written in INT8.

    Attributes
    ----------
    tflite
        For `.tflite`.
    channelwise, nncf
        For OpenVINO IR, at most one of them.
    """

    tflite: Recipe | None = None
    channelwise: ChannelwiseRecipe | None = None
    nncf: NncfRecipe | None = None


def choose_recipes(name: str | None, formats: Collection[str]) -> Recipes:
    """Return the recipe for each of the formats that are written in INT8.

    Parameters
    ----------
    name
        As given on the command line; None: each format's default.
    formats
        Of "tflite" and "openvino"; others have no recipes.

    Raises
    ------
    InputError
        Where none of the formats has a recipe of that name.
    """
    known = {each: names for each, names in RECIPES_OF.items() if not formats or each in formats}
    if name is not None and not any(name in names for names in known.values()):
        listed = "; ".join(f"{each}: {', '.join(names)}" for each, names in known.items())
        other = next((each for each, names in RECIPES_OF.items() if name in names), None)
        what = f"recipe {name!r} is of {other} alone" if other else f"unknown recipe {name!r}"
        raise InputError(f"{what}: known are {listed}")
    if not formats:
        return Recipes()
    from edge_edet.converters.calibrate import NNCF_RECIPES
    from edge_edet.converters.quantize import CHANNELWISE_RECIPES, RECIPES

    chosen = {
        each: name if name in names else names[0]
        for each, names in RECIPES_OF.items()
        if each in formats
    }
    openvino = chosen.get("openvino", "")
    return Recipes(
        RECIPES[chosen["tflite"]] if "tflite" in chosen else None,
        CHANNELWISE_RECIPES.get(openvino),
        NNCF_RECIPES.get(openvino),
    )
