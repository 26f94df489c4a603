"""Find the variant of a checkpoint by its tensors; D6 and D7 have the same ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_edet.converters.checkpoints.container import load
from edge_edet.converters.checkpoints.reader import Checkpoint, interpret, named_errors
from edge_edet.converters.facts import Fact
from edge_edet.errors import CheckpointError
from edge_edet.variants import VARIANTS, ImageSize, Variant

__all__ = ["find_variant"]

_MISFIT = ("does not fit ", "lacks the biases", "is not an EfficientDet")


def find_variant(path: Path, facts_of: Callable[[Variant], Sequence[Fact]]) -> Checkpoint:
    """Read a checkpoint as the variant that it fits.

    If the tensors fit several variants, the image size that the file states decides, then its name.

    Parameters
    ----------
    path
        The checkpoint.
    facts_of
        Gives what the caller knows about the training, for a variant.

    Returns
    -------
    Checkpoint
        Tensors, variant and facts.

    Raises
    ------
    CheckpointError
        When it fits no variant, or nothing decides between several.
    """
    with named_errors(path):
        loaded = load(path)
        found: list[Checkpoint] = []
        reasons: list[str] = []
        for variant in VARIANTS.values():
            try:
                found.append(interpret(loaded, variant, facts_of(variant)))
            except CheckpointError as error:
                reasons.append(str(error))
        if not found:
            raise CheckpointError(_why_none(reasons))
        return found[0] if len(found) == 1 else _one_of(found, path)


def _why_none(reasons: list[str]) -> str:
    """Find the reason that is about the file, rather than about a variant that it is not of."""
    own = [reason for reason in reasons if not reason.startswith(_MISFIT)]
    if own and len(set(own)) == 1:
        return own[0]
    nearest = min(own or reasons, key=len)
    return (
        f"fits none of {', '.join(VARIANTS)}: name the variant to see where it differs; {nearest}"
    )


def _one_of(found: list[Checkpoint], path: Path) -> Checkpoint:
    stated = [one for one in found if _stated_size(one) == VARIANTS[one.variant.name].image_size]
    if len(stated) == 1:
        return stated[0]
    for part in (path.name, path.parent.name):  # efficientdet_d7.pth, efficientdet-d7/model
        words = re.split(r"[^a-z0-9]+", part.lower())
        named = [one for one in found if one.variant.name in words]
        if len(named) == 1:
            return named[0]
    names = " and ".join(one.variant.name for one in found)
    raise CheckpointError(f"fits {names}, which are the same network: name the variant")


def _stated_size(checkpoint: Checkpoint) -> ImageSize | None:
    stated = any("image_size" in fact.values for fact in checkpoint.facts)
    return checkpoint.variant.image_size if stated else None
