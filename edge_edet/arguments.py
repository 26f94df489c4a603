"""Arguments of Python callers, checked where they come in: a wrong type is one of our errors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edge_edet.errors import InputError

__all__ = ["as_path", "check_kind", "check_seed", "shown"]

MAX_SHOWN = 60


def as_path(value: object, name: str = "the path") -> Path:
    """Raises InputError for what is no text, Path or other os.PathLike of text."""
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
    """Raises InputError where the value is of another type. none: None is taken too."""
    if (value is None and none) or isinstance(value, kind):
        return
    raise InputError(f"{name} must be {expected}, but got {shown(value)}")


def check_seed(seed: object) -> None:
    """Raises InputError for what numpy's generators do not take, or takes minutes to print."""
    if type(seed) is not int or not 0 <= seed < 2**64:
        raise InputError(f"the seed must be an integer from 0 to 2^64 - 1, but got {shown(seed)}")


def shown(value: Any) -> str:
    """The value, and its type where it is none that people write."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a class of the caller's may do anything; a number may have too many digits
        text = ""
    short = text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."
    kind = type(value).__name__
    return short if isinstance(value, (int, float, str)) and short else f"{kind} {short}".rstrip()
