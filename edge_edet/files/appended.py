"""Files of lines that are only ever appended to, by one process at a time.

What a kill leaves is a last line without its end; how it is read is the owner's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edge_edet.errors import InputError
from edge_edet.files.locks import hold

__all__ = ["append_line", "open_appended"]


@contextlib.contextmanager
def open_appended(path: Path, who: str, option: str) -> Iterator[IO[bytes]]:
    """The file, made where it is not there, to be read and appended to, and locked until the end.

    who: what else may use it, for the message; option: what chooses another. Raises InputError where it
    is no regular file, no folder can be, or another process has it.
    """
    if path.exists() and not path.is_file():  # a device may have no end, and cannot be cut
        raise InputError(
            f"{str(path)!r} is no regular file, lines are to be added to it: give another {option}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"cannot write into {str(path.parent)!r}: it is a file") from None
    with path.open("a+b") as stream:
        if not hold(stream):
            raise InputError(
                f"{str(path)!r} is in use by another {who}: wait for it, or give another {option}"
            )
        stream.seek(0)
        yield stream


def append_line(stream: IO[bytes], line: bytes, *, durable: bool) -> None:
    """durable: on the disk when this returns."""
    stream.write(line + b"\n")
    stream.flush()
    if durable:
        os.fsync(stream.fileno())
