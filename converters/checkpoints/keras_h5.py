"""Read Keras's `.h5`, as `model.save_weights` and `model.save` write it: a group for each layer.

Layout (tf-keras, saving/legacy/hdf5_format.py): each layer's group has the attribute
weight_names, and a dataset under each of these names; the names end in `:0`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_edet.converters.checkpoints.file_bytes import MAX_FILE_BYTES
from edge_edet.errors import CheckpointError, MissingExtraError

__all__ = ["read_keras_h5"]

_MAX_OBJECTS = 50_000
_MAX_DEPTH = 16


def read_keras_h5(path: Path) -> dict[str, NDArray[Any]]:
    """Read the weights of a file.

    Returns
    -------
    dict
        Array by name, with the layer's and without `:0`.

    Raises
    ------
    CheckpointError
        When the file is damaged, or refers to other files.
    MissingExtraError
        When h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(
            "reading .h5 weights needs h5py: pip install 'edge-edet[keras]'"
        ) from None
    found: dict[str, NDArray[Any]] = {}
    seen = total = 0

    def walk(group: Any, prefix: str, depth: int) -> None:
        nonlocal seen, total
        if depth > _MAX_DEPTH:
            raise CheckpointError(f"nests its groups more than {_MAX_DEPTH} deep")
        for key in group:
            seen += 1
            if seen > _MAX_OBJECTS:
                raise CheckpointError(f"has more than {_MAX_OBJECTS} objects")
            name = f"{prefix}{key}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise CheckpointError(f"has a link at {name[:80]!r}: weights must be in the file")
            item = group[key]
            if isinstance(item, h5py.Group):
                walk(item, f"{name}/", depth + 1)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise CheckpointError(f"keeps {name[:80]!r} in another file")
                if item.shape is None or item.dtype.kind not in "fiub":
                    continue
                total += item.size * item.dtype.itemsize
                if total > MAX_FILE_BYTES:
                    raise CheckpointError(f"unpacks to more than {MAX_FILE_BYTES} bytes")
                plain = name.removesuffix(":0")
                if plain in found:
                    raise CheckpointError(f"has {plain[:80]} in two layers")
                found[plain] = item[()]

    try:
        with h5py.File(path, "r") as file:
            layers = file.get("model_weights", file)
            for layer in layers:
                if isinstance(layers.get(layer, getlink=True), h5py.HardLink):
                    if isinstance(layers[layer], h5py.Group):
                        walk(layers[layer], "", 0)
                else:
                    raise CheckpointError(f"has a link at {layer[:80]!r}")
    except CheckpointError:
        raise
    except (AttributeError, KeyError, MemoryError, OSError, RuntimeError, TypeError) as error:
        text = str(error).splitlines()
        raise CheckpointError(f"is a damaged .h5: {text[0] if text else error!r}") from None
    except ValueError as error:
        raise CheckpointError(f"is a damaged .h5: {error}") from None
    return found
