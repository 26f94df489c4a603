"""Temporary folders in the system's place for temporary files.

Each contains a lock. A folder that a killed process left has a lock that nobody holds; it is removed
when another process creates a folder of its own.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_edet.files.locks import SUFFIX, LockFile

__all__ = ["scratch_folder"]

PREFIX = "edge-edet-"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Create a folder, and remove it at the end with all that is in it.

    Yields
    ------
    Path
        The folder.
    """
    _sweep(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = None
    try:
        lock = LockFile.take(folder / SUFFIX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            lock.close()


@functools.cache  # once in each process
def _sweep(place: str) -> None:
    with contextlib.suppress(OSError):
        for folder in Path(place).glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):  # another user's, or gone meanwhile
                _remove_if_dead(folder)


def _remove_if_dead(folder: Path) -> None:
    state = folder.lstat()
    ours = not hasattr(os, "getuid") or state.st_uid == os.getuid()
    if not ours or folder.is_symlink() or not (folder / SUFFIX).is_file():
        return
    lock = LockFile.take(folder / SUFFIX, make=False)
    if lock is None:
        return
    if lock.real:
        shutil.rmtree(folder, ignore_errors=True)
    lock.leave()
