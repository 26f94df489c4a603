"""What a pickle's globals become: constructors that we know, and opaque objects for all others.

Nothing that a file names is imported or called. An object of a class that is not known keeps what the
pickle puts into it (arguments, items, state), so that plain data in it can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Constructor", "Opaque", "checked_dict", "contents", "is_module", "listed"]


# Made by a call with a list up to protocol 3 (builtins is __builtin__ in protocol 2)
_FROM_LIST = frozenset(
    f"{module}.{name}"
    for module in ("builtins", "__builtin__")
    for name in ("set", "frozenset", "list", "tuple")
) | {"collections.deque"}


@dataclass(frozen=True)
class Constructor:
    """What a known global of the pickle stands for; only these are ever called."""

    name: str
    build: Callable[..., Any]


class Opaque:
    """A class or function that is not known, or an object of one, equal to itself only.

    origin: None for a class, else the class or function that made it. arguments: those that it was made
    with; items: what was set as in a dictionary; elements: what was appended; state: what was given to
    `__setstate__`.
    """

    __slots__ = ("arguments", "elements", "items", "name", "origin", "state")

    def __init__(self, name: str, origin: Opaque | None = None, arguments: Any = ()) -> None:
        self.name, self.origin, self.arguments = name, origin, arguments
        self.items: dict[Any, Any] | None = None
        self.elements: list[Any] | None = None
        self.state: Any = None

    def called(self, arguments: Any) -> Opaque:
        return Opaque(self.name, self, arguments)

    def set_items(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        if self.items is None:
            self.items = {}
        self.items.update(checked_dict(pairs))

    def extend(self, values: list[Any]) -> None:
        if self.elements is None:
            self.elements = []
        self.elements.extend(values)


def checked_dict(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A dict of those (key, value) pairs whose keys are scalars.

    Tuples and objects as keys are left out: hashing a deeply nested tuple overflows the C stack.
    Raises ValueError for keys that no dictionary has.
    """
    result = {}
    for key, value in pairs:
        if isinstance(key, str | int | float | bytes | None):
            result[key] = value
        elif isinstance(key, dict | list | bytearray):
            raise ValueError(f"a dictionary key is a {type(key).__name__}")
    return result


def contents(value: Any) -> dict[Any, Any] | None:
    """The dictionary that value is or holds; None: it is or holds none.

    Of subclasses of dict the items, of other objects the attributes: `__setstate__` is given a dictionary,
    or a pair of one and the slots' (CPython Doc/library/pickle.rst, object.__getstate__).
    """
    if isinstance(value, dict):
        return value
    if not isinstance(value, Opaque) or value.origin is None:
        return None
    if value.items is not None:
        return value.items
    if isinstance(value.state, tuple) and len(value.state) == 2:  # merged once: it may be large
        both = [state for state in value.state if isinstance(state, dict)]
        value.state = {key: part for state in both for key, part in state.items()} if both else None
    if isinstance(value.state, dict):
        return value.state
    given = value.arguments if isinstance(value.arguments, tuple) else ()
    return given[0] if len(given) == 1 and isinstance(given[0], dict) else None  # a Counter


def is_module(held: Mapping[Any, Any]) -> bool:
    """Whether these are the attributes of a torch.nn.Module."""
    return all(isinstance(held.get(key), dict) for key in ("_parameters", "_buffers", "_modules"))


def listed(value: Any) -> Sequence[Any] | None:
    """The elements of a list, tuple, set or deque, or of an object that elements were appended to."""
    if isinstance(value, list | tuple):
        return value
    if not isinstance(value, Opaque):
        return None
    if value.origin is not None and value.name in _FROM_LIST and isinstance(value.arguments, tuple):
        given = value.arguments[0] if value.arguments else ()
        return given if isinstance(given, list | tuple) and given else value.elements or ()
    return value.elements
