"""Open a checkpoint by its container, which is recognized by its first bytes, not by its name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_edet.converters.checkpoints.file_bytes import read_limited
from edge_edet.converters.checkpoints.keras_h5 import read_keras_h5
from edge_edet.converters.checkpoints.safetensors_file import read_safetensors
from edge_edet.converters.checkpoints.tensorflow import (
    bundle_files,
    checkpoint_prefix,
    choice_notes,
    read_tf_bundle,
    refuse_export,
)
from edge_edet.converters.checkpoints.torch import TorchFile, read_torch_legacy, read_torch_zip
from edge_edet.errors import CheckpointError, MissingExtraError
from edge_edet.files import sha256_input

__all__ = ["Loaded", "load"]

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_PICKLE_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".pkl")


@dataclass(frozen=True)
class Loaded:
    """The content of a checkpoint, before it is read as a variant.

    Attributes
    ----------
    path
        As given.
    files
        The files that hold it.
    tensors
        By name; empty for `.onnx`.
    metadata
        Of `.safetensors`.
    plain
        The plain data beside the weights, of PyTorch files.
    notes
        Sentences on what was chosen or passed over.
    prefix
        Of a TensorFlow checkpoint, else None.
    onnx
        The OnnxFile of an `.onnx`, else None.
    """

    path: Path
    files: tuple[Path, ...]
    tensors: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, str] = field(default_factory=dict)
    plain: Any = None
    notes: tuple[str, ...] = ()
    prefix: Path | None = None
    onnx: Any = None

    @functools.cached_property
    def sha256(self) -> str:
        """The sha256 of the files, in order, in hex."""
        return sha256_input(*self.files, kind="checkpoint", error=CheckpointError)


def load(path: Path) -> Loaded:
    """Open a checkpoint: a file, or the prefix or folder of a TensorFlow checkpoint.

    Raises
    ------
    CheckpointError
        When it is damaged, hostile or no checkpoint.
    MissingExtraError
        When a package that reads this format is not installed.
    OSError
        When it cannot be read.
    """
    refuse_export(path)
    prefix = checkpoint_prefix(path)
    if prefix is not None:
        return Loaded(
            path,
            tuple(bundle_files(prefix)),
            read_tf_bundle(prefix),
            notes=choice_notes(path, prefix),
            prefix=prefix,
        )
    if path.is_dir():
        raise CheckpointError("is a folder without a TensorFlow checkpoint")
    if path.suffix == ".onnx":
        return _load_onnx(path)
    return _load_file(path)


def _load_onnx(path: Path) -> Loaded:
    try:
        from edge_edet.converters.checkpoints.onnx import open_effdet_onnx
    except ModuleNotFoundError:
        raise MissingExtraError(
            "reading .onnx weights needs onnx: pip install 'edge-edet[convert]'"
        ) from None
    graph = open_effdet_onnx(read_limited(path), path.parent)
    return Loaded(path, (path, *graph.files), {}, onnx=graph)


def _load_file(path: Path) -> Loaded:
    data = read_limited(path)
    if data.startswith(_ZIP_MAGICS):
        return _of_torch(path, read_torch_zip(data))
    if data.startswith(_HDF5_MAGIC):
        return Loaded(path, (path,), read_keras_h5(path))
    if data[8:9] == b"{":
        return Loaded(path, (path,), *read_safetensors(data))
    if data[:1] == b"\x80" or (data and path.suffix in _PICKLE_SUFFIXES):
        return _of_torch(path, read_torch_legacy(data))
    raise CheckpointError(
        f"is not a checkpoint (it begins with {data[:8].hex(' ') or 'nothing'}): expected .pth, "
        ".safetensors, .h5, .onnx, or a TensorFlow checkpoint's prefix or folder"
    )


def _of_torch(path: Path, file: TorchFile) -> Loaded:
    return Loaded(path, (path,), file.tensors, plain=file.plain, notes=file.notes)
