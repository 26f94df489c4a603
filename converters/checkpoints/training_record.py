"""What the plain data beside the weights say about the training: facts and labels.

A configuration that a training program left in the file was not written for us. What cannot be understood
in it is an error that names the option to give, and is only passed over if the option was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_edet.converters.checkpoints.configurations import configurations
from edge_edet.converters.facts import NETWORK_KEYS, Fact, fact_of_arch, fact_of_config
from edge_edet.errors import CheckpointError
from edge_edet.variants import Variant

__all__ = ["facts_beside", "labels_beside"]

# Options -> fields of Variant that they state, and keys of configurations that do
_GROUPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "--anchor-scale, --scales-per-octave and --aspect-ratios": (
        ("anchor_scale", "anchor_octaves", "aspect_ratios"),
        (
            "anchor_scale",
            "num_scales",
            "scales_per_octave",
            "anchors_scales",
            "anchor_octaves",
            "aspect_ratios",
            "anchors_ratios",
        ),
    ),
    "--mean and --std": (
        ("mean", "std"),
        ("mean", "std", "mean_rgb", "stddev_rgb", "scale_range", "fill_color", "pad_rgb"),
    ),
    "--image-size": (("image_size",), ("image_size", "img_size", "input_size")),
    "": ((), NETWORK_KEYS),
}
# In IceVision's meta, in OpenMMLab's meta, and in scripts; in this order
_LABEL_KEYS = ("classes", "CLASSES", "class_names", "names", "labels", "obj_list")


def facts_beside(
    plain: Any, variant: Variant, given: Sequence[Fact]
) -> tuple[list[Fact], list[str]]:
    """Read the configurations in a file's plain data.

    Parameters
    ----------
    plain
        As `plain_data` returns it.
    variant
        The variant that the checkpoint is read as.
    given
        What the caller states.

    Returns
    -------
    facts : list of Fact
        One for each configuration that says something.
    notes : list of str
        Sentences on what was passed over, because the caller states it.

    Raises
    ------
    CheckpointError
        For values that cannot be understood and that the caller does not state.
    """
    facts: list[Fact] = []
    notes: list[str] = []
    stated = {name for fact in given for name in fact.values}
    for source, mapping in configurations(plain):
        values: dict[str, object] = {}
        for options, (fields, keys) in _GROUPS.items():
            part = {key: mapping[key] for key in keys if mapping.get(key) is not None}
            try:
                fact = fact_of_config(part, source, variant) if part else None
            except CheckpointError as error:
                if not stated & set(fields):
                    known = not options or "--" in str(error)
                    raise CheckpointError(
                        f"{error}{'' if known else f'; or give {options}'}"
                    ) from None
                verb = "say" if " and " in options else "says"
                notes.append(f"{error}; not read, as {options} {verb} otherwise")
                continue
            values |= dict(fact.values) if fact is not None else {}
        if values:
            facts.append(Fact(source, values))
        arch = fact_of_arch(mapping, source)
        if arch is not None:
            facts.append(arch)
    return facts, notes


def labels_beside(plain: Any, num_classes: int) -> Fact | None:
    """Find class names in a file's plain data, as many as there are classes; None: there are none."""
    for source, mapping in configurations(plain):
        for key in _LABEL_KEYS:
            names = _names(mapping.get(key), num_classes)
            if names is not None:
                return Fact(f"the {key} in {source}", {}, names)
    return None


def _names(value: Any, num_classes: int) -> tuple[str, ...] | None:
    """Read names from a list or a dictionary by class number; IceVision's first is the background."""
    if isinstance(value, Mapping) and set(value) == set(range(len(value))):
        value = [value[index] for index in range(len(value))]
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        return None
    if len(value) == num_classes + 1 and value[0] == "background":
        value = value[1:]
    return tuple(value) if len(value) == num_classes else None
