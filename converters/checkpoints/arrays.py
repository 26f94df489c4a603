"""What all readers share: the size limit, the hash of a file, and bfloat16."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.errors import CheckpointError

__all__ = ["MAX_FILE_BYTES", "file_sha256", "read_limited", "widen_bfloat16"]

MAX_FILE_BYTES = 2 << 30  # D7x in float32 with optimizer state stays under 1 GiB


def read_limited(path: Path) -> bytes:
    """The file's bytes. Raises CheckpointError when it cannot be read or is too large."""
    try:
        if path.exists() and not path.is_file():
            raise CheckpointError("is not a regular file")
        size_bytes = path.stat().st_size
        if size_bytes > MAX_FILE_BYTES:
            raise CheckpointError(f"has {size_bytes} bytes: the limit is {MAX_FILE_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot be read: {error.strerror or error}") from None


def file_sha256(*paths: Path) -> str:
    """The sha256 of the files' bytes, one after the other, in hex."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def widen_bfloat16(bits: NDArray[Any]) -> NDArray[np.float32]:
    """uint16 bit patterns of bfloat16 -> float32: the upper half of the same number."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
