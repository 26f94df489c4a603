"""Read protocol buffers in a checkpoint: as edge_edet.formats.protobuf, but with CheckpointError."""

from __future__ import annotations

from collections.abc import Iterator

from edge_edet.errors import CheckpointError
from edge_edet.formats import fields as read_fields
from edge_edet.formats import signed
from edge_edet.formats import varint as read_varint

__all__ = ["fields", "signed", "varint"]


def varint(data: bytes, position: int) -> tuple[int, int]:
    """Read the base-128 number at a position; returns it and the position after it."""
    return read_varint(data, position, CheckpointError)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and the value, an int or bytes, of each field of a message."""
    for number, value in read_fields(memoryview(data), CheckpointError):
        yield number, value if isinstance(value, int) else bytes(value)
