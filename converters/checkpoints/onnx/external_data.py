"""Read tensors that an ONNX file keeps in a file beside it, as torch's exporter does by default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onnx import TensorProto

from edge_edet.converters.checkpoints.file_bytes import read_limited
from edge_edet.errors import CheckpointError

__all__ = ["load_external"]


def load_external(tensors: list[Any], folder: Path) -> list[Path]:
    """Load the data of tensors that are stored in other files, in place.

    Only files in the model's folder or below it are opened.

    Parameters
    ----------
    tensors
        onnx.TensorProto.
    folder
        That of the model.

    Returns
    -------
    list of Path
        The files, in order of use.

    Raises
    ------
    CheckpointError
        For files outside of the folder, and for files that are missing or too short.
    """
    files: dict[str, bytes] = {}
    for tensor in tensors:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        entries = {str(entry.key): str(entry.value) for entry in tensor.external_data}
        location = entries.get("location", "")
        if location not in files:
            files[location] = _read(folder, location)
        data = files[location]
        offset = _number(entries, "offset", 0)
        length = _number(entries, "length", len(data) - offset)
        if offset > len(data) or length < 0 or length > len(data) - offset:
            raise CheckpointError(
                f"keeps {tensor.name[:80]!r} at bytes {offset} to {offset + length} of "
                f"{location[:80]!r}, which has {len(data)}: copy both files again"
            )
        tensor.raw_data = data[offset : offset + length]
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
    return [folder / location for location in files]


def _read(folder: Path, location: str) -> bytes:
    inside = folder.resolve()
    given = location.replace("\\", "/")
    try:
        path = (inside / given).resolve()
    except (OSError, ValueError, RuntimeError):  # a loop of links, an embedded zero byte
        path = inside.parent
    if (
        not given
        or Path(given).is_absolute()
        or ".." in given.split("/")
        or inside not in path.parents
    ):
        raise CheckpointError(f"keeps its weights in {location[:80]!r}, outside of its own folder")
    if not path.exists():
        raise CheckpointError(
            f"keeps its weights in {location[:80]!r}, which is not beside it: copy both files"
        )
    try:
        return read_limited(path)
    except CheckpointError as error:
        raise CheckpointError(f"keeps its weights in {location[:80]!r}, which {error}") from None


def _number(entries: dict[str, str], key: str, default: int) -> int:
    text = entries.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise CheckpointError(f"has external data whose {key} is {text[:40]!r}: expected a number")
    return int(text)
