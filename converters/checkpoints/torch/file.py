"""Read PyTorch's `.pth`: the zip archive of torch 1.6 and later, and the older sequence of pickles.

Neither torch nor the standard unpickler is used, so nothing in the file is ever executed.
Layouts: torch/serialization.py, `_save` and `_legacy_save`.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from edge_edet.converters.checkpoints.file_bytes import MAX_FILE_BYTES
from edge_edet.converters.checkpoints.torch.pickle_objects import Opaque
from edge_edet.converters.checkpoints.torch.pickle_reader import MAX_PICKLE_BYTES, run_pickle
from edge_edet.converters.checkpoints.torch.plain_data import plain_data
from edge_edet.converters.checkpoints.torch.state_dict import find_state_dict
from edge_edet.converters.checkpoints.torch.tensors import (
    KNOWN_GLOBALS,
    Storage,
    TensorRef,
    elements,
    storage_of,
    view,
)
from edge_edet.errors import CheckpointError

__all__ = ["TorchFile", "read_torch_legacy", "read_torch_zip"]

_MAX_MEMBERS = 50_000
_MAX_RATIO = 100  # torch stores without compression; weights hardly compress
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_MAX_LISTED = 100  # elements: a larger tensor is not a setting, such as a mean

Array = NDArray[Any]


@dataclass(frozen=True)
class TorchFile:
    """What a file of torch.save holds.

    Attributes
    ----------
    tensors
        Of the state dict, by name.
    plain
        Dictionaries, lists, texts and numbers beside it, small tensors as lists; see `plain_data`.
    notes
        Sentences on what was passed over.
    """

    tensors: dict[str, Array]
    plain: Any
    notes: tuple[str, ...]


def _torch_file(value: Any, array_of: Callable[[str, TensorRef], Array]) -> TorchFile:
    """Make the result from what the pickle holds; array_of reads a tensor, named as in messages."""
    state = find_state_dict(value)
    weights = {id(tensor) for tensor in state.tensors.values()}

    def setting(part: Any) -> Any:
        if not isinstance(part, TensorRef) or id(part) in weights:
            return None
        if max(part.storage.count, math.prod(part.shape)) > _MAX_LISTED:
            return None
        return array_of("a tensor beside the weights", part).tolist()

    tensors = {name: array_of(name, tensor) for name, tensor in state.tensors.items()}
    return TorchFile(tensors, plain_data(value, setting), state.notes)


def _open_zip(data: bytes) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise CheckpointError(f"is a zip of {len(members)} members: the limit is {_MAX_MEMBERS}")
    total = sum(member.file_size for member in members)
    if total > MAX_FILE_BYTES:
        raise CheckpointError(f"unpacks to {total} bytes: the limit is {MAX_FILE_BYTES}")
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise CheckpointError(f"compresses {member.filename!r} in a way torch.save never does")
        if member.flag_bits & 1:
            raise CheckpointError(f"encrypts {member.filename!r}: save it without a password")
        if member.file_size > _MAX_RATIO * member.compress_size + 4096:
            raise CheckpointError(
                f"unpacks {member.filename!r} from {member.compress_size} to {member.file_size} "
                f"bytes: the limit is {_MAX_RATIO} to 1"
            )
    by_name = {member.filename: member for member in members}
    if len(by_name) != len(members):
        raise CheckpointError("is a zip with two members of one name")
    return archive, by_name


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise CheckpointError(
            f"is truncated: {member.filename!r} has {len(data)} of {member.file_size} bytes"
        )
    return data


def _read_zip(data: bytes) -> TorchFile:
    archive, members = _open_zip(data)
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError("is a zip but not one of torch.save: it has no single data.pkl")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in members:
        raise CheckpointError(
            "is a TorchScript archive: save the state dict, with "
            "torch.save(model.state_dict(), path)"
        )
    order = members.get(f"{root}byteorder")
    if order and _read_member(archive, order) != b"little":
        raise CheckpointError("was written on a big-endian machine: save it again on another one")
    if members[pickles[0]].file_size > MAX_PICKLE_BYTES:
        raise CheckpointError(f"has a pickle of more than {MAX_PICKLE_BYTES} bytes")
    value, _ = run_pickle(_read_member(archive, members[pickles[0]]), KNOWN_GLOBALS, storage_of)
    stored: dict[Storage, Array] = {}

    def array_of(name: str, tensor: TensorRef) -> Array:
        storage = tensor.storage
        member = members.get(f"{root}data/{storage.key[:80]}")
        if member is None or member.file_size != storage.size_bytes:
            raise CheckpointError(
                f"stores {name[:80]!r} in {root}data/{storage.key[:80]}, which is missing or does "
                f"not have {storage.size_bytes} bytes"
            )
        if storage not in stored:
            stored[storage] = elements(storage, _read_member(archive, member))
        return view(tensor, stored[storage])

    return _torch_file(value, array_of)


def read_torch_zip(data: bytes) -> TorchFile:
    """Read a `.pth` written by torch 1.6 or later.

    Parameters
    ----------
    data
        The content of the file.

    Returns
    -------
    TorchFile
        Tensors, and what else the file states.

    Raises
    ------
    CheckpointError
        When it is damaged, hostile, TorchScript, or has no state dict.
    """
    try:
        return _read_zip(data)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CheckpointError(f"is a damaged or truncated zip: {error}") from None
    except (OSError, OverflowError, ValueError, struct.error) as error:
        raise CheckpointError(f"is a damaged zip: {error}") from None


def read_torch_legacy(data: bytes) -> TorchFile:
    """Read a `.pth` written by torch before 1.6: five pickles, then the storages.

    Parameters
    ----------
    data
        The content of the file.

    Returns
    -------
    TorchFile
        Tensors, and what else the file states.

    Raises
    ------
    CheckpointError
        When it is damaged, hostile, no file of torch.save, or has no state dict.
    """
    storages: dict[str, Storage] = {}

    def remember(persistent_id: Any) -> Storage | Opaque:
        storage = storage_of(persistent_id)
        if isinstance(storage, Opaque):
            if storage.origin is not None:
                raise CheckpointError(
                    f"holds numbers of the type {storage.name[:80]}, whose size is not known: save the "
                    "state dict alone, with torch.save(model.state_dict(), path)"
                )
            return storage
        if storages.setdefault(storage.key, storage) != storage:
            raise ValueError(f"storage {storage.key[:80]!r} is declared twice")
        return storage

    head = data[:MAX_PICKLE_BYTES]
    position, parts = 0, []
    for index in range(5):  # magic number, protocol, machine, the value, the storages' order
        part, position = run_pickle(head, KNOWN_GLOBALS, remember, position)
        parts.append(part)
        if parts[:2] != [_LEGACY_MAGIC, _LEGACY_PROTOCOL][: index + 1]:
            raise CheckpointError(
                "is a pickle but not one of torch.save: write it with "
                "torch.save(model.state_dict(), path)"
            )
    _, _, machine, value, order = parts
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise CheckpointError("was written on a big-endian machine: save it again on another one")
    if not isinstance(order, list):
        raise CheckpointError("is damaged: the order of its storages is not a list")
    stored: dict[str, Array] = {}
    for key in order:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise CheckpointError("is damaged: it stores what no tensor uses")
        start, end = position + 8, position + 8 + storage.size_bytes
        if end > len(data):
            raise CheckpointError(f"is truncated in storage {key[:80]!r}")
        if int.from_bytes(data[position:start], "little") != storage.count:
            raise CheckpointError(
                f"is damaged: storage {key[:80]!r} does not have {storage.count} items"
            )
        stored[key] = elements(storage, memoryview(data)[start:end])
        position = end

    def array_of(name: str, tensor: TensorRef) -> Array:
        if tensor.storage.key not in stored:
            raise CheckpointError(f"is damaged: the storage of {name[:80]!r} is not in it")
        return view(tensor, stored[tensor.storage.key])

    return _torch_file(value, array_of)
