"""Mean and standard deviation of a model's input, as people give them: `--mean 127.5 --std 127.5`.

A channel's value v from 0 to 255 becomes (v - mean) / std. Papers and frameworks give the two on
that scale or, as torchvision does (0.485,0.456,0.406 and 0.229,0.224,0.225), for v / 255. No model
divides values from 0 to 255 by less than 1, so the standard deviations tell the scales apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from edge_edet.errors import InputError

__all__ = ["Channels", "Given", "Normalization", "read_normalization", "shown"]

Channels: TypeAlias = tuple[float, float, float]
Given: TypeAlias = "str | float | Sequence[float]"

LARGEST = 255.0


@dataclass(frozen=True)
class Normalization:
    """Red, green and blue on the 0-255 scale: a value v becomes (v - mean) / std.

    Attributes
    ----------
    mean
        Red, green, blue, on the 0-255 scale.
    std
        Red, green, blue, on the 0-255 scale.
    """

    mean: Channels
    std: Channels

    def __str__(self) -> str:
        return f"mean {shown(self.mean)} std {shown(self.std)}"


def read_normalization(mean: Given | None, std: Given | None) -> Normalization | None:
    """Read mean and standard deviation as people give them.

    Parameters
    ----------
    mean, std
        One number, three (red, green, blue), or their text ("127.5", "123.7,116.3,103.5"). Where every std is
        below 1, both are on the 0-1 scale and are multiplied by 255.

    Returns
    -------
    Normalization or None
        None where neither is given.

    Raises
    ------
    InputError
        One without the other, a text that is no number, another count than 1 or 3, a mean outside of 0 to
        255, a std that is not positive, or two that are on different scales.
    """
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        missing, there = ("mean", "std") if mean is None else ("std", "mean")
        raise InputError(f"--{there} is given without --{missing}: give both, or neither")
    means, stds = _three(mean, "mean"), _three(std, "std")
    if not all(value > 0 for value in stds):
        raise InputError(f"--std must be positive, but got {shown(stds)}")
    if all(value < 1 for value in stds):
        if max(means) > 1:
            raise InputError(
                f"--std {shown(stds)} is on the 0-1 scale and --mean {shown(means)} is not: give "
                "both on one scale, such as --mean 127.5 --std 127.5 or --mean 0.5 --std 0.5"
            )
        means, stds = _times_255(means), _times_255(stds)
    elif min(stds) < 1 or 0 < max(means) < 1:
        raise InputError(
            f"--mean {shown(means)} and --std {shown(stds)} mix the 0-1 and the 0-255 scale: give "
            "all values on one of them"
        )
    if not all(0 <= value <= LARGEST for value in means):
        raise InputError(f"--mean must be from 0 to 255, but got {shown(means)}")
    return Normalization(means, stds)


def shown(values: Sequence[float]) -> str:
    """Return the numbers as an option takes them: one where all are equal.

    Parameters
    ----------
    values
        One for each channel.

    Returns
    -------
    str
        Numbers with commas between them.
    """
    numbers = [f"{value:.6g}" for value in values]
    return numbers[0] if len(set(numbers)) == 1 else ",".join(numbers)


def _three(given: Given, name: str) -> Channels:
    parts = given.split(",") if isinstance(given, str) else _listed(given)
    try:
        numbers = [float(part) for part in parts if not isinstance(part, bool)]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    good = len(numbers) == len(parts) and all(math.isfinite(number) for number in numbers)
    if not good or len(numbers) not in (1, 3):
        raise InputError(
            f"--{name} must be one number or three, for red, green and blue, such as 127.5 or "
            f"123.7,116.3,103.5, but got {given!r}"
        )
    red, green, blue = numbers if len(numbers) == 3 else numbers * 3
    return red, green, blue


def _listed(given: Any) -> list[Any]:
    """Return a number alone, and the items of tuples, lists and arrays."""
    try:
        return list(given)
    except TypeError:
        return [given]


def _times_255(values: Channels) -> Channels:
    red, green, blue = (value * LARGEST for value in values)
    return red, green, blue
