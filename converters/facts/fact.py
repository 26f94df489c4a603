"""Facts: what each source says about a detector's training, and the variant that follows from all of them.

A detector is its weights and its anchors, input size and normalization. The tensors rarely show the
latter, so every source that states them is kept, with its name: two sources that contradict each other are
an error that names both, and what no source states is reported as assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_edet.errors import CheckpointError
from edge_edet.variants import Variant

__all__ = ["Fact", "not_stated", "settle", "standing"]

ANCHOR_FIELDS = {  # field of Variant -> its name in messages
    "anchor_scale": "anchor scale",
    "anchor_octaves": "scales per octave",
    "aspect_ratios": "aspect ratios",
}
TOLERANCE = (
    1e-3  # relative; 1.4 and the square root of 2 differ by 1e-2, float16's rounding by 5e-4
)


@dataclass(frozen=True)
class Fact:
    """What one source says.

    Attributes
    ----------
    source
        How a sentence names it, such as "its anchors.boxes" or "--anchor-scale".
    values
        Fields of `Variant` by name. pad_rgb may be "mean", the colour that normalization turns into 0.
    labels
        The class names, one for each class; None: not stated.
    hint
        Whether it gives way to any source that states a normalization, as a file name does.
    wish
        Whether it asks for what to build, instead of stating how the detector was trained.
    """

    source: str
    values: Mapping[str, object]
    labels: tuple[str | None, ...] | None = None
    hint: bool = False
    wish: bool = False


def settle(variant: Variant, facts: Iterable[Fact]) -> Variant:
    """Apply all facts to a variant.

    If the normalization is stated and the padding is not, the padding is the mean colour.

    Parameters
    ----------
    variant
        The network by name, with its numbers.
    facts
        All that is known about the training.

    Returns
    -------
    Variant
        The variant as it was trained.

    Raises
    ------
    CheckpointError
        When two facts contradict each other (relative difference over 1e-3), or anchor_scale has another
        number of levels than the variant.
    """
    known: dict[str, tuple[str, object]] = {}
    for fact in standing(facts):
        for name, value in fact.values.items():
            if name not in known:
                known[name] = fact.source, value
            elif not fact.hint and not _same(known[name][1], value):
                source, first = known[name]
                raise CheckpointError(
                    f"is contradictory: {_verb(source)} {name} {_text(first)}, {_verb(fact.source)} "
                    f"{_text(value)}: give the options that fit this checkpoint"
                )
    changes = {name: value for name, (_, value) in known.items()}
    mean = changes.get("mean", variant.mean)
    if changes.get("pad_rgb", "mean" if "mean" in changes else None) == "mean":
        assert isinstance(mean, tuple)
        changes["pad_rgb"] = tuple(round(value) for value in mean)
    settled = variant.replace(**changes)
    if len(settled.anchor_scales) != len(settled.levels):
        source, value = known["anchor_scale"]
        raise CheckpointError(
            f"is contradictory: {_verb(source)} anchor_scale {_text(value)}, but it is one number or "
            f"{len(settled.levels)}, one for each level of {variant.name}"
        )
    return settled


def standing(facts: Iterable[Fact]) -> list[Fact]:
    """List the statements, then the hints that agree with every stated mean; no wishes.

    Parameters
    ----------
    facts
        All that is known.

    Returns
    -------
    list[Fact]
        Those that count.
    """
    every = [fact for fact in facts if not fact.wish]
    said = [fact for fact in every if not fact.hint]
    means = [fact.values["mean"] for fact in said if "mean" in fact.values]
    return said + [
        fact
        for fact in every
        if fact.hint and all(_same(mean, fact.values.get("mean", mean)) for mean in means)
    ]


def not_stated(facts: Iterable[Fact]) -> tuple[str, ...]:
    """List what no fact states: "anchors" or its parts, "size", "normalization".

    Parameters
    ----------
    facts
        All that is known.

    Returns
    -------
    tuple[str, ...]
        Words for notes.
    """
    stated = {name for fact in facts for name in fact.values}
    parts = [called for name, called in ANCHOR_FIELDS.items() if name not in stated]
    missing = ["anchors"] if len(parts) == len(ANCHOR_FIELDS) else parts
    if "image_size" not in stated:
        missing.append("size")
    if not {"mean", "std"} <= stated:
        missing.append("normalization")
    return tuple(missing)


def _verb(source: str) -> str:
    plural = source.endswith("s") or " and " in source
    return f"{source} {'say' if plural else 'says'}"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_text(part) for part in value)})"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _same(a: object, b: object) -> bool:
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return a == b
