"""Read the sorted table of LevelDB, the format of the `.index` of a TensorFlow checkpoint.

Format: leveldb/doc/table_format.md; TensorFlow's copy in tensorflow/core/lib/io/format.cc. Blocks are plain
or compressed with Snappy.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_edet.converters.checkpoints.tensorflow.crc32c import crc32c, unmask
from edge_edet.converters.checkpoints.tensorflow.protobuf import varint
from edge_edet.converters.checkpoints.tensorflow.snappy import decompress
from edge_edet.errors import CheckpointError

__all__ = ["TABLE_MAGIC", "read_table"]

TABLE_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # compression type and masked CRC
_PLAIN, _SNAPPY = 0, 1


def _block(data: bytes, offset: int, size: int) -> bytes:
    end = offset + size
    if end + _TRAILER_BYTES > len(data):
        raise CheckpointError("is truncated or damaged: a block lies outside of the index")
    if data[end] not in (_PLAIN, _SNAPPY):
        raise CheckpointError(f"is damaged: a block of the index has compression {data[end]}")
    if crc32c(data[offset : end + 1]) != unmask(int.from_bytes(data[end + 1 : end + 5], "little")):
        raise CheckpointError("is damaged: a block of the index does not match its checksum")
    block = data[offset:end]
    return decompress(block) if data[end] == _SNAPPY else block


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    restarts = int.from_bytes(block[-4:], "little")
    limit = len(block) - 4 * (restarts + 1)
    if limit < 0:
        raise CheckpointError("is damaged: a block of the index is too short")
    position, key = 0, b""
    while position < limit:
        shared, position = varint(block, position)
        unshared, position = varint(block, position)
        size, position = varint(block, position)
        if shared > len(key) or position + unshared + size > limit:
            raise CheckpointError("is damaged: an entry of the index is too long")
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + size]
        position += size


def _handle(data: bytes, position: int) -> tuple[int, int, int]:
    offset, position = varint(data, position)
    size, position = varint(data, position)
    return offset, size, position


def read_table(data: bytes) -> dict[bytes, bytes]:
    """Read all entries of a table file.

    Parameters
    ----------
    data
        The bytes of the `.index` file.

    Returns
    -------
    dict
        Value by key, in the order of the file.

    Raises
    ------
    CheckpointError
        When the table is truncated or damaged; every block has a checksum.
    """
    if len(data) < _FOOTER_BYTES or not data.endswith(TABLE_MAGIC):
        raise CheckpointError("is truncated or damaged: not an index of a TensorFlow checkpoint")
    footer = data[-_FOOTER_BYTES:]
    _, _, position = _handle(footer, 0)
    offset, size, _ = _handle(footer, position)
    entries: dict[bytes, bytes] = {}
    for _, value in _entries(_block(data, offset, size)):
        block_offset, block_size, _ = _handle(value, 0)
        entries.update(_entries(_block(data, block_offset, block_size)))
    return entries
