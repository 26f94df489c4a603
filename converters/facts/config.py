"""Read the configuration dictionaries of training programs as fields of `Variant`.

Keys: effdet 0.4.1 model_config.py and data/ (mean and std from 0 to 1, fill_color), google/automl
hparams_config.py (mean_rgb and stddev_rgb from 0 to 255, scale_range), zylo117 projects/*.yml
(anchors_scales and anchors_ratios as texts that Python evaluates, obj_list). None means not stated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_edet.converters.facts.arithmetic import evaluate
from edge_edet.converters.facts.fact import Fact
from edge_edet.converters.facts.file_names import fact_of_name
from edge_edet.converters.facts.network_config import network_values
from edge_edet.errors import CheckpointError, InputError
from edge_edet.pictures import read_normalization
from edge_edet.variants import ImageSize, Variant, octaves, size_of

__all__ = ["fact_of_arch", "fact_of_config", "pairs"]

MAX_FACTORS = 100
MAX_NAME = 200
_SCALE_RANGE = 127.5  # automl dataloader.py: image * 2 / 255 - 1


class _Config:
    """Typed access to a mapping that anyone may have written."""

    def __init__(self, mapping: Mapping[Any, Any], source: str):
        self.mapping, self.source = mapping, source

    def get(self, *keys: str) -> tuple[str, Any] | None:
        """Find the first of the keys whose value is not None: key and value; None: there is none."""
        for key in keys:
            value = self.mapping.get(key)
            if value is not None:
                return key, value
        return None

    def fail(self, key: str, value: object, expected: str) -> CheckpointError:
        text = repr(value)
        text = text if len(text) <= 60 else f"{text[:57]}..."
        return CheckpointError(f"has {key} {text} in {self.source}: expected {expected}")

    def read(self, keys: tuple[str, ...], as_value: Callable[[Any], object], expected: str) -> Any:
        """Convert the value of the first key that is there; None: there is none.

        as_value raises ValueError or TypeError for values that it cannot convert.
        """
        found = self.get(*keys)
        if found is None:
            return None
        key, value = found
        try:
            return as_value(evaluate(value) if isinstance(value, str) else value)
        except (ValueError, TypeError, OverflowError, InputError):
            raise self.fail(key, value, expected) from None


def fact_of_config(mapping: Mapping[Any, Any], source: str, variant: Variant) -> Fact | None:
    """Read what a configuration says about the detector.

    Parameters
    ----------
    mapping
        The configuration, with keys of effdet, google/automl or zylo117.
    source
        How a sentence names it, such as "its hyper-parameters".
    variant
        The variant that the checkpoint is read as.

    Returns
    -------
    Fact or None
        None: it says nothing.

    Raises
    ------
    CheckpointError
        For values that are not valid, and if it describes another network than the variant.
    """
    config = _Config(mapping, source)
    values: dict[str, object] = {}
    put = _putter(values)
    put(
        "anchor_scale",
        config.read(("anchor_scale",), _scale, "a positive number, or one for each level"),
    )
    count = config.read(("num_scales", "scales_per_octave"), _count, "a whole number from 1 to 100")
    put("anchor_octaves", octaves(count) if count else None)
    put(
        "anchor_octaves",
        config.read(("anchors_scales", "anchor_octaves"), _factors, "a list of positive numbers"),
    )
    put(
        "aspect_ratios",
        config.read(
            ("aspect_ratios", "anchors_ratios"), pairs, "a list of numbers or of pairs of numbers"
        ),
    )
    if {"anchors_scales", "anchors_ratios"} <= set(mapping):
        values["anchor_scale"] = variant.anchor_scale  # zylo117 backbone.py: set by the network
    put("image_size", _image_size(config))
    values.update(_normalization(config))
    values.update(network_values(mapping, variant, config.fail))
    labels = _labels(config)
    return Fact(source, values, labels) if values or labels else None


def _putter(values: dict[str, object]) -> Callable[[str, object], None]:
    def put(name: str, value: object) -> None:
        if value is not None:
            values[name] = value

    return put


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not math.isfinite(value):
        raise ValueError
    return float(value)


def _positive(value: object) -> float:
    number = _number(value)
    if not 0.01 <= number <= 1000:
        raise ValueError
    return number


def _items(value: object) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise TypeError
    if not 1 <= len(value) <= MAX_FACTORS:
        raise ValueError
    return list(value)


def _factors(value: object) -> tuple[float, ...]:
    return tuple(_positive(part) for part in _items(value))


def _scale(value: object) -> float | tuple[float, ...]:
    if isinstance(value, int | float):
        return _positive(value)
    scales = _factors(value)
    return scales[0] if len(set(scales)) == 1 else scales


def _count(value: object) -> int:
    number = _number(value)
    if number != int(number) or not 1 <= number <= MAX_FACTORS:
        raise ValueError
    return int(number)


def pairs(value: object) -> tuple[tuple[float, float], ...]:
    """Convert aspect ratios to pairs of factors.

    Parameters
    ----------
    value
        A list of pairs (x, y), or of numbers r = x / y, which become (sqrt(r), 1 / sqrt(r)), of area 1
        (google/automl anchors.py, effdet anchors.py).

    Returns
    -------
    tuple
        (x factor, y factor) of each.

    Raises
    ------
    ValueError, TypeError
        For anything else.
    """
    items = _items(value)
    if all(isinstance(item, int | float) and not isinstance(item, bool) for item in items):
        return tuple((math.sqrt(_positive(r)), 1 / math.sqrt(_positive(r))) for r in items)
    found = []
    for item in items:
        x, y = _items(item)
        found.append((_positive(x), _positive(y)))
    return tuple(found)


def _image_size(config: _Config) -> ImageSize | None:
    found = config.get("image_size", "img_size", "input_size")
    if found is None:
        return None
    key, value = found
    expected = "a whole number of pixels, [height, width] or 'WIDTHxHEIGHT'"
    try:
        if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+)\s*x\s*(\d+)\s*", value)):
            value = [int(match[2]), int(match[1])]
        elif isinstance(value, str):
            value = evaluate(value)
        sides = [int(_number(side)) for side in (_items(value) if _is_list(value) else [value])]
    except (ValueError, TypeError, OverflowError):
        raise config.fail(key, value, expected) from None
    sides = sides[1:] if len(sides) == 3 and sides[0] == 3 else sides  # timm: channels first
    if len(sides) > 2 or not all(1 <= side <= 8192 for side in sides):
        raise config.fail(key, value, expected)
    return size_of(sides[0], sides[-1])


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _colour(value: object) -> tuple[float, float, float]:
    numbers = [_number(part) for part in (_items(value) if _is_list(value) else [value])]
    if len(numbers) not in (1, 3):
        raise ValueError
    r, g, b = numbers * 3 if len(numbers) == 1 else numbers
    return r, g, b


def _normalization(config: _Config) -> dict[str, object]:
    one, three = "a number or three", "positive numbers, one or three"
    mean = config.read(("mean", "mean_rgb"), _colour, one)
    std = config.read(("std", "stddev_rgb"), _colour, three)
    if (mean is None) != (std is None):
        have, lack = ("mean", "std") if std is None else ("std", "mean")
        raise CheckpointError(
            f"has a {have} but no {lack} in {config.source}: give --mean and --std"
        )
    values: dict[str, object] = {}
    if mean is not None and std is not None:
        if config.mapping.get("scale_range") is True:
            # Padded with zeros after normalizing, which is the mean colour.
            values["pad_rgb"] = tuple(round(min(max(part, 0), 255)) for part in mean)
            mean = tuple(m + _SCALE_RANGE * s for m, s in zip(mean, std, strict=True))
            std = tuple(_SCALE_RANGE * s for s in std)
        elif config.get("mean") and set(mean) == {0.0} and set(std) == {1.0}:
            raise CheckpointError(
                f"has mean 0 and std 1 in {config.source}, for values either from 0 to 1 or from 0 to "
                "255: convert a copy with only the weights, with --mean 0 and --std 255 or --std 1"
            )
        try:
            read = read_normalization(mean, std)
        except InputError as error:
            reason = str(error).replace("--", "")
            raise CheckpointError(
                f"has no valid normalization in {config.source}: {reason}"
            ) from None
        assert read is not None
        values["mean"], values["std"] = read.mean, read.std
    elif config.mapping.get("scale_range") is True:
        raise CheckpointError(
            f"has scale_range in {config.source} but no mean_rgb and stddev_rgb: give --mean and --std"
        )
    colour = config.mapping.get("fill_color", config.mapping.get("pad_rgb"))
    if colour == "mean":
        values["pad_rgb"] = "mean"
    elif colour is not None:
        found = config.read(
            ("fill_color", "pad_rgb"), _colour, "'mean', a number or three, 0 to 255"
        )
        if not all(0 <= part <= 255 and part == int(part) for part in found):
            raise config.fail("fill_color", colour, "whole numbers from 0 to 255")
        values["pad_rgb"] = tuple(int(part) for part in found)
    return values


def _labels(config: _Config) -> tuple[str | None, ...] | None:
    """Read zylo117's obj_list, with '' for unused ids, or automl's label_map, id from 1 -> name."""
    names = config.mapping.get("obj_list")
    if _is_list(names) and names and all(isinstance(name, str) for name in names):
        return tuple(name or None for name in names)
    if names is not None:
        raise config.fail("obj_list", names, "a list of class names")
    mapped = config.mapping.get("label_map")
    if isinstance(mapped, Mapping) and mapped:
        if not all(
            type(k) is int and 1 <= k <= 100_000 and isinstance(v, str) for k, v in mapped.items()
        ):
            raise config.fail("label_map", dict(mapped), "class names by id, which starts at 1")
        return tuple(mapped.get(index) for index in range(1, max(mapped) + 1))
    return None


def fact_of_arch(mapping: Mapping[Any, Any], source: str) -> Fact | None:
    """Read what the name of a model in a configuration, under any key, says about normalization.

    Parameters
    ----------
    mapping
        The configuration.
    source
        Names it in messages.

    Returns
    -------
    Fact | None
        What the name states; None: nothing.
    """
    for key, value in mapping.items():
        if not isinstance(value, str) or len(value) > MAX_NAME or re.search(r"\s", value):
            continue
        if (fact := fact_of_name(Path(value))) is not None:
            return Fact(f"{key} {value!r} in {source}", fact.values, hint=True)
    return None
