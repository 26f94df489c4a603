"""The tensors that a PyTorch pickle describes: which storage, where in it, with which strides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.arrays import MAX_FILE_BYTES, widen_bfloat16
from edge_edet.converters.checkpoints.pickle_machine import Constructor, checked_dict
from edge_edet.errors import CheckpointError

__all__ = [
    "KNOWN_GLOBALS",
    "Storage",
    "TensorRef",
    "elements",
    "find_state_dict",
    "storage_of",
    "view",
]

# torch/storage.py, _storage_type_to_dtype_map. bfloat16 has no numpy type: read as its 16 bits.
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
}
# Where training scripts put the weights; averaged weights first, they are what is evaluated.
_WRAPPERS = ("state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model", "net")
_MAX_NESTING = 4


@dataclass(frozen=True)
class Storage:
    """A run of elements stored elsewhere in the file under key."""

    key: str
    kind: str  # a numpy type, or "bfloat16"
    count: int

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype("<u2" if self.kind == "bfloat16" else self.kind)

    @property
    def size_bytes(self) -> int:
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class TensorRef:
    """A strided window into a storage; offset and strides in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorRef:
    """torch._utils._rebuild_tensor(_v2), with every number checked against the storage."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
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


def _nothing(*_: Any) -> None:
    return None


def _constructors() -> dict[tuple[str, str], Any]:
    known: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): Constructor("OrderedDict", lambda p=(): checked_dict(p)),
        ("torch", "Size"): Constructor("Size", lambda sizes=(): tuple(sizes)),
    }
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
        known["torch._utils", name] = Constructor(name, _rebuild)
    for place in (("torch._utils", "_rebuild_parameter"), ("torch.nn.parameter", "Parameter")):
        known[place] = Constructor(place[1], lambda data, *_: data)
    for name, kind in _STORAGE_TYPES.items():
        known["torch", name] = known["torch.cuda", name] = kind
    # What training scripts keep beside the weights. It is skipped, never built.
    for place in (
        ("torch", "device"),
        ("argparse", "Namespace"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
        ("_codecs", "encode"),
    ):
        known[place] = Constructor(place[1], _nothing)
    return known


KNOWN_GLOBALS: Mapping[tuple[str, str], Any] = _constructors()


def storage_of(persistent_id: Any) -> Storage:
    """The storage that torch.save's persistent id names."""
    tag, kind, key, _, count, *view_of = persistent_id
    if tag != "storage" or kind not in _STORAGE_TYPES.values():
        raise ValueError("a persistent id that is not a storage of numbers")
    if view_of not in ([], [None]):
        raise ValueError("a storage that is a view of another one")
    if type(count) is not int or count < 0:
        raise ValueError("a storage with a negative or non-integer size")
    return Storage(str(key), kind, count)


def find_state_dict(value: Any, depth: int = 0) -> dict[str, TensorRef]:
    """The name -> tensor dictionary in what a pickle holds, looking into the usual wrappers."""
    if isinstance(value, dict) and depth < _MAX_NESTING:
        tensors = {k: v for k, v in value.items() if isinstance(v, TensorRef) and type(k) is str}
        if tensors:
            return tensors
        for wrapper in _WRAPPERS:
            if isinstance(value.get(wrapper), dict):
                return find_state_dict(value[wrapper], depth + 1)
    raise CheckpointError(
        f"holds no tensors by name: expected a state dict, or one under {', '.join(_WRAPPERS)}"
    )


def elements(storage: Storage, data: bytes | memoryview) -> NDArray[Any]:
    """The storage's elements, from its bytes."""
    flat = np.frombuffer(data, storage.dtype, storage.count)
    return widen_bfloat16(flat) if storage.kind == "bfloat16" else flat


def view(tensor: TensorRef, flat: NDArray[Any]) -> NDArray[Any]:
    """The tensor as a window over its storage's elements; nothing is copied."""
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, flat.dtype)
    steps = [step * flat.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(
        flat[tensor.offset :], tensor.shape, steps, writeable=False
    )
