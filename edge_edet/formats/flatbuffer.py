"""Reads flatbuffers from untrusted bytes: every offset is checked before it is followed.

The layout is that of https://flatbuffers.dev/internals: a table starts with the signed distance
back to its vtable, which holds the offset of each field; strings and vectors start with a length.
"""

from __future__ import annotations

import struct
from typing import NoReturn

from edge_edet.errors import ModelFileError

__all__ = ["Buffer", "Table"]

_FORMATS = {name: struct.Struct("<" + name) for name in "bBhHiIqQf"}


class Buffer:
    """The bytes of one flatbuffer, and the name that its error messages give it."""

    def __init__(self, data: bytes | memoryview, what: str):
        self.data = memoryview(data)
        self.what = what

    def fail(self, reason: str) -> NoReturn:
        """Raise ModelFileError: the file is damaged."""
        raise ModelFileError(
            f"{self.what} is damaged: {reason}; copy the file again from where it was converted"
        )

    def unpack(self, fmt: str, pos: int) -> int | float:
        """Read one number; fmt: its code in `struct`, little endian."""
        number = _FORMATS[fmt]
        if pos < 0 or pos + number.size > len(self.data):
            self.fail(f"offset {pos} lies outside of its {len(self.data)} bytes")
        value: int | float = number.unpack_from(self.data, pos)[0]
        return value

    def unsigned(self, pos: int) -> int:
        """Read a uint32."""
        return int(self.unpack("I", pos))

    def follow(self, pos: int) -> int:
        """Return the position that the offset stored at pos points to."""
        offset = self.unsigned(pos)
        if offset == 0:
            self.fail(f"the offset at {pos} is null")
        target = pos + offset
        if target + 4 > len(self.data):
            self.fail(f"the offset at {pos} points outside of its {len(self.data)} bytes")
        return target

    def vector(self, pos: int, item_size: int) -> tuple[int, int]:
        """Return position of the first item and number of items of the vector whose offset is at pos."""
        start = self.follow(pos)
        count = self.unsigned(start)
        if start + 4 + count * item_size > len(self.data):
            self.fail(f"the vector at {start} with {count} items runs past its end")
        return start + 4, count

    def root(self) -> Table:
        """Return the root table."""
        return Table(self, self.follow(0))


class Table:
    """One table. Fields are read by their number in the schema; an absent one gives the default."""

    __slots__ = ("_fields", "_pos", "_size", "buffer")

    def __init__(self, buffer: Buffer, pos: int):
        vtable = pos - int(buffer.unpack("i", pos))
        vtable_bytes = int(buffer.unpack("H", vtable)) if vtable >= 0 else 0
        size = int(buffer.unpack("H", vtable + 2)) if vtable >= 0 else 0
        fits = vtable + vtable_bytes <= len(buffer.data) and pos + size <= len(buffer.data)
        if vtable < 0 or vtable_bytes < 4 or vtable_bytes % 2 or size < 4 or not fits:
            buffer.fail(f"the table at {pos} has no valid layout")
        count = (vtable_bytes - 4) // 2
        self._fields: tuple[int, ...] = struct.unpack_from(f"<{count}H", buffer.data, vtable + 4)
        if any(offset and not 4 <= offset < size for offset in self._fields):
            buffer.fail(f"the table at {pos} has a field outside of its {size} bytes")
        self._pos = pos
        self._size = size
        self.buffer = buffer

    def _at(self, field: int, size: int) -> int:
        """Position of the field in the buffer, 0 where absent."""
        if field >= len(self._fields) or not self._fields[field]:
            return 0
        offset = self._fields[field]
        if offset + size > self._size:
            self.buffer.fail(f"field {field} of the table at {self._pos} runs past its end")
        return self._pos + offset

    def has(self, field: int) -> bool:
        """Return whether the field is present."""
        return bool(self._at(field, 1))

    def integer(self, field: int, fmt: str, default: int = 0) -> int:
        """Read an integer; fmt: its code in `struct`."""
        pos = self._at(field, _FORMATS[fmt].size)
        return int(self.buffer.unpack(fmt, pos)) if pos else default

    def scalar(self, field: int, default: float = 0.0) -> float:
        """Read a float32."""
        pos = self._at(field, 4)
        return float(self.buffer.unpack("f", pos)) if pos else default

    def table(self, field: int) -> Table | None:
        """Read a table, None where it is absent."""
        pos = self._at(field, 4)
        return Table(self.buffer, self.buffer.follow(pos)) if pos else None

    def tables(self, field: int) -> list[Table]:
        """Read a vector of tables, empty where it is absent."""
        pos = self._at(field, 4)
        if not pos:
            return []
        start, count = self.buffer.vector(pos, 4)
        buffer = self.buffer
        return [Table(buffer, buffer.follow(start + 4 * i)) for i in range(count)]

    def raw(self, field: int, item_size: int = 1) -> memoryview:
        """Return the bytes of a vector of scalars, not copied; empty where it is absent."""
        pos = self._at(field, 4)
        if not pos:
            return self.buffer.data[:0]
        start, count = self.buffer.vector(pos, item_size)
        return self.buffer.data[start : start + count * item_size]

    def inline(self) -> tuple[tuple[int, ...], bytes]:
        """Return the offset of each field, 0 where absent, and the bytes that they are relative to."""
        return self._fields, bytes(self.buffer.data[self._pos : self._pos + self._size])

    def span(self, field: int) -> tuple[int, int]:
        """Return position and size of a vector of bytes; (0, 0) where it is absent."""
        pos = self._at(field, 4)
        return self.buffer.vector(pos, 1) if pos else (0, 0)

    def integers(self, field: int, fmt: str = "i") -> tuple[int, ...]:
        """Read a vector of integers; fmt: the code of one in `struct`."""
        size = _FORMATS[fmt].size
        data = self.raw(field, size)
        return struct.unpack(f"<{len(data) // size}{fmt}", data)

    def floats(self, field: int) -> tuple[float, ...]:
        """Read a vector of float32."""
        data = self.raw(field, 4)
        return struct.unpack(f"<{len(data) // 4}f", data)

    def string(self, field: int, default: str = "") -> str:
        """Read a string."""
        pos = self._at(field, 4)
        if not pos:
            return default
        start, count = self.buffer.vector(pos, 1)
        end = start + count
        if end >= len(self.buffer.data) or self.buffer.data[end] != 0:
            self.buffer.fail(f"the string at {start} does not end in a zero byte")
        try:
            return str(self.buffer.data[start:end], "utf-8")
        except UnicodeDecodeError:
            self.buffer.fail(f"the string at {start} is not UTF-8")
