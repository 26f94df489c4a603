"""The wire format of protocol buffers: varints and tagged fields, no schema."""

from __future__ import annotations

from collections.abc import Iterator

from edge_edet.errors import EdgeEdetError, ModelFileError

__all__ = ["fields", "signed", "varint"]


def varint(
    data: bytes | memoryview, position: int, error: type[EdgeEdetError] = ModelFileError
) -> tuple[int, int]:
    """Return the base-128 number at a position, and the position after it."""
    value = shift = 0
    while shift < 64:
        if position >= len(data):
            raise error("is truncated or damaged: a number ends early")
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), position
        shift += 7
    raise error("is damaged: a number has more than 64 bits")


def signed(value: int) -> int:
    """Convert a varint to an int64."""
    return value - 2**64 if value >= 2**63 else value


def fields(
    data: memoryview, error: type[EdgeEdetError] = ModelFileError
) -> Iterator[tuple[int, int | memoryview]]:
    """Yield field number, and number or part of data, of each field of one message."""
    position = 0
    while position < len(data):
        tag, position = varint(data, position, error)
        kind = tag & 7
        if kind == 0:
            value, position = varint(data, position, error)
            yield tag >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, position = varint(data, position, error)
        if size is None or size > len(data) - position:
            raise error("is damaged: a message has a field of unknown kind or size")
        part = data[position : position + size]
        yield tag >> 3, part if kind == 2 else int.from_bytes(part, "little")
        position += size
