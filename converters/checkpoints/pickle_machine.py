"""A pickle interpreter that can build plain data and call named constructors, and nothing else.

The standard unpickler imports whatever a file names and allocates what its opcodes ask for. Here
a global is only looked up in the caller's table, memory is bounded by the stream's length, and
dictionary keys are scalars (hashing a deeply nested tuple overflows the C stack).

Opcodes: CPython Lib/pickletools.py; the subset is what torch.save and protocols 2 to 4 write.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_edet.errors import CheckpointError

__all__ = ["MAX_PICKLE_BYTES", "Constructor", "checked_dict", "run_pickle"]

MAX_PICKLE_BYTES = 8 << 20  # a D7x state dict with optimizer state is under 2 MB
_MAX_INT_BYTES = 16
_MALFORMED = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class Constructor:
    """What a global of the pickle stands for; only these are ever called."""

    name: str
    build: Callable[..., Any]


def checked_dict(pairs: Any) -> dict[Any, Any]:
    """A dict of (key, value) pairs whose keys are scalars."""
    result = {}
    for key, value in pairs:
        if not isinstance(key, str | int | float | bytes | None):
            raise ValueError(f"a dictionary key is a {type(key).__name__}")
        result[key] = value
    return result


class _Machine:
    def __init__(
        self,
        data: bytes,
        start: int,
        known: Mapping[tuple[str, str], Any],
        persistent: Callable[[Any], Any],
    ) -> None:
        self.data, self.position = data, start
        self.known, self.persistent = known, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise ValueError("it ends early")
        part = self.data[self.position : end]
        self.position = end
        return part

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def line(self) -> str:
        end = self.data.index(b"\n", self.position)
        part = self.data[self.position : end].decode()
        self.position = end + 1
        return part

    def text(self, layout: str) -> str:
        return self.take(self.number(layout)).decode("utf-8", "surrogatepass")

    def pop(self) -> Any:
        return self.stack.pop()

    def popmark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def find(self, module: str, name: str) -> Any:
        try:
            return self.known[module, name]
        except KeyError:
            raise CheckpointError(
                f"refuses the global {module[:80]}.{name[:80]}: only tensors are read from a "
                "pickle and nothing is executed; save the state dict alone, with "
                "torch.save(model.state_dict(), path)"
            ) from None

    def call(self, target: Any, arguments: Any) -> Any:
        if not isinstance(target, Constructor) or not isinstance(arguments, tuple):
            raise ValueError(f"it calls a {type(target).__name__}")
        return target.build(*arguments)

    def integer(self, size: int) -> int:
        if size > _MAX_INT_BYTES:
            raise ValueError(f"an integer has {size} bytes")
        return int.from_bytes(self.take(size), "little", signed=True)

    def set_items(self, pairs: list[Any]) -> None:
        if len(pairs) % 2:
            raise ValueError("a dictionary has a key without a value")
        target = self.stack[-1]
        if type(target) is not dict:
            raise ValueError(f"it sets items of a {type(target).__name__}")
        target.update(checked_dict(zip(pairs[::2], pairs[1::2], strict=True)))

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ValueError(f"it appends to a {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(items)

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def reduce(self) -> Any:
        arguments = self.pop()
        return self.call(self.pop(), arguments)

    def stack_global(self) -> Any:
        name = self.pop()
        return self.find(str(self.pop()), str(name))

    def last(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise ValueError("its stack is empty")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def run(self) -> Any:
        while True:
            code = self.take(1)
            if code == b".":
                return self.pop()
            if code == b"i":  # INST calls what it names
                self.find(self.line(), self.line())
            push, act = _PUSH.get(code), _ACT.get(code)
            if push is not None:
                self.stack.append(push(self))
            elif act is not None:
                act(self)
            else:
                raise ValueError(f"opcode {code!r} at byte {self.position - 1} is not for tensors")


_PUSH: dict[bytes, Callable[[_Machine], Any]] = {
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"J": lambda m: m.number("<i"),
    b"K": lambda m: m.number("<B"),
    b"M": lambda m: m.number("<H"),
    b"\x8a": lambda m: m.integer(m.number("<B")),
    b"G": lambda m: m.number(">d"),
    b"X": lambda m: m.text("<I"),
    b"\x8c": lambda m: m.text("<B"),
    b"T": lambda m: m.take(m.number("<I")).decode("latin-1"),
    b"U": lambda m: m.take(m.number("<B")).decode("latin-1"),
    b"B": lambda m: m.take(m.number("<I")),
    b"C": lambda m: m.take(m.number("<B")),
    b"}": lambda m: {},
    b"]": lambda m: [],
    b"\x8f": lambda m: [],  # a set; its members may be unhashable here
    b")": lambda m: (),
    b"t": lambda m: tuple(m.popmark()),
    b"l": lambda m: m.popmark(),
    b"\x91": lambda m: m.popmark(),  # a frozenset
    b"d": lambda m: checked_dict(zip(*[iter(m.popmark())] * 2, strict=True)),
    b"\x85": lambda m: m.last(1),
    b"\x86": lambda m: m.last(2),
    b"\x87": lambda m: m.last(3),
    b"h": lambda m: m.memo[m.number("<B")],
    b"j": lambda m: m.memo[m.number("<I")],
    b"c": lambda m: m.find(m.line(), m.line()),
    b"\x93": lambda m: m.stack_global(),
    b"Q": lambda m: m.persistent(m.pop()),
    b"R": lambda m: m.reduce(),
    b"\x81": lambda m: m.reduce(),  # NEWOBJ: cls.__new__(cls, *args)
}
_ACT: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": lambda m: m.take(1),  # PROTO
    b"\x95": lambda m: m.take(8),  # FRAME
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"0": lambda m: m.pop(),
    b"q": lambda m: m.remember(m.number("<B")),
    b"r": lambda m: m.remember(m.number("<I")),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"s": lambda m: m.set_items(list(m.last(2))),
    b"u": lambda m: m.set_items(m.popmark()),
    b"a": lambda m: m.extend(list(m.last(1))),
    b"e": lambda m: m.extend(m.popmark()),
    b"\x90": lambda m: m.extend(m.popmark()),  # ADDITEMS
    b"b": lambda m: m.pop(),  # BUILD: attributes such as _metadata are not needed
}


def run_pickle(
    data: bytes,
    known: Mapping[tuple[str, str], Any],
    persistent: Callable[[Any], Any],
    start: int = 0,
) -> tuple[Any, int]:
    """The value of the pickle at data[start:] and the position after it.

    known maps (module, name) to what that global becomes; persistent turns a persistent id into
    an object. Raises CheckpointError for a global that is not in known and for a malformed stream.
    """
    machine = _Machine(data, start, known, persistent)
    try:
        return machine.run(), machine.position
    except _MALFORMED as error:
        raise CheckpointError(f"its pickle is malformed or truncated: {error}") from None
