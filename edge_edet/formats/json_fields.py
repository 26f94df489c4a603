"""Read an untrusted JSON object key by key; an error names the key, the value, what was expected.

`edge_edet.files.from_json` reads whole dataclasses. This is for the manifest, which has ranges for its
numbers, keys of two types, and keys of later versions that are kept.
"""

from __future__ import annotations

import builtins
import math
from typing import Any, NoReturn

from edge_edet.errors import ModelFileError

__all__ = ["Fields"]


class Fields:
    """One JSON object. Each method returns the key's value, or raises ModelFileError.

    Parameters
    ----------
    document
        What `json.loads` returned.
    what
        How messages name it.
    """

    def __init__(self, document: object, what: str):
        if not isinstance(document, dict):
            raise ModelFileError(f"{what} must be a JSON object, but is {_short(document)}")
        self.document: dict[str, Any] = document
        self._what = what
        self._read: set[str] = set()

    def fail(self, key: str, must: str, value: object) -> NoReturn:
        """Raise ModelFileError for a key: what it must be, and what it is.

        Parameters
        ----------
        key
            The key at fault.
        must
            What it must be, after "must".
        value
            What it is.

        Raises
        ------
        ModelFileError
            Always.
        """
        raise ModelFileError(f"{self._what}: {key!r} must {must}, but is {_short(value)}")

    def rest(self, *known: str) -> dict[str, Any]:
        """Return the entries that were not read so far, without those with a known key.

        Parameters
        ----------
        known
            Keys that are left out.

        Returns
        -------
        dict[str, Any]
            Value by key.
        """
        skipped = self._read.union(known)
        return {key: value for key, value in self.document.items() if key not in skipped}

    def _get(self, key: str) -> Any:
        self._read.add(key)
        if key not in self.document:
            raise ModelFileError(f"{self._what}: the key {key!r} is missing")
        return self.document[key]

    def has(self, key: str) -> bool:
        """Return whether an optional key is present.

        Parameters
        ----------
        key
            Of the object.

        Returns
        -------
        bool
            Whether it is there, as null too.
        """
        return key in self.document

    def string(self, key: str) -> str:
        """Read a string that is not empty.

        Parameters
        ----------
        key
            Of the object.

        Returns
        -------
        str
            The text.
        """
        value = self._get(key)
        if not isinstance(value, str) or not value:
            self.fail(key, "be a string that is not empty", value)
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Read one of the choices.

        Parameters
        ----------
        key
            Of the object.
        choices
            The texts that are allowed.

        Returns
        -------
        str
            One of them.
        """
        value = self._get(key)
        if value not in choices:
            self.fail(key, f"be one of {', '.join(choices)}", value)
        return str(value)

    def boolean(self, key: str) -> bool:
        """Read true or false.

        Parameters
        ----------
        key
            Of the object.

        Returns
        -------
        bool
            The value.
        """
        value = self._get(key)
        if not isinstance(value, bool):
            self.fail(key, "be true or false", value)
        return value

    def integer(self, key: str, least: int = -(2**31), most: int = 2**31) -> int:
        """Read an integer from least to most.

        Parameters
        ----------
        key
            Of the object.
        least
            The smallest that is allowed.
        most
            The largest that is allowed.

        Returns
        -------
        int
            The value.
        """
        value = self._get(key)
        if type(value) is not int or not least <= value <= most:
            self.fail(key, f"be an integer from {least} to {most}", value)
        return int(value)

    def number(self, key: str, least: float, most: float) -> float:
        """Read a number from least to most.

        Parameters
        ----------
        key
            Of the object.
        least
            The smallest that is allowed.
        most
            The largest that is allowed.

        Returns
        -------
        float
            The value.
        """
        value = self._get(key)
        if type(value) not in (int, float) or not least <= value <= most:
            self.fail(key, f"be a number from {least:g} to {most:g}", value)
        return float(value)

    def list(self, key: str) -> builtins.list[Any]:
        """Read a list of anything.

        Parameters
        ----------
        key
            Of the object.

        Returns
        -------
        builtins.list[Any]
            The list, unchecked.
        """
        value = self._get(key)
        if not isinstance(value, list):
            self.fail(key, "be a list", value)
        return value

    def integers(self, key: str) -> tuple[int, ...]:
        """Read a list of integers.

        Parameters
        ----------
        key
            Of the object.

        Returns
        -------
        tuple[int, ...]
            The integers.
        """
        values = self.list(key)
        if not all(type(value) is int for value in values):
            self.fail(key, "be a list of integers", values)
        return tuple(values)

    def floats_of(self, values: object, count: int) -> tuple[float, ...]:
        """Convert a list that was read already to so many numbers.

        Parameters
        ----------
        values
            The list.
        count
            How many numbers it must have.

        Returns
        -------
        tuple[float, ...]
            The numbers.

        Raises
        ------
        ModelFileError
            For anything else.
        """
        good = isinstance(values, list) and len(values) == count
        if not good or not all(_is_number(v) for v in values):  # type: ignore[attr-defined]
            raise ModelFileError(
                f"{self._what}: expected a list of {count} numbers, but found {_short(values)}"
            )
        return tuple(float(v) for v in values)  # type: ignore[attr-defined]

    def object(self, key: str) -> Fields:
        """Read an object.

        Parameters
        ----------
        key
            Of the object.

        Returns
        -------
        Fields
            The object below that key.
        """
        value = self._get(key)
        if not isinstance(value, dict):
            self.fail(key, "be an object", value)
        return Fields(value, f"{self._what}, {key!r}")


def _is_number(value: object) -> bool:
    if type(value) is int:
        return abs(value) < 2**53
    return type(value) is float and math.isfinite(value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
