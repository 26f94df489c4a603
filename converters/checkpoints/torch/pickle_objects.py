"""What the globals of a pickle become: known constructors, and opaque objects for all others.

Nothing that a file names is imported or called. An object of an unknown class keeps what the pickle puts
into it (arguments, items, state), so that the plain data in it can be read.
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
    """A known global of a pickle; only these are ever called."""

    name: str
    build: Callable[..., Any]


class Opaque:
    """An unknown class or function, or an object that one made; equal to itself only.

    Attributes
    ----------
    name
        Of the class or function, with its module.
    origin
        The class or function that made the object; None: it is the class or function.
    arguments
        Those that it was made with.
    items
        What was set as in a dictionary; None: nothing.
    elements
        What was appended; None: nothing.
    state
        What was given to `__setstate__`; None: nothing.
    """

    __slots__ = ("arguments", "elements", "items", "name", "origin", "state")

    def __init__(self, name: str, origin: Opaque | None = None, arguments: Any = ()) -> None:
        self.name, self.origin, self.arguments = name, origin, arguments
        self.items: dict[Any, Any] | None = None
        self.elements: list[Any] | None = None
        self.state: Any = None

    def called(self, arguments: Any) -> Opaque:
        """Make the object that a call would make, without calling anything."""
        return Opaque(self.name, self, arguments)

    def set_items(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Set items as of a dictionary; raises ValueError as `checked_dict`."""
        if self.items is None:
            self.items = {}
        self.items.update(checked_dict(pairs))

    def extend(self, values: list[Any]) -> None:
        """Append elements as to a list."""
        if self.elements is None:
            self.elements = []
        self.elements.extend(values)


def checked_dict(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Make a dictionary of the pairs whose keys are scalars.

    Tuples and objects as keys are left out: hashing a deeply nested tuple overflows the C stack.

    Raises
    ------
    ValueError
        For keys that no dictionary can have.
    """
    result = {}
    for key, value in pairs:
        if isinstance(key, str | int | float | bytes | None):
            result[key] = value
        elif isinstance(key, dict | list | bytearray):
            raise ValueError(f"a dictionary key is a {type(key).__name__}")
    return result


def contents(value: Any) -> dict[Any, Any] | None:
    """Find the dictionary that a value is or holds; None: there is none.

    For subclasses of dict these are the items, for other objects the attributes: `__setstate__` gets a
    dictionary, or a pair of one and another for slots (CPython Doc/library/pickle.rst,
    object.__getstate__).
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
    """Check whether these are the attributes of a torch.nn.Module."""
    return all(isinstance(held.get(key), dict) for key in ("_parameters", "_buffers", "_modules"))


def listed(value: Any) -> Sequence[Any] | None:
    """Find the elements of a list, tuple, set, deque or list-like object; None: it has none."""
    if isinstance(value, list | tuple):
        return value
    if not isinstance(value, Opaque):
        return None
    if value.origin is not None and value.name in _FROM_LIST and isinstance(value.arguments, tuple):
        given = value.arguments[0] if value.arguments else ()
        return given if isinstance(given, list | tuple) and given else value.elements or ()
    return value.elements
