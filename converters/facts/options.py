"""What the user states about the training: options, a project file, hyper-parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_edet.converters.facts.arithmetic import evaluate
from edge_edet.converters.facts.config import fact_of_config, pairs
from edge_edet.converters.facts.fact import Fact
from edge_edet.errors import CheckpointError, InputError
from edge_edet.files import read_yaml
from edge_edet.pictures import Given, read_normalization
from edge_edet.variants import Variant, octaves

__all__ = ["TrainingOptions", "facts_of_options"]

LEAST, MOST = 0.01, 1000.0
MAX_PER_PLACE = 100


@dataclass(frozen=True)
class TrainingOptions:
    """How a detector was trained, as far as the user states it; None: not stated.

    Values are texts as on the command line, or numbers, lists and arrays.

    Attributes
    ----------
    anchor_scale
        The size of an anchor in strides: one number, or one for each level ("2.0", "4,4,4,4,5").
    aspect_ratios
        "1,2,0.5" (width / height, at area 1), or pairs of x and y factors "1x1,1.4x0.7,0.7x1.4".
    scales_per_octave
        How many, for 2^(i/n), or the factors themselves, "0.5,0.7,0.9".
    mean, std
        Of red, green and blue, "127.5" or "0.485,0.456,0.406"; see `read_normalization`.
    pad
        The colour beside the picture: "0", "124,116,104" or "mean".
    project
        zylo117's project .yml.
    hparams
        google/automl's hyper-parameters: a .yaml file, "key=value,key=value", or a mapping.
    """

    anchor_scale: Any = None
    aspect_ratios: Any = None
    scales_per_octave: Any = None
    mean: Given | None = None
    std: Given | None = None
    pad: Any = None
    project: str | Path | None = None
    hparams: str | Path | Mapping[str, Any] | None = None


def facts_of_options(options: TrainingOptions, variant: Variant) -> list[Fact]:
    """Convert options to facts, one for each option, with its name as the source.

    Parameters
    ----------
    options
        What the user states.
    variant
        The variant that the checkpoint is read as: anchor_scale has one number or one for each of its
        levels.

    Returns
    -------
    list[Fact]
        In the order of the options.

    Raises
    ------
    InputError
        For values that are not valid, and for files that cannot be read.
    """
    facts = []
    options = _with_lists(options)
    if options.anchor_scale is not None:
        scale = _numbers(options.anchor_scale, "--anchor-scale", "2.0, or one for each level")
        if len(scale) not in (1, len(variant.levels)):
            raise InputError(
                f"--anchor-scale has {len(scale)} numbers: expected one, or {len(variant.levels)}, "
                f"one for each level of {variant.name}"
            )
        facts.append(_fact("--anchor-scale", anchor_scale=scale[0] if len(scale) == 1 else scale))
    if options.scales_per_octave is not None:
        facts.append(
            _fact("--scales-per-octave", anchor_octaves=_octaves(options.scales_per_octave))
        )
    if options.aspect_ratios is not None:
        facts.append(_fact("--aspect-ratios", aspect_ratios=_ratios(options.aspect_ratios)))
    normalization = read_normalization(options.mean, options.std)
    if normalization is not None:
        facts.append(
            Fact("--mean and --std", {"mean": normalization.mean, "std": normalization.std})
        )
    if options.pad is not None:
        colour = "mean" if options.pad == "mean" else _colour(options.pad)
        facts.append(_fact("--pad", pad_rgb=colour))
    if options.project is not None:
        document = _yaml(Path(options.project), "--project")
        facts += _of_file(document, str(options.project), "--project", variant)
    if options.hparams is not None:
        facts += _hparams(options.hparams, variant)
    return facts


def _fact(source: str, **values: object) -> Fact:
    return Fact(source, values)


def _with_lists(options: TrainingOptions) -> TrainingOptions:
    """Convert arrays and their scalars to lists and numbers."""
    changed = {
        field.name: value.tolist()
        for field in dataclasses.fields(options)
        if isinstance(value := getattr(options, field.name), np.ndarray | np.generic)
    }
    return dataclasses.replace(options, **changed)


def _hparams(given: str | Path | Mapping[str, Any], variant: Variant) -> list[Fact]:
    if isinstance(given, Mapping):
        return _of_file(given, "the mapping", "--hparams", variant)
    given = str(given)
    if "=" in given and not Path(given).is_file():
        return _of_file(_key_values(given), given, "--hparams", variant)
    return _of_file(_yaml(Path(given), "--hparams"), given, "--hparams", variant)


def _yaml(path: Path, option: str) -> object:
    """Read the document, class names as they are written: YAML would make `no` False."""
    what = f"{option} {str(path)!r}"
    document = read_yaml(path, what, extra="convert")
    if not isinstance(document, dict) or not {"obj_list", "label_map"} & set(document):
        return document
    texts = read_yaml(path, what, as_text=True, extra="convert")
    assert isinstance(texts, dict)
    names = document.get("label_map")
    if isinstance(names, dict):
        document["label_map"] = dict(zip(names, texts["label_map"].values(), strict=True))
    if "obj_list" in texts:
        document["obj_list"] = texts["obj_list"]
    return document


def _of_file(document: object, name: str, option: str, variant: Variant) -> list[Fact]:
    if not isinstance(document, Mapping):
        raise InputError(f"{option} {name!r} has no keys and values: expected a mapping in YAML")
    try:
        fact = fact_of_config(document, f"{option} {Path(name).name}", variant)
    except CheckpointError as error:
        raise InputError(f"{option} {name!r} {error}") from None
    if fact is None:
        raise InputError(
            f"{option} {name!r} says nothing about anchors, size or normalization: expected keys such "
            "as anchors_scales, anchors_ratios, mean, std (zylo117) or anchor_scale, aspect_ratios, "
            "num_scales, image_size, mean_rgb, stddev_rgb (google/automl)"
        )
    classes = _classes(document)
    return [dataclasses.replace(fact, values={**fact.values, **classes})]


def _classes(document: Mapping[Any, Any]) -> dict[str, object]:
    """Read num_classes of google/automl, or count the names in zylo117's obj_list."""
    count, names = document.get("num_classes"), document.get("obj_list")
    if isinstance(names, list) and names:
        count = len(names)
    return {"num_classes": count} if type(count) is int and count > 0 else {}


