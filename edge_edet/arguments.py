"""Check the arguments of Python callers: a wrong type raises one of our errors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edge_edet.errors import InputError

__all__ = ["as_path", "check_kind", "check_seed", "shown"]

MAX_SHOWN = 60


def as_path(value: object, name: str = "the path") -> Path:
    """Convert a text, Path or other os.PathLike of text to a Path. Raises InputError for others."""
    try:
        text = os.fspath(value)  # type: ignore[call-overload]
    except TypeError:
        text = None
    if not isinstance(text, str):
        raise InputError(f"{name} must be a text or a Path, but got {shown(value)}")
    return Path(text)


def check_kind(
    value: object, kind: type | tuple[type, ...], name: str, expected: str, *, none: bool = False
) -> None:
    """Refuse a value of another type with InputError; none: None is accepted too."""
    if (value is None and none) or isinstance(value, kind):
        return
    raise InputError(f"{name} must be {expected}, but got {shown(value)}")


def check_seed(seed: object) -> None:
    """Refuse with InputError a seed that numpy's generators do not take, or that is too long to print."""
    if type(seed) is not int or not 0 <= seed < 2**64:
        raise InputError(f"the seed must be an integer from 0 to 2^64 - 1, but got {shown(seed)}")


def shown(value: Any) -> str:
    """Return the value as text for a message, with its type unless it is a number or a text."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a class of the caller's may do anything; a number may have too many digits
        text = ""
    short = text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."
    kind = type(value).__name__
    return short if isinstance(value, (int, float, str)) and short else f"{kind} {short}".rstrip()
