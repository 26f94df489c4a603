"""Map the tensors of a family to the canonical ones: names, axes, and checks.

A family names, for each canonical tensor, its own tensor and the order of its axes; everything else here
is the same for all families.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.errors import CheckpointError
from edge_edet.variants import VARIANTS, Variant

__all__ = [
    "HWIM",
    "HWIO",
    "Family",
    "Source",
    "anchors_per_position",
    "assemble",
    "infer_classes",
    "shape_list",
]

Shapes = dict[str, tuple[int, ...]]
Tensors = Mapping[str, NDArray[Any]]

HWIO = (3, 2, 0, 1)  # TensorFlow's [h, w, in, out] -> [out, in, h, w]
HWIM = (2, 3, 0, 1)  # TensorFlow's depthwise [h, w, channels, 1] -> [channels, 1, h, w]
_LISTED = 5


@dataclass(frozen=True)
class Source:
    """Where one canonical tensor comes from.

    Attributes
    ----------
    names
        One tensor of the family, or several scalars to stack.
    shape
        Of each of them.
    axes
        Transposes the family's layout into the canonical one; None: it is the same.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    axes: tuple[int, ...] | None = None

    @classmethod
    def of(cls, name: str, canonical: tuple[int, ...], axes: tuple[int, ...] | None) -> Source:
        """Make the source whose tensor has the canonical shape after transposing by axes."""
        shape = list(canonical)
        for place, axis in enumerate(axes or ()):
            shape[axis] = canonical[place]
        return cls((name,), tuple(shape), axes)


@dataclass(frozen=True)
class Family:
    """One implementation whose checkpoints are read.

    Attributes
    ----------
    name
        As messages and manifests have it.
    marks
        Matches the beginning of names that only this family has.
    class_bias, box_bias
        The biases of the heads' last layers, whose sizes give the numbers of classes and anchors.
    ignored
        Matches tensors of a variant that inference does not use.
    sources
        Of a variant: the source of every canonical tensor.
    changes
        Fields in which all its variants differ from the table of variants.
    exceptions
        Further fields in which single variants do, by their names.
    """

    name: str
    marks: re.Pattern[str]
    class_bias: str
    box_bias: str
    ignored: Callable[[Variant], re.Pattern[str]]
    sources: Callable[[Variant], dict[str, Source]]
    changes: Mapping[str, object] = field(default_factory=dict)
    exceptions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def published(self, variant: Variant) -> Variant:
        """Return the variant as this implementation has it."""
        return variant.replace(**{**self.changes, **self.exceptions.get(variant.name, {})})


def shape_list(shapes: Mapping[str, object]) -> str:
    """List names and shapes, the first five: `a (3, 4), b (5,) and 7 more`."""
    listed = [f"{name[:80]} {shape}" for name, shape in list(shapes.items())[:_LISTED]]
    rest = len(shapes) - len(listed)
    return ", ".join(listed) + (f" and {rest} more" if rest else "")


def _expected(family: Family, variant: Variant) -> Shapes:
    sources = family.sources(variant).values()
    return {name: source.shape for source in sources for name in source.names}


def _used(family: Family, variant: Variant, tensors: Tensors) -> Shapes:
    """List the shapes of the file's tensors without those that inference does not use."""
    ignored = family.ignored(variant)
    return {name: a.shape for name, a in tensors.items() if not ignored.search(name)}


def anchors_per_position(family: Family, tensors: Tensors) -> int:
    """Infer the anchors per position from the box head's bias, which has four codes for each.

    Raises
    ------
    CheckpointError
        When the bias is missing or does not divide by four.
    """
    size = _head_size(family, family.box_bias, tensors)
    if size % 4:
        raise CheckpointError(
            f"has {family.box_bias} of shape ({size},): expected four box codes for each anchor"
        )
    return size // 4


