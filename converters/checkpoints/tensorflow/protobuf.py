"""Protocol buffers in a checkpoint: edge_edet.formats.protobuf, whose errors are the checkpoint's here."""

from __future__ import annotations

from collections.abc import Iterator

from edge_edet.errors import CheckpointError
from edge_edet.formats import fields as read_fields
from edge_edet.formats import signed
from edge_edet.formats import varint as read_varint

__all__ = ["fields", "signed", "varint"]


def varint(data: bytes, position: int) -> tuple[int, int]:
    """The base-128 number at position and the position after it."""
    return read_varint(data, position, CheckpointError)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, number or bytes) of each field of one message."""
    for number, value in read_fields(memoryview(data), CheckpointError):
        yield number, value if isinstance(value, int) else bytes(value)
