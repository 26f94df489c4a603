"""Reads a FlexBuffer that is a map of numbers, as the options of a custom operator are.

Source: flatbuffers' docs/source/flexbuffers.md. The last two bytes are the root's type and width;
a map's values lie at its offset, before them its size, its keys' width and their offset.
"""

from __future__ import annotations

import struct

from edge_edet.errors import ModelFileError

__all__ = ["read_numbers"]

INT, UINT, FLOAT, INDIRECT_INT, INDIRECT_UINT, INDIRECT_FLOAT, MAP, BOOL = 1, 2, 3, 6, 7, 8, 9, 26
_FORMATS = {
    (INT, 1): "b",
    (INT, 2): "h",
    (INT, 4): "i",
    (INT, 8): "q",
    (UINT, 1): "B",
    (UINT, 2): "H",
    (UINT, 4): "I",
    (UINT, 8): "Q",
    (FLOAT, 2): "e",
    (FLOAT, 4): "f",
    (FLOAT, 8): "d",
}
_DIRECT = {INDIRECT_INT: INT, INDIRECT_UINT: UINT, INDIRECT_FLOAT: FLOAT}
MAX_ENTRIES = 1000


def read_numbers(data: bytes, what: str) -> dict[str, float]:
    """Return key -> number of the map; other values are left out.

    Parameters
    ----------
    data
        A FlexBuffer whose root is a map.
    what
        How messages name it.

    Returns
    -------
    dict[str, float]
        Number by key.

    Raises
    ------
    ModelFileError
        If it is damaged, or no map.
    """
    try:
        return _map(data)
    except (IndexError, struct.error, KeyError, UnicodeDecodeError, ValueError):
        raise ModelFileError(f"{what} are damaged: expected a FlexBuffer map") from None


def _map(data: bytes) -> dict[str, float]:
    kind, width = data[-2], data[-1]
    if kind >> 2 != MAP:
        raise ValueError(kind)
    at = _behind(data, len(data) - 2 - width, width)
    width = 1 << (kind & 3)
    size = _unsigned(data, at - width, width)
    if size > MAX_ENTRIES:
        raise ValueError(size)
    keys = _behind(data, at - 3 * width, width)
    key_width = _unsigned(data, at - 2 * width, width)
    if key_width not in (1, 2, 4, 8) or _unsigned(data, keys - key_width, key_width) != size:
        raise ValueError(key_width)
    found: dict[str, float] = {}
    before = ""
    for index in range(size):
        start = _behind(data, keys + index * key_width, key_width)
        key = data[start : data.index(0, start)].decode()
        if index and key <= before:  # readers search for a key, which needs their order
            raise ValueError(key)
        before = key
        packed = data[at + size * width + index]
        value = _number(data, at + index * width, width, packed)
        if value is not None:
            found[key] = value
    return found


def _number(data: bytes, at: int, width: int, packed: int) -> float | None:
    kind = packed >> 2
    if kind in _DIRECT:
        return _read(data, _behind(data, at, width), 1 << (packed & 3), _DIRECT[kind])
    if kind == BOOL:
        return bool(_unsigned(data, at, width))
    return _read(data, at, width, kind) if kind in (INT, UINT, FLOAT) else None


def _read(data: bytes, at: int, width: int, kind: int) -> float:
    if at < 0:
        raise IndexError(at)
    (value,) = struct.unpack_from("<" + _FORMATS[kind, width], data, at)
    return value  # type: ignore[no-any-return]


def _unsigned(data: bytes, at: int, width: int) -> int:
    return int(_read(data, at, width, UINT))


def _behind(data: bytes, at: int, width: int) -> int:
    """Where an offset at `at` leads: they count backwards."""
    target = at - _unsigned(data, at, width)
    if target < 0:
        raise IndexError(target)
    return target
