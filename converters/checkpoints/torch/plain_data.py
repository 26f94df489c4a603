"""Extract the plain data of a pickle: dictionaries, lists, texts and numbers.

Objects that hold a dictionary become that dictionary (hyper-parameters, argparse.Namespace, OmegaConf's
DictConfig), NumPy's scalars and arrays become numbers, and all other objects are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edge_edet.converters.checkpoints.torch.pickle_objects import (
    Opaque,
    contents,
    is_module,
    listed,
)

__all__ = ["plain_data"]

_MAX_DEPTH = 24
_MAX_VALUES = 200_000  # under each key of the whole
_MAX_ALL = 2_000_000
_MAX_ITEMS = 10_000  # of a list: longer ones are data, not settings
_MAX_ARRAY_BYTES = 4096
_SCALARS = (str, int, float, bool)
_LEFT_OUT = object()
_ARRAY_KINDS = "fiub"


class _Reader:
    def __init__(self, other: Callable[[Any], Any]) -> None:
        self.other, self.left, self.all = other, _MAX_VALUES, _MAX_ALL
        self.open: set[int] = set()  # ids of what is being read: objects may refer to one another

    def read(self, value: Any, depth: int = 0) -> Any:
        self.left -= 1
        if self.left < 0 or depth > _MAX_DEPTH or id(value) in self.open:
            return _LEFT_OUT
        if value is None or isinstance(value, _SCALARS):
            return value
        self.open.add(id(value))
        try:
            return self._inside(value, depth)
        finally:
            self.open.discard(id(value))

    def _inside(self, value: Any, depth: int) -> Any:
        if isinstance(value, Opaque):
            if value.name.startswith("omegaconf."):
                return self._omegaconf(value, depth)
            array = _numpy_value(value)
            if array is not None:
                self.left -= int(np.size(array))
                return array
        held = contents(value)
        if held is not None and is_module(held):
            return self._module(held, depth)
        if held is not None:
            return self._dict(held, depth)
        elements = listed(value)
        if elements is None:
            found = self.other(value)
            self.left -= 0 if found is None else int(np.size(found))
            return _LEFT_OUT if found is None else found
        return self._list(elements, depth)

    def _dict(self, held: dict[Any, Any], depth: int) -> Any:
        found = {}
        for key, part in held.items():
            if depth == 0:  # each key has a share of its own
                share = min(_MAX_VALUES, self.all)
                self.left = share
            read = self.read(part, depth + 1)
            if depth == 0:
                self.all -= share - self.left
            if read is not _LEFT_OUT and not isinstance(key, bytes):
                found[key] = read
        return found

    def _list(self, elements: Sequence[Any], depth: int) -> Any:
        """Read a whole list, or leave it out: without an element it would mean something else."""
        if len(elements) > _MAX_ITEMS:
            return _LEFT_OUT
        read = [self.read(part, depth + 1) for part in elements]
        return _LEFT_OUT if any(part is _LEFT_OUT for part in read) else read

    def _omegaconf(self, value: Opaque, depth: int) -> Any:
        """Read OmegaConf's containers (_content) and nodes (_val), see omegaconf/base.py."""
        state = contents(value) or {}
        if "_val" in state:
            inner = state["_val"]
            unresolved = isinstance(inner, str) and (inner == "???" or "${" in inner)
            return _LEFT_OUT if unresolved else self.read(inner, depth + 1)
        content = state.get("_content")
        return (
            self.read(content, depth + 1) if isinstance(content, dict | list | tuple) else _LEFT_OUT
        )

    def _module(self, held: dict[Any, Any], depth: int) -> Any:
        """Read the configuration of a pickled torch.nn.Module and of its submodules."""
        kept = {key: held[key] for key in ("config", "_hparams", "_modules") if key in held}
        return self._dict(kept, depth)


def plain_data(value: Any, other: Callable[[Any], Any] = lambda value: None) -> Any:
    """Extract what is plain in a value, as a tree: shared parts are repeated, circles are cut.

    What is deeper than 24 levels or beyond 200,000 values under a key is left out, as are lists of over
    10,000 elements.

    Parameters
    ----------
    value
        What `run_pickle` returned.
    other
        Makes a plain value, or None, of what is no container of the pickle.

    Returns
    -------
    object
        Dictionaries, lists, texts and numbers; None: nothing is plain.
    """
    found = _Reader(other).read(value)
    return None if found is _LEFT_OUT else found


def _numpy_value(value: Opaque) -> Any:
    """Read a small NumPy scalar or array as nested lists (numpy/_core/src/multiarray/methods.c)."""
    module, _, name = value.name.rpartition(".")
    if not module.startswith("numpy") or not isinstance(value.arguments, tuple):
        return None
    arguments, state = value.arguments, value.state
    if name == "scalar" and len(arguments) == 2:
        return _decoded(arguments[0], arguments[1], ())
    if name == "_reconstruct" and isinstance(state, tuple) and len(state) == 5:
        _, shape, dtype, fortran, data = state
        return _decoded(dtype, data, shape, "F" if fortran is True else "C")
    if name == "_frombuffer" and len(arguments) == 4:
        data, dtype, shape, order = arguments
        return _decoded(dtype, data, shape, "F" if order == "F" else "C")
    return None


def _decoded(dtype: Any, data: Any, shape: Any, order: str = "C") -> Any:
    if isinstance(data, Opaque) and data.name == "_codecs.encode":  # bytes in protocol 2
        text = data.arguments[0] if isinstance(data.arguments, tuple) and data.arguments else None
        try:
            data = text.encode("latin-1") if isinstance(text, str) else None
        except UnicodeEncodeError:
            return None
    known = _dtype(dtype)
    if known is None or not isinstance(data, bytes) or len(data) > _MAX_ARRAY_BYTES:
        return None
    try:
        array = np.frombuffer(data, known).reshape(shape, order="F" if order == "F" else "C")
    except (TypeError, ValueError, OverflowError):
        return None
    return array.tolist()


def _dtype(value: Any) -> np.dtype[Any] | None:
    """Read numpy.dtype('f8', False, True) with the state (3, '<', None, ...), only for numbers."""
    if not isinstance(value, Opaque) or not isinstance(value.arguments, tuple):
        return None
    code = value.arguments[0] if value.arguments else None
    state = value.state if isinstance(value.state, tuple) else ()
    order = state[1] if len(state) > 1 else "|"
    if not isinstance(code, str) or code[:1] not in _ARRAY_KINDS or code[1:] not in tuple("1248"):
        return None
    try:
        if order in ("<", ">", "|", "="):
            return np.dtype(code if order == "|" else f"{order}{code}")
    except TypeError:
        pass
    return None
