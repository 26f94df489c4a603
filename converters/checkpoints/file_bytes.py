"""The bytes of checkpoint files: the size limit, and bfloat16, which numpy does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.errors import CheckpointError
from edge_edet.files import kind_of, open_input, why_not

__all__ = ["MAX_FILE_BYTES", "read_limited", "widen_bfloat16"]

MAX_FILE_BYTES = 2 << 30  # D7x in float32 with optimizer state stays under 1 GiB


def read_limited(path: Path) -> bytes:
    """Read a file of at most 2 GiB; raises CheckpointError if it cannot be read or is larger."""
    try:
        found = path.stat()
        if (kind := kind_of(found.st_mode)) is not None:
            raise CheckpointError(f"is {kind}, expected a regular file")
        if found.st_size > MAX_FILE_BYTES:
            raise CheckpointError(
                f"has {found.st_size:,} bytes, at most {MAX_FILE_BYTES:,} are read: D7x in float32 "
                "with an optimizer's state has less than half"
            )
        with open_input(path, repr(str(path)), error=CheckpointError) as file:
            return file.read(found.st_size)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot be read: {why_not(error)}") from None


def widen_bfloat16(bits: NDArray[Any]) -> NDArray[np.float32]:
    """Convert bfloat16, as uint16 bit patterns, to float32, of which it is the upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
