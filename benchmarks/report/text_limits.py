"""Cut long texts of rows before they are drawn, and mark where.

Rows may come from anyone; a name of a megabyte would be repeated in every label, title and cell of the
page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["LONGEST", "cut_texts"]

LONGEST = 200  # characters: four lines of the page; file names have 255 bytes at most
MARK = "..."
T = TypeVar("T")


def cut_texts(value: T) -> T:
    """Return the value with every text in it cut to at most 200 characters.

    Dataclasses, tuples, lists and mappings are searched; a value without long texts is returned as it
    is.

    Parameters
    ----------
    value
        Of any type.

    Returns
    -------
    T
        Of the same type.
    """
    found: Any = value
    if isinstance(value, str):
        found = value if len(value) <= LONGEST else value[: LONGEST - len(MARK)] + MARK
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        changed = {name: cut for name, old in fields.items() if (cut := cut_texts(old)) is not old}
        found = dataclasses.replace(value, **changed) if changed else value
    elif isinstance(value, tuple | list):
        parts = [cut_texts(part) for part in value]
        if any(new is not old for new, old in zip(parts, value, strict=True)):
            found = type(value)(parts)
    elif isinstance(value, Mapping):
        pairs = {cut_texts(key): cut_texts(part) for key, part in value.items()}
        same = all(pairs.get(key) is part for key, part in value.items())
        found = value if same else pairs
    return found  # type: ignore[no-any-return]
