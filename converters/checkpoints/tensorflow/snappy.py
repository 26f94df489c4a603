"""Snappy decompression, for checkpoints whose index is compressed, as in TensorFlow's model zoo.

TensorFlow as people install it writes the index plain (tensorflow/core/util/tensor_bundle/
tensor_bundle.cc, kNoCompression), but reads both. The checkpoints that Google published for the Object
Detection API, ssd_efficientdet_d0 to d7, are compressed. Format: google/snappy, format_description.txt.
"""

from __future__ import annotations

from edge_edet.converters.checkpoints.tensorflow.protobuf import varint
from edge_edet.errors import CheckpointError

__all__ = ["decompress"]

_MAX_BYTES = 64 << 20  # an index of thousands of tensors has some hundred kilobytes


def decompress(data: bytes) -> bytes:
    """Decompress one block.

    Parameters
    ----------
    data
        A raw Snappy stream: the decompressed length, then literals and copies.

    Returns
    -------
    bytes
        The decompressed block, at most 64 MiB.

    Raises
    ------
    CheckpointError
        When the stream is truncated, refers to bytes before its beginning, or has another length than
        it announces.
    """
    size, position = varint(data, 0)
    if size > _MAX_BYTES:
        raise CheckpointError(f"is damaged: a block of the index unpacks to {size} bytes")
    result = bytearray()
    while position < len(data) and len(result) <= size:
        tag = data[position]
        position += 1
        kind, length = tag & 3, (tag >> 2) + 1
        if kind == 0:
            if length > 60:
                extra = length - 60
                length = int.from_bytes(data[position : position + extra], "little") + 1
                position += extra
            result += data[position : position + length]
            position += length
            continue
        width = {1: 1, 2: 2, 3: 4}[kind]
        offset = int.from_bytes(data[position : position + width], "little")
        position += width
        if kind == 1:
            offset |= (tag >> 5) << 8
            length = (tag >> 2 & 7) + 4
        if not 0 < offset <= len(result):
            raise CheckpointError("is damaged: a compressed block of the index refers outside")
        pattern = result[-offset:][:length]
        result += (pattern * (length // len(pattern) + 1))[:length]  # it may overlap itself
    if len(result) != size or position != len(data):
        raise CheckpointError("is damaged: a compressed block of the index has the wrong length")
    return bytes(result)
