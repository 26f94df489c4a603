"""What a model file of any format states about itself, as far as detector and manifest need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from edge_edet.errors import ModelFileError
from edge_edet.files import Limit, open_input, sha256_input

__all__ = [
    "ModelFile",
    "TensorInfo",
    "described",
    "files_of",
    "missing_model",
    "open_model",
    "read_failed",
    "sha256_of",
]

MODEL_LIMIT = Limit(
    2 << 30, "a .tflite and an .onnx have offsets of 31 bits, and D7x in float32 has 0.3 GB"
)


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of the main graph: real = scale * (q - zero_point).

    Attributes
    ----------
    shape
        A dimension of -1 is known at run time only.
    scales, zero_points
        One each, or one for each slice along `axis`; empty where the tensor is not quantized.
    constant_bytes
        Size of the stored values; None for a tensor that is computed at run time.
    signature
        Of a .tflite: the shape with -1 for a free dimension, where `shape` has a meaningless 1.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...] = ()  # one, or one for each slice along `axis`
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    constant_bytes: int | None = None  # size of the stored values; None: computed at run time
    # Of a .tflite: the shape with -1 where a dimension is free, and a 1 in `shape` means nothing.
    signature: tuple[int, ...] = ()

    @property
    def free_shape(self) -> tuple[int, ...]:
        """The shape with -1 for each dimension that is known at run time only."""
        return self.signature if len(self.signature) == len(self.shape) else self.shape

    @property
    def is_constant(self) -> bool:
        """Whether its values are stored in the file."""
        return self.constant_bytes is not None


class ModelFile(Protocol):
    """A model file that was read: TfliteModel, IrModel or OnnxModel."""

    @property
    def path(self) -> Path:
        """Of the file; of an IR, of its .xml."""
        ...

    @property
    def format(self) -> str:
        """A suffix of FORMATS."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of all files that belong to the model."""
        ...

    @property
    def metadata(self) -> Mapping[str, bytes]:
        """Key -> value, as the file stores them."""
        ...

    @property
    def input_tensors(self) -> tuple[TensorInfo, ...]:
        """In the file's order."""
        ...

    @property
    def output_tensors(self) -> tuple[TensorInfo, ...]:
        """In the file's order."""
        ...

    @property
    def operator_names(self) -> tuple[str, ...]:
        """One for each operator of the main graph, constants left out."""
        ...


def described(model: ModelFile) -> str:
    """Describe a file that is not one of ours, for a message.

    Parameters
    ----------
    model
        The summary of the file.

    Returns
    -------
    str
        Its format, and who wrote it where it says so.
    """

    def listed(tensors: tuple[TensorInfo, ...]) -> str:
        return ", ".join(f"{t.name} {t.dtype} {list(t.free_shape)}" for t in tensors[:6]) or "none"

    return (
        f"found {len(model.operator_names)} operators, inputs {listed(model.input_tensors)}, "
        f"outputs {listed(model.output_tensors)}, no usable manifest"
    )


def files_of(path: str | Path) -> tuple[Path, ...]:
    """Return the files that belong to a model: an IR's weights are beside its .xml.

    Parameters
    ----------
    path
        Of the model.

    Returns
    -------
    tuple[Path, ...]
        The path itself first.
    """
    path = Path(path)
    return (path, path.with_suffix(".bin")) if path.suffix.lower() == ".xml" else (path,)


def sha256_of(path: str | Path) -> str:
    """Return what `sha256sum MODEL` prints; of an IR, `cat MODEL.xml MODEL.bin | sha256sum`.

    Parameters
    ----------
    path
        Of the model.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return sha256_input(
        *files_of(path),
        kind="model file",
        limit=MODEL_LIMIT,
        missing=missing_model,
        error=ModelFileError,
    )


def open_model(path: Path) -> BufferedReader:
    """Open a model file for reading.

    Parameters
    ----------
    path
        Of the model.

    Returns
    -------
    BufferedReader
        The open file, which the caller closes.

    Raises
    ------
    ModelFileError
        If it is not a regular file, or too large.
    """
    return open_input(
        path,
        f"model file {str(path)!r}",
        limit=MODEL_LIMIT,
        missing=missing_model(path),
        error=ModelFileError,
    )


def missing_model(path: Path) -> str:
    """Return the message for a model file that does not exist."""
    return f"no model file {str(path)!r}: make one with 'edge-edet convert --int8 d0'"


def read_failed(path: Path, error: Exception) -> ModelFileError:
    """Make the error for a model file that could not be opened or read.

    Parameters
    ----------
    path
        Of the model.
    error
        What was raised.

    Returns
    -------
    ModelFileError
        The error, to be raised by the caller.
    """
    if isinstance(error, FileNotFoundError):
        return ModelFileError(missing_model(path))
    reason = getattr(error, "strerror", None) or str(error)
    return ModelFileError(f"cannot read model file {str(path)!r}: {reason}")
