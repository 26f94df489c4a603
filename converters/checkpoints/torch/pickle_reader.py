"""A pickle interpreter that can only build plain data and call known constructors.

The standard unpickler imports whatever a file names and allocates whatever its opcodes ask for. Here
globals are looked up in the caller's table, and others become opaque objects that are never run. Memory is
bounded by the length of the stream and the number of opcodes.

Opcodes: CPython Lib/pickletools.py; the subset is what torch.save and protocols 2 to 5 write.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from edge_edet.converters.checkpoints.torch.pickle_objects import Constructor, Opaque, checked_dict
from edge_edet.errors import CheckpointError

__all__ = ["MAX_PICKLE_BYTES", "run_pickle"]

# D7x pickled whole, with Adam's state and averaged weights: 2 MB and 600,000 opcodes. Beyond that lie
# lists of training files in hyper-parameters.
MAX_PICKLE_BYTES = 32 << 20
MAX_OPCODES = 4_000_000
_MAX_INT_BYTES = 64  # states of random generators have 128 bits and more
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
        found = self.known.get((module, name))
        return Opaque(f"{module}.{name}") if found is None else found

    def call(self, target: Any, arguments: Any) -> Any:
        """Call a constructor; an opaque object only keeps the arguments."""
        if isinstance(target, Opaque):
            return target.called(arguments)
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
        target, paired = self.stack[-1], zip(pairs[::2], pairs[1::2], strict=True)
        if isinstance(target, Opaque):
            target.set_items(paired)
        elif type(target) is dict:
            target.update(checked_dict(paired))
        else:
            raise ValueError(f"it sets items of a {type(target).__name__}")

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list and not isinstance(target, Opaque):
            raise ValueError(f"it appends to a {type(target).__name__}")
        target.extend(items)

    def build(self) -> None:
        """Set attributes of an opaque object; those of known types, such as _metadata, are not needed."""
        state = self.pop()
        target = self.stack[-1]
        if isinstance(target, Opaque) and target.origin is not None:
            target.state = state

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def reduce(self) -> Any:
        arguments = self.pop()
        return self.call(self.pop(), arguments)

    def reduce_with_keywords(self) -> Any:
        keywords = self.pop()
        if not isinstance(keywords, dict):
            raise ValueError(f"keyword arguments are a {type(keywords).__name__}")
        return self.reduce()

    def call_marked(self) -> Any:
        """Run OBJ: the class and its arguments are above the mark."""
        target, *arguments = self.popmark()
        return self.call(target, tuple(arguments))

    def stack_global(self) -> Any:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a global without a name")
        return self.find(module, name)

    def last(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise ValueError("its stack is empty")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def run(self) -> Any:
        for _ in range(MAX_OPCODES):
            code = self.take(1)
            if code == b".":
                return self.pop()
            push, act = _PUSH.get(code), _ACT.get(code)
            if push is not None:
                self.stack.append(push(self))
            elif act is not None:
                act(self)
            else:
                raise ValueError(f"opcode {code!r} at byte {self.position - 1} is not for tensors")
        raise CheckpointError(
            f"has a pickle of more than {MAX_OPCODES} opcodes: save the state dict alone, with "
            "torch.save(model.state_dict(), path)"
        )


_PUSH: dict[bytes, Callable[[_Machine], Any]] = {
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"J": lambda m: m.number("<i"),
    b"K": lambda m: m.number("<B"),
    b"M": lambda m: m.number("<H"),
    b"\x8a": lambda m: m.integer(m.number("<B")),
    b"\x8b": lambda m: m.integer(m.number("<I")),
    b"G": lambda m: m.number(">d"),
    b"X": lambda m: m.text("<I"),
    b"\x8c": lambda m: m.text("<B"),
    b"\x8d": lambda m: m.text("<Q"),
    b"T": lambda m: m.take(m.number("<I")).decode("latin-1"),
    b"U": lambda m: m.take(m.number("<B")).decode("latin-1"),
    b"B": lambda m: m.take(m.number("<I")),
    b"C": lambda m: m.take(m.number("<B")),
    b"\x8e": lambda m: m.take(m.number("<Q")),
    b"\x96": lambda m: m.take(m.number("<Q")),  # a bytearray
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
    b"\x92": lambda m: m.reduce_with_keywords(),  # NEWOBJ_EX
    b"i": lambda m: m.call(m.find(m.line(), m.line()), tuple(m.popmark())),  # INST
    b"o": lambda m: m.call_marked(),
    b"2": lambda m: m.stack[-1],
}
_ACT: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": lambda m: m.take(1),  # PROTO
    b"\x95": lambda m: m.take(8),  # FRAME
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"0": lambda m: m.pop(),
    b"1": lambda m: m.popmark(),
    b"q": lambda m: m.remember(m.number("<B")),
    b"r": lambda m: m.remember(m.number("<I")),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"s": lambda m: m.set_items(list(m.last(2))),
    b"u": lambda m: m.set_items(m.popmark()),
    b"a": lambda m: m.extend(list(m.last(1))),
    b"e": lambda m: m.extend(m.popmark()),
    b"\x90": lambda m: m.extend(m.popmark()),  # ADDITEMS
    b"b": lambda m: m.build(),
}


def run_pickle(
    data: bytes,
    known: Mapping[tuple[str, str], Any],
    persistent: Callable[[Any], Any],
    start: int = 0,
) -> tuple[Any, int]:
    """Read one pickle.

    Parameters
    ----------
    data
        The bytes that it is in.
    known
        (module, name) to what that global becomes; all others become opaque objects.
    persistent
        Makes an object of a persistent id.
    start
        The position at which it begins.

    Returns
    -------
    value
        What the pickle holds.
    end : int
        The position after it.

    Raises
    ------
    CheckpointError
        For a malformed stream, and for more than 4,000,000 opcodes.
    """
    machine = _Machine(data, start, known, persistent)
    try:
        return machine.run(), machine.position
    except _MALFORMED as error:
        raise CheckpointError(f"its pickle is malformed or truncated: {error}") from None
