"""Locks between processes, by flock, which the system releases however the holder ends.

A lock file is named after the file that it protects, `.NAME.edge-edet.lock`, stands beside it, and
contains the holder's process id. A lock file that a killed process left does not block anybody: the
next process takes it, and removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import weakref
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: nothing keeps two processes apart there
    fcntl = None  # type: ignore[assignment]

__all__ = ["SUFFIX", "LockFile", "hold", "holder", "lock_of", "short"]

SUFFIX = ".edge-edet.lock"
LONGEST = 200


def hold(stream: int | IO[bytes]) -> bool:
    """Lock an open file until it is closed; return False if another process has it.

    Returns True also where the system or the file system has no locks.

    Parameters
    ----------
    stream
        An open file or its descriptor.

    Returns
    -------
    bool
        Whether this process has it now.
    """
    return _lock(stream) is not False


def _lock(stream: int | IO[bytes]) -> bool | None:
    """Lock as `hold` does; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


def lock_of(path: Path) -> Path:
    """Return the path of a file's lock file.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    Path
        Beside it.
    """
    return path.with_name(f".{short(path.name)}{SUFFIX}")


def short(name: str) -> str:
    """Return the name, or a hash of it where a suffix would not fit: systems take 255 bytes.

    Parameters
    ----------
    name
        Of a file, without a folder.

    Returns
    -------
    str
        The name to use.
    """
    if len(os.fsencode(name)) <= LONGEST:
        return name
    return f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}{Path(name).suffix[:20]}"


class LockFile:
    """A held lock file; `close` removes it.

    Attributes
    ----------
    path
        Of the lock file.
    real
        Whether it keeps other processes away, so that leftovers are of processes that ended. False
        where the file system has no locks.
    """

    def __init__(self, path: Path, descriptor: int, real: bool):
        self.path, self._descriptor, self.real = path, descriptor, real
        _HELD.add(self)

    @classmethod
    def take(cls, path: Path, *, make: bool = True) -> LockFile | None:
        """Take the lock; return None if another process, or another part of this one, has it.

        With make=False only an existing lock file is taken; FileNotFoundError where there is none.

        Parameters
        ----------
        path
            Of the lock file.
        make
            Whether to create it.

        Returns
        -------
        LockFile | None
            The lock.

        Raises
        ------
        FileNotFoundError
            Where there is none, with `make` False.
        """
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT if make else 0)
        while True:
            descriptor = os.open(path, flags, 0o666)
            locked = _lock(descriptor)
            if locked is False:
                os.close(descriptor)
                return None
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.lstat()):
                    break
            os.close(descriptor)  # the one who had it has just removed it
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return cls(path, descriptor, locked is True)

    def close(self) -> None:
        """Remove the lock file and release the lock. Closing twice does nothing."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.leave()

    def leave(self) -> None:
        """Release the lock without removing the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def holder(path: Path) -> str:
    """Return ` (process 4711)`, the holder of a lock file, or "" where the file does not name it.

    Parameters
    ----------
    path
        Of the lock file.

    Returns
    -------
    str
        For the end of a message.
    """
    try:
        with path.open("rb") as file:
            text = file.read(20).strip()
    except OSError:
        return ""
    return f" (process {text.decode()})" if text.isdigit() else ""


_HELD: weakref.WeakSet[LockFile] = weakref.WeakSet()


def _forked() -> None:
    """Drop the parent's locks in a child: it may outlive its parent."""
    for lock in list(_HELD):
        lock.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