def infer_classes(family: Family, variant: Variant, tensors: Tensors) -> int:
    """Infer the number of classes from the class head's bias.

    Raises
    ------
    CheckpointError
        When a bias is missing, or the heads have another number of anchors than the variant.
    """
    size, anchors = _head_size(family, family.class_bias, tensors), variant.anchors_per_position
    found = anchors_per_position(family, tensors)
    if found != anchors:
        raise CheckpointError(
            f"has {found} anchors at each position, but {len(variant.anchor_octaves)} scales x "
            f"{len(variant.aspect_ratios)} aspect ratios are {anchors}: say which it was trained with, "
            "by --scales-per-octave and --aspect-ratios, or the file that does (--project, --hparams)"
        )
    if size % anchors:
        raise CheckpointError(
            f"has {family.class_bias} of shape ({size},): expected one number for each class and each "
            f"of {anchors} anchors"
        )
    return size // anchors


def _head_size(family: Family, name: str, tensors: Tensors) -> int:
    bias = tensors.get(name)
    if bias is None:
        raise CheckpointError(
            f"has no {name}: expected all tensors of an EfficientDet in {family.name}'s format"
        )
    if bias.ndim != 1 or bias.size == 0:
        raise CheckpointError(
            f"has {name} of shape {bias.shape}: expected one number for each anchor and value"
        )
    return int(bias.size)


def _lookalikes(family: Family, trained: Variant, tensors: Tensors) -> list[str]:
    """List the published variants that the file would fit exactly."""
    found = []
    for name, published in VARIANTS.items():
        variant = family.published(published).replace(
            num_classes=trained.num_classes,
            anchor_octaves=trained.anchor_octaves,
            aspect_ratios=trained.aspect_ratios,
        )
        if _expected(family, variant) == _used(family, variant, tensors):
            found.append(name)
    return found


def _check(family: Family, variant: Variant, tensors: Tensors) -> None:
    shapes, expected = _used(family, variant, tensors), _expected(family, variant)
    problems = []
    if missing := {n: s for n, s in expected.items() if n not in shapes}:
        problems.append(f"missing {shape_list(missing)}")
    if extra := {n: s for n, s in shapes.items() if n not in expected}:
        problems.append(f"unknown {shape_list(extra)}")
    wrong = {
        name: f"{shapes[name]} instead of {shape}"
        for name, shape in expected.items()
        if name in shapes and shapes[name] != shape
    }
    if wrong:
        problems.append(f"wrong shape {shape_list(wrong)}")
    if problems:
        looks = " or ".join(_lookalikes(family, variant, tensors))
        advice = f"it looks like {looks}, name that variant; " if looks else ""
        raise CheckpointError(
            f"does not fit {variant.name} in {family.name}'s format: {advice}{'; '.join(problems)}"
        )


def _take(name: str, source: Source, tensors: Tensors) -> NDArray[np.float32]:
    parts = [tensors[part] for part in source.names]
    for part, array in zip(source.names, parts, strict=True):
        if array.dtype.kind != "f":
            raise CheckpointError(f"has {part} as {array.dtype}: expected floating point")
    whole = parts[0] if len(parts) == 1 else np.stack(parts)
    if source.axes is not None:  # to numpy None is a reversal
        whole = whole.transpose(source.axes)
    with np.errstate(over="ignore"):
        array = np.array(
            whole, np.float32, order="C"
        )  # a copy, so that the file's bytes can be freed
    if not np.isfinite(array).all():
        raise CheckpointError(f"has a NaN or an infinite number in {source.names[0]}")
    if name.endswith("running_var") and (array < 0).any():
        raise CheckpointError(f"has a negative variance in {source.names[0]}")
    return array


def assemble(
    family: Family, variant: Variant, tensors: Tensors
) -> tuple[dict[str, NDArray[np.float32]], Variant]:
    """Make canonical weights from a family's tensors.

    Parameters
    ----------
    family
        Whose names the tensors have.
    variant
        As trained, with the family's changes and what facts say; its number of classes is not used.
    tensors
        All tensors of the file.

    Returns
    -------
    weights : dict
        Canonical name to float32 array.
    variant : Variant
        With the checkpoint's number of classes.

    Raises
    ------
    CheckpointError
        For missing, unknown or wrongly shaped tensors, other types than floating point, NaN, infinite
        numbers and negative variances.
    """
    adapted = variant.replace(num_classes=infer_classes(family, variant, tensors))
    _check(family, adapted, tensors)
    sources = family.sources(adapted)
    return {name: _take(name, source, tensors) for name, source in sources.items()}, adapted
