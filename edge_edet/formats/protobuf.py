"""The wire format of protocol buffers: varints and tagged fields, no schema."""

from __future__ import annotations

from collections.abc import Iterator

from edge_edet.errors import EdgeEdetError, ModelFileError

__all__ = ["fields", "signed", "varint"]


def varint(
    data: bytes | memoryview, position: int, error: type[EdgeEdetError] = ModelFileError
) -> tuple[int, int]:
    """Return the base-128 number at a position, and the position after it.

    Parameters
    ----------
    data
        The bytes.
    position
        Where the number begins.
    error
        What is raised where they are damaged.

    Returns
    -------
    tuple[int, int]
        The number, from 0 to 2^64 - 1, and the position after it.

    Raises
    ------
    ModelFileError
        Or `error`: where the number ends early, or has more than 64 bits.
    """
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
    """Convert a varint to an int64.

    Parameters
    ----------
    value
        From 0 to 2^64 - 1.

    Returns
    -------
    int
        In two's complement.
    """
    return value - 2**64 if value >= 2**63 else value


def fields(
    data: memoryview, error: type[EdgeEdetError] = ModelFileError
) -> Iterator[tuple[int, int | memoryview]]:
    """Yield field number, and number or part of data, of each field of one message.

    Parameters
    ----------
    data
        The bytes of one message.
    error
        What is raised where they are damaged.

    Yields
    ------
    tuple[int, int | memoryview]
        Field number with its value.

    Raises
    ------
    ModelFileError
        Or `error`: where the message is damaged.
    """
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
