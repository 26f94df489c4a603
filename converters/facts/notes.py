"""The notes of `convert` on how a detector was trained: what is stated, and what is assumed."""

from __future__ import annotations

from collections.abc import Sequence

from edge_edet.converters.facts.fact import Fact, not_stated, standing
from edge_edet.pictures import shown
from edge_edet.variants import ImageSize, Variant, size_text

__all__ = ["training_notes"]


def training_notes(
    published: Variant,
    trained: Variant,
    facts: Sequence[Fact],
    image_size: ImageSize | None,
    model: str,
) -> list[str]:
    """Write the notes.

    Parameters
    ----------
    published
        The variant as the checkpoint's family publishes it.
    trained
        The variant as the checkpoint was trained.
    facts
        All facts about it.
    image_size
        The size that was asked for; None: that of the training.
    model
        Whose settings `published` has, such as "the published d0".

    Returns
    -------
    list of str
        One line for each source that differs from `published`, and one for all that no source states.
    """
    notes = []
    for fact in standing(facts):
        other = {name for name in fact.values if getattr(trained, name) != getattr(published, name)}
        if other:
            notes.append(f"by {fact.source}: {', '.join(_phrases(trained, other))}")
    size_stated = any("image_size" in fact.values for fact in facts)
    if size_stated and image_size is not None and image_size != trained.image_size:
        notes.append(
            f"trained at {size_text(trained.image_size)} pixels, built for "
            f"{size_text(image_size)} as --image-size says: "
            "measure its accuracy"
        )
    assumed = [
        part
        for part in not_stated(standing(facts))
        if not (part == "size" and image_size is not None)
    ]
    if assumed:
        notes.append(
            f"{_joined(assumed)} taken as {model}'s: the file does not state "
            f"{'them' if len(assumed) > 1 or assumed[0].endswith('s') else 'it'}"
        )
    return notes


def _phrases(variant: Variant, fields: set[str]) -> list[str]:
    said = []
    if "image_size" in fields:
        said.append(f"{size_text(variant.image_size)} pixels")
    if "anchor_scale" in fields:
        said.append(f"anchor scale {shown(variant.anchor_scales)}")
    if "anchor_octaves" in fields:
        said.append(f"scales {', '.join(f'{v:.4g}' for v in variant.anchor_octaves)}")
    if "aspect_ratios" in fields:
        pairs = ", ".join(f"{x:.4g} x {y:.4g}" for x, y in variant.aspect_ratios)
        said.append(f"aspect ratios {pairs}")
    if fields & {"mean", "std"}:
        said.append(f"mean {shown(variant.mean)}, std {shown(variant.std)}")
    if "pad_rgb" in fields:
        said.append(f"padding {shown(variant.pad_rgb)}")
    if "fusion" in fields:
        said.append(f"{variant.fusion} fusion")
    if "pool_padding" in fields:
        said.append(f"borders of max pools: {variant.pool_padding}")
    return said or sorted(fields)


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
