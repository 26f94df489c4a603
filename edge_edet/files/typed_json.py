"""JSON to frozen dataclasses and back: the annotations are the schema.

Supported: str, int, float, bool, None, Any, X | None, tuple[X, ...], tuple[X, Y], dict[str, X], Literal
and dataclasses of these. A float field takes an integer; NaN and infinity are refused. An unknown key
is an error, and so is a missing one unless the field's metadata has `optional`: one line that names
the place.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from edge_edet.errors import InputError

__all__ = ["from_json", "to_json"]

T = TypeVar("T")
NAMES = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
MOST = 2**63 - 1  # of an integer: no size, count or time is larger
DIGITS = 6  # of a float: samples are milliseconds, so this is below what any clock resolves


def to_json(value: Any) -> Any:
    """Convert dataclasses to plain dicts, lists and scalars; floats are rounded to 6 decimals.

    Parameters
    ----------
    value
        A dataclass, or what holds some.

    Returns
    -------
    Any
        What JSON can hold.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: to_json(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {key: to_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(entry) for entry in value]
    if isinstance(value, float):
        return round(value, DIGITS)
    return value


def from_json(kind: type[T], value: object, where: str, **given: Any) -> T:
    """Make a dataclass of parsed JSON.

    Parameters
    ----------
    kind
        The dataclass. A ValueError of its `__post_init__` is raised as an InputError.
    value
        What `json.loads`, or another parser of plain data, returned.
    where
        What messages begin with: the file, and the line in it.
    given
        Fields that do not stand in the document, and must not.

    Returns
    -------
    T
        The dataclass, its nested ones too.

    Raises
    ------
    InputError
        One line, such as `rows.jsonl, line 3: 'asked.threads' must be an integer, but is '4'`.
    """
    result: T = _object(kind, value, where, "", given)
    return result


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _optional(kind: Any) -> frozenset[str]:
    """Fields that came later, with metadata that says so: files from before have their default."""
    return frozenset(f.name for f in dataclasses.fields(kind) if f.metadata.get("optional"))


def _read(kind: Any, value: Any, where: str, path: str) -> Any:
    if kind is Any:
        return _plain(value, where, path)
    if dataclasses.is_dataclass(kind):
        return _object(typing.cast(type, kind), value, where, path)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (kind,) = [one for one in inner if one is not type(None)]
        return _read(kind, value, where, path)
    if origin is typing.Literal:
        if value not in inner or isinstance(value, bool):
            _fail(where, path, f"be one of {', '.join(map(str, inner))}", value)
        return value
    if origin is tuple:
        return _tuple(inner, value, where, path)
    if origin is dict:
        if not isinstance(value, dict):
            _fail(where, path, "be an object", value)
        return {key: _read(inner[1], one, where, _join(path, key)) for key, one in value.items()}
    good = type(value) is kind or (kind is float and type(value) is int)
    if type(value) is int and abs(value) > MOST:
        _fail(where, path, f"be at most {MOST:,}", value)
    if not good or (type(value) is float and not math.isfinite(value)):
        _fail(where, path, f"be {NAMES[kind]}", value)
    return kind(value)


def _object(
    kind: type, value: Any, where: str, path: str, given: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    if not isinstance(value, dict):
        _fail(where, path, "be an object", value)
    optional = _optional(kind)
    hints = {key: hint for key, hint in _hints(kind).items() if key not in given}
    for key in value:
        if key not in hints:
            known = ", ".join(hints)
            raise InputError(f"{where}: unknown key {_join(path, key)!r}: known are {known}")
    for key in hints:
        if key not in value and key not in optional:
            raise InputError(f"{where}: the key {_join(path, key)!r} is missing")
    read = {
        key: _read(hint, value[key], where, _join(path, key))
        for key, hint in hints.items()
        if key in value
    }
    try:
        return kind(**given, **read)
    except ValueError as error:  # of __post_init__: what no single field shows
        raise InputError(f"{where}: {_join(path, str(error))}") from None


def _tuple(inner: tuple[Any, ...], value: Any, where: str, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        _fail(where, path, "be a list", value)
    if inner[-1] is Ellipsis:
        kinds = (inner[0],) * len(value)
    elif len(value) == len(inner):
        kinds = inner
    else:
        _fail(where, path, f"be a list of {len(inner)}", value)
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_read(kind, one, where, f"{path}[{n}]") for n, (kind, one) in pairs)


def _plain(value: Any, where: str, path: str) -> Any:
    """Any JSON, but numbers that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        _fail(where, path, "be a finite number", value)
    if type(value) is int and abs(value) > MOST:
        _fail(where, path, f"be at most {MOST:,}", value)
    if isinstance(value, dict):
        return {key: _plain(one, where, _join(path, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, where, f"{path}[{n}]") for n, one in enumerate(value)]
    return value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _fail(where: str, path: str, must: str, value: object) -> typing.NoReturn:
    try:
        text = repr(value)
    except ValueError:  # of an integer with more digits than Python prints
        text = "a number of thousands of digits"
    short = text if len(text) <= 60 else f"{text[:57]}..."
    place = f"{where}: {path!r}" if path else where
    raise InputError(f"{place} must {must}, but is {short}")
