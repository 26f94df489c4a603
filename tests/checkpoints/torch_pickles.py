"""Writes what torch.save writes, without torch, with objects of classes that are not installed.

Layouts: torch/serialization.py, `_save` and `_legacy_save`. Classes are pickled by the name that they
are given here; nothing is registered in sys.modules.
"""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


def named(path: str, *bases: type, **attributes: Any) -> Any:
    """A class that is pickled as a global of that name."""
    module, _, name = path.rpartition(".")
    return type(name, bases or (object,), {"__module__": module, "by_name": True, **attributes})


def named_function(path: str) -> Any:
    module, _, name = path.rpartition(".")

    def function() -> None: ...

    function.__module__, function.__name__, function.__qualname__ = module, name, name
    function.by_name = True  # type: ignore[attr-defined]
    return function


STORAGES = {
    dtype: named(f"torch.{name}")
    for dtype, name in (
        ("<f4", "FloatStorage"),
        ("<f2", "HalfStorage"),
        ("<f8", "DoubleStorage"),
        ("<i8", "LongStorage"),
        ("<c8", "ComplexFloatStorage"),
    )
}
_rebuild = named_function("torch._utils._rebuild_tensor_v2")
_parameter = named_function("torch._utils._rebuild_parameter")


class Storage:
    def __init__(self, key: str, array: Any, kind: Any = None) -> None:
        self.key, self.array, self.kind = key, array, kind or STORAGES[array.dtype.str]


class Tensor:
    """An array that is pickled as a tensor, or as a parameter."""

    def __init__(self, array: Any, parameter: bool = False, kind: Any = None) -> None:
        self.array, self.parameter, self.kind = np.asarray(array, order="C"), parameter, kind

    def __reduce__(self) -> Any:
        if self.parameter:
            return _parameter, (Tensor(self.array), True, OrderedDict())
        strides = tuple(step // self.array.itemsize for step in self.array.strides)
        storage = Storage("", self.array, self.kind)
        return _rebuild, (storage, 0, self.array.shape, strides, False, OrderedDict())


class Pickler(pickle._Pickler):  # type: ignore[name-defined]
    def __init__(self, file: Any, protocol: int, legacy: bool = False) -> None:
        super().__init__(file, protocol)
        self.legacy, self.storages = legacy, list[Storage]()

    def persistent_id(self, value: Any) -> Any:
        if self.legacy and isinstance(value, type) and value.__name__ == "EfficientDet":
            return ("module", _Bare(value), "effdet.py", "class EfficientDet: ...")
        if not isinstance(value, Storage):
            return None
        value.key = str(len(self.storages))
        self.storages.append(value)
        tail = (None,) if self.legacy else ()
        return ("storage", value.kind, value.key, "cpu", value.array.size, *tail)

    def save_global(self, value: Any, name: str | None = None) -> None:
        if not getattr(value, "by_name", False):
            super().save_global(value, name)
            return
        if self.proto >= 4:
            self.save(value.__module__)
            self.save(value.__qualname__)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(f"c{value.__module__}\n{value.__qualname__}\n".encode())
        self.memoize(value)

    def save_bare(self, value: Any) -> None:
        self.save_global(value.kind)

    def save_type(self, value: Any) -> None:
        self.save_global(value)

    dispatch: ClassVar[dict[Any, Any]] = {
        **pickle._Pickler.dispatch,  # type: ignore[attr-defined]
        type: save_type,
        types.FunctionType: save_type,
    }


class _Bare:
    """A class whose global is written where a persistent id would be."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind


Pickler.dispatch[_Bare] = Pickler.save_bare


def save(value: Any, path: Path, protocol: int = 2, legacy: bool = False) -> Path:
    """As torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)."""
    buffer = io.BytesIO()
    pickler = Pickler(buffer, protocol, legacy)
    pickler.dump(value)
    if legacy:
        head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": sys.byteorder == "little"}]
        parts = [pickle.dumps(part, 2) for part in head] + [buffer.getvalue()]
        parts.append(pickle.dumps([storage.key for storage in pickler.storages], 2))
        for storage in pickler.storages:
            parts.append(storage.array.size.to_bytes(8, "little") + storage.array.tobytes())
        path.write_bytes(b"".join(parts))
        return path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", buffer.getvalue())
        archive.writestr("archive/byteorder", "little")
        for storage in pickler.storages:
            archive.writestr(f"archive/data/{storage.key}", storage.array.tobytes())
    return path


def tensors(arrays: Any, prefix: str = "") -> dict[str, Tensor]:
    return {prefix + name: Tensor(array) for name, array in arrays.items()}


# Objects as libraries pickle them
AttributeDict = named("pytorch_lightning.utilities.parsing.AttributeDict", dict)
_DictConfig = named("omegaconf.dictconfig.DictConfig")
_ListConfig = named("omegaconf.listconfig.ListConfig")
_AnyNode = named("omegaconf.nodes.AnyNode")
_Metadata = named("omegaconf.base.ContainerMetadata")


def omega(value: Any, parent: Any = None) -> Any:
    """OmegaConf.create(value): nodes that know their parent (omegaconf/base.py)."""
    if isinstance(value, dict):
        node = _DictConfig()
        content: Any = {key: omega(part, node) for key, part in value.items()}
    elif isinstance(value, list | tuple):
        node = _ListConfig()
        content = [omega(part, node) for part in value]
    else:
        node = _AnyNode()
        node.__dict__.update(_metadata=_Metadata(), _parent=parent, _val=value)
        return node
    node.__dict__.update(_metadata=_Metadata(), _parent=parent, _flags_cache=None, _content=content)
    return node


def module(
    path: str,
    parameters: Any = (),
    buffers: Any = (),
    hidden: Any = (),
    modules: Any = (),
    **attributes: Any,
) -> Any:
    """A torch.nn.Module: hidden are buffers that its state dict leaves out."""
    made = named(path)()
    made.__dict__.update(
        training=False,
        _parameters=OrderedDict(
            (k, None if v is None else Tensor(v, True)) for k, v in dict(parameters).items()
        ),
        _buffers=OrderedDict((k, Tensor(v)) for k, v in {**dict(buffers), **dict(hidden)}.items()),
        _non_persistent_buffers_set=set(dict(hidden)),
        _backward_hooks=OrderedDict(),
        _modules=OrderedDict(modules),
        **attributes,
    )
    return made


def module_of(
    arrays: Any, path: str = "torch.nn.modules.container.Sequential", **attributes: Any
) -> Any:
    """Modules in modules whose state dict has these arrays, running averages as buffers."""
    own = {name: array for name, array in arrays.items() if "." not in name}
    buffers = {k: v for k, v in own.items() if k.startswith(("running", "num_batches"))}
    children: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        if "." in name:
            first, rest = name.split(".", 1)
            children.setdefault(first, {})[rest] = array
    parameters = {k: v for k, v in own.items() if k not in buffers}
    return module(
        path, parameters, buffers, (), {k: module_of(v) for k, v in children.items()}, **attributes
    )
