"""Read TensorFlow's checkpoint, whose `model.index` says where each tensor is in `model.data-*`.

TensorFlow is not needed. Messages: tensorflow/core/protobuf/tensor_bundle.proto, BundleEntryProto;
strings as tensorflow/core/util/tensor_bundle/tensor_bundle.cc, ReadStringTensor, writes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.file_bytes import MAX_FILE_BYTES, read_limited, widen_bfloat16
from edge_edet.converters.checkpoints.tensorflow.crc32c import crc32c, unmask
from edge_edet.converters.checkpoints.tensorflow.files import bundle_files
from edge_edet.converters.checkpoints.tensorflow.leveldb_table import read_table
from edge_edet.converters.checkpoints.tensorflow.object_graph import OBJECT_GRAPH, variable_names
from edge_edet.converters.checkpoints.tensorflow.protobuf import fields, signed, varint
from edge_edet.converters.checkpoints.tensorflow.tfod_names import refuse_other_networks, tfod_names
from edge_edet.errors import CheckpointError

__all__ = ["read_tf_bundle"]

# tensorflow/core/framework/types.proto
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 14: "bfloat16", 19: "<f2"}
_MAX_TENSOR_BYTES = 256 << 20  # the largest of D7x has 10 MB


@dataclass(frozen=True)
class _Entry:
    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    sliced: bool


def _message(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise CheckpointError("is damaged: an entry of the index is not a message")
    return value


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise CheckpointError("is damaged: an entry of the index is not a number")
    return signed(value)


def _entry(value: bytes) -> _Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}
    shape: list[int] = []
    sliced = False
    for field, part in fields(value):
        if field in numbers:
            numbers[field] = _number(part)
        elif field == 2:
            for inner, dimension in fields(_message(part)):
                if inner == 2:
                    sizes = [_number(n) for f, n in fields(_message(dimension)) if f == 1]
                    shape.append(sizes[0] if sizes else 0)
        elif field == 7:
            sliced = True
    return _Entry(numbers[1], tuple(shape), numbers[3], numbers[4], numbers[5], numbers[6], sliced)


def _piece(entry: _Entry, shards: list[Path], cache: dict[int, bytes], name: str) -> memoryview:
    if not 0 <= entry.shard < len(shards):
        raise CheckpointError(f"is incomplete: its data file {entry.shard} is missing")
    if entry.shard not in cache:
        cache[entry.shard] = read_limited(shards[entry.shard])
    data = cache[entry.shard]
    if entry.offset < 0 or entry.size < 0 or entry.offset + entry.size > len(data):
        raise CheckpointError(f"is truncated: {name[:80]!r} lies outside of the data file")
    return memoryview(data)[entry.offset : entry.offset + entry.size]


def _array(entry: _Entry, piece: memoryview, name: str) -> NDArray[Any]:
    kind = _DTYPES[entry.dtype]
    dtype = np.dtype("<u2" if kind == "bfloat16" else kind)
    if any(n < 0 for n in entry.shape) or math.prod(entry.shape) * dtype.itemsize != entry.size:
        raise CheckpointError(f"is damaged: {name[:80]!r} does not have {entry.size} bytes")
    if crc32c(piece) != unmask(entry.crc):
        raise CheckpointError(f"is damaged: {name[:80]!r} does not match its checksum")
    array = np.frombuffer(piece, dtype).reshape(entry.shape)
    return widen_bfloat16(array) if kind == "bfloat16" else array


def _string(piece: memoryview) -> bytes:
    data = bytes(piece)
    length, position = varint(data, 0)
    if position + 4 + length != len(data):
        raise CheckpointError("is damaged: its object graph is not one string")
    return data[position + 4 :]


def read_tf_bundle(prefix: Path) -> dict[str, NDArray[Any]]:
    """Read the variables of a checkpoint.

    The keys of an object-based checkpoint become the names of its variables; of the Object Detection API
    they become paths below its model, because its variables' names are not unique.

    Parameters
    ----------
    prefix
        The path of the checkpoint without `.index`.

    Returns
    -------
    dict
        Array by name; bfloat16 becomes float32. Strings and types that no weight has are left out.

    Raises
    ------
    CheckpointError
        When a file is missing, damaged or too large, a variable is stored in slices, or it is another
        network of the Object Detection API.
    """
    table = read_table(read_limited(Path(f"{prefix}.index")))
    table.pop(b"", None)  # the header: shards and versions
    entries = {key.decode(errors="replace"): _entry(value) for key, value in table.items()}
    refuse_other_networks(entries)
    shards = bundle_files(prefix)[1:]
    if not shards:
        raise CheckpointError(f"is incomplete: {prefix.name}.data-00000-of-00001 is missing")
    cache: dict[int, bytes] = {}
    entry = entries.get(OBJECT_GRAPH)
    graph = _string(_piece(entry, shards, cache, OBJECT_GRAPH)) if entry else None
    names = tfod_names(entries, graph)
    if names is None:
        names = variable_names(graph) if graph is not None else {key: key for key in entries}
    tensors, total = {}, 0
    for key, name in names.items():
        entry = entries.get(key)
        if entry is None or entry.dtype not in _DTYPES:
            continue  # counters and strings of the training loop
        if entry.sliced:
            raise CheckpointError(f"stores {name[:80]!r} in slices: save it unpartitioned")
        total += entry.size
        if entry.size > _MAX_TENSOR_BYTES or total > MAX_FILE_BYTES:
            raise CheckpointError(f"has {entry.size} bytes in {name[:80]!r}, {total} up to there")
        tensors[name] = _array(entry, _piece(entry, shards, cache, name), name)
    return tensors