def _key_values(text: str) -> dict[str, object]:
    """Read `a=1,b=1.0*2.0` as google/automl hparams_config.py does: * splits a list."""
    found: dict[str, object] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise InputError(
                f"--hparams {text!r}: expected key=value,key=value with lists as 1.0*2.0*0.5, or a "
                f".yaml file; {part!r} is neither"
            )
        found[key.strip()] = (
            [_plain(v) for v in value.split("*")] if "*" in value else _plain(value)
        )
    return found


def _plain(text: str) -> object:
    words = {"true": True, "false": False, "none": None}
    stripped = text.strip().strip("'\"")
    if stripped.lower() in words:
        return words[stripped.lower()]
    try:
        return evaluate(stripped)
    except ValueError:
        return stripped


def _numbers(given: Any, option: str, expected: str) -> tuple[float, ...]:
    try:
        value: Any = evaluate(given) if isinstance(given, str) else given
        parts = list(value) if isinstance(value, list | tuple) else [value]
        numbers = tuple(float(part) for part in parts)
    except (ValueError, TypeError, OverflowError):
        numbers = ()
    if not 1 <= len(numbers) <= MAX_PER_PLACE or not all(LEAST <= n <= MOST for n in numbers):
        raise InputError(
            f"{option} {given!r}: expected numbers from {LEAST:g} to {MOST:g}, such as {expected}"
        )
    return numbers


def _octaves(given: Any) -> tuple[float, ...]:
    option, expected = "--scales-per-octave", "3, or the factors themselves, 0.5,0.7,0.9"
    whole = isinstance(given, int) or (isinstance(given, str) and given.strip().isdigit())
    numbers = _numbers(given, option, expected)
    if not whole:
        return numbers
    if numbers[0] > MAX_PER_PLACE:
        raise InputError(f"{option} {given}: at most {MAX_PER_PLACE}")
    return octaves(int(numbers[0]))


def _ratios(given: Any) -> tuple[tuple[float, float], ...]:
    try:
        if isinstance(given, str):
            text = given.replace(" ", "").lower()
            if "x" in text:
                given_pairs = [[float(n) for n in pair.split("x")] for pair in text.split(",")]
                return pairs(given_pairs)
            value = evaluate(text)
            return pairs(value if isinstance(value, list) else [value])
        return pairs(given)
    except (ValueError, TypeError, OverflowError):
        raise InputError(
            f"--aspect-ratios {given!r}: expected width / height as 1,2,0.5, or pairs of x and y "
            "factors as 1x1,1.4x0.7,0.7x1.4"
        ) from None


def _colour(given: Any) -> tuple[int, int, int]:
    try:
        value: Any = evaluate(given) if isinstance(given, str) else given
        parts = list(value) if isinstance(value, list | tuple) else [value] * 3
        if len(parts) == 3 and all(int(part) == part and 0 <= part <= 255 for part in parts):
            return int(parts[0]), int(parts[1]), int(parts[2])
    except (ValueError, TypeError, OverflowError):
        pass
    raise InputError(
        f"--pad {given!r}: expected 'mean', or whole numbers from 0 to 255, one or three, such as 0 "
        "or 124,116,104"
    )
