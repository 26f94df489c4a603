"""The tensors that a PyTorch pickle describes: windows with strides into storages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.file_bytes import MAX_FILE_BYTES, widen_bfloat16
from edge_edet.converters.checkpoints.torch.pickle_objects import Constructor, Opaque, checked_dict

__all__ = ["KNOWN_GLOBALS", "Storage", "TensorRef", "elements", "storage_of", "view"]

# torch/storage.py, _storage_type_to_dtype_map. numpy has no bfloat16: it is read as 16 bits. Types
# that no weight has are here for their sizes, because such tensors may lie beside the weights.
_STORAGE_TYPES = {
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "DoubleStorage": "<f8",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "ComplexFloatStorage": "<c8",
    "ComplexDoubleStorage": "<c16",
    "QInt8Storage": "quantized i1",
    "QUInt8Storage": "quantized u1",
    "QInt32Storage": "quantized <i4",
}
_BYTES = "bytes"  # torch.storage.UntypedStorage


@dataclass(frozen=True)
class Storage:
    """A run of elements stored elsewhere in the file under key."""

    key: str
    kind: str  # a numpy type, after "quantized" or not, or "bfloat16", or "bytes"
    count: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type that its elements are read as."""
        named = {"bfloat16": "<u2", _BYTES: "u1"}
        return np.dtype(named.get(self.kind) or self.kind.removeprefix("quantized "))

    @property
    def numeric(self) -> bool:
        """Whether its elements are numbers, not bytes or quantized."""
        return self.kind != _BYTES and not self.kind.startswith("quantized")

    @property
    def size_bytes(self) -> int:
        """Its size in the file."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class TensorRef:
    """A strided window into a storage; offset and strides in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorRef | Opaque:
    """Do as torch._utils._rebuild_tensor(_v2), with every number checked against the storage."""
    if isinstance(storage, Opaque):
        return Opaque("torch.Tensor", storage)
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    if not storage.numeric:
        return Opaque("torch.Tensor", Opaque(storage.kind))
    shape, strides = tuple(shape), tuple(strides)
    if len(shape) != len(strides) or len(shape) > 8:
        raise ValueError(f"a tensor of {len(shape)} dimensions with {len(strides)} strides")
    if not all(type(n) is int and n >= 0 for n in (offset, *shape, *strides)):
        raise ValueError("a tensor with a negative or non-integer offset, size or stride")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 not in shape and last >= storage.count:
        raise ValueError(f"a tensor reaches element {last} of a storage of {storage.count}")
    if math.prod(shape) > MAX_FILE_BYTES // 4:
        raise ValueError(f"a tensor of {math.prod(shape)} elements")
    return TensorRef(storage, offset, shape, strides)


def _rebuild_of_type(build: Any, kind: Any, arguments: Any, *_: Any) -> Any:
    """Do as torch._tensor._rebuild_from_type_v2: a tensor with attributes, or of a subclass."""
    if isinstance(build, Constructor) and isinstance(arguments, tuple):
        return build.build(*arguments)
    return Opaque("torch.Tensor", kind if isinstance(kind, Opaque) else None)


def _constructors() -> dict[tuple[str, str], Any]:
    known: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): Constructor("OrderedDict", lambda p=(): checked_dict(p)),
        ("torch", "Size"): Constructor("Size", lambda sizes=(): tuple(sizes)),
        ("torch._tensor", "_rebuild_from_type_v2"): Constructor("_rebuild", _rebuild_of_type),
    }
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
        known["torch._utils", name] = Constructor(name, _rebuild)
    for place in (
        ("torch._utils", "_rebuild_parameter"),
        ("torch._utils", "_rebuild_parameter_with_state"),
        ("torch.nn.parameter", "Parameter"),
        ("torch.nn.parameter", "Buffer"),
    ):
        known[place] = Constructor(place[1], lambda data=None, *_: data)
    for name, kind in _STORAGE_TYPES.items():
        known["torch", name] = known["torch.cuda", name] = kind
    known["torch.storage", "UntypedStorage"] = known["torch", "UntypedStorage"] = _BYTES
    return known


KNOWN_GLOBALS: Mapping[tuple[str, str], Any] = _constructors()


def storage_of(persistent_id: Any) -> Storage | Opaque:
    """Find the storage that a persistent id of torch.save names.

    Returns
    -------
    Storage or Opaque
        Opaque: the class of a module, which torch before 1.6 saved with its source text, or a storage of
        an unknown type.

    Raises
    ------
    ValueError
        For any other id.
    """
    if persistent_id[0] == "module" and isinstance(persistent_id[1], Opaque):
        return persistent_id[1]
    tag, kind, key, _, count, *view_of = persistent_id
    if tag == "storage" and isinstance(kind, Opaque):
        return Opaque(kind.name, kind)
    if tag != "storage" or kind not in (*_STORAGE_TYPES.values(), _BYTES):
        raise ValueError("a persistent id that is not a storage of numbers")
    if view_of not in ([], [None]):
        raise ValueError("a storage that is a view of another one")
    if type(count) is not int or count < 0:
        raise ValueError("a storage with a negative or non-integer size")
    return Storage(str(key), kind, count)


def elements(storage: Storage, data: bytes | memoryview) -> NDArray[Any]:
    """Read the elements of a storage from its bytes; bfloat16 becomes float32."""
    flat = np.frombuffer(data, storage.dtype, storage.count)
    return widen_bfloat16(flat) if storage.kind == "bfloat16" else flat


def view(tensor: TensorRef, flat: NDArray[Any]) -> NDArray[Any]:
    """View a tensor in the elements of its storage; nothing is copied."""
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, flat.dtype)
    steps = [step * flat.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(
        flat[tensor.offset :], tensor.shape, steps, writeable=False
    )
