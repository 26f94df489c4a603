"""Locks between processes: by flock, which the system lets go however the holder ends.

A lock file stands beside what it is about, `.NAME.edge-edet.lock`, with the holder's process id in
it. The one that a killed process left holds nobody up: it is taken, and removed, by the next.
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
    """Locks an open file until it is closed. False: another has it.

    True also where the system or the file system knows no locks.
    """
    return _lock(stream) is not False


def _lock(stream: int | IO[bytes]) -> bool | None:
    """None: there are no locks."""
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
    """Its lock file."""
    return path.with_name(f".{short(path.name)}{SUFFIX}")


def short(name: str) -> str:
    """The name, or a shorter one for it where no more would fit behind it: systems take 255 bytes."""
    if len(os.fsencode(name)) <= LONGEST:
        return name
    return f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}{Path(name).suffix[:20]}"


class LockFile:
    """A held lock file; `close` removes it.

    real: whether it keeps others away, so that what lies there is of the dead. Else there are no locks.
    """

    def __init__(self, path: Path, descriptor: int, real: bool):
        self.path, self._descriptor, self.real = path, descriptor, real
        _HELD.add(self)

    @classmethod
    def take(cls, path: Path, *, make: bool = True) -> LockFile | None:
        """None: another process, or another part of this one, has it.

        make=False takes only one that is there, and raises FileNotFoundError where none is.
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
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.leave()

    def leave(self) -> None:
        """Without removing the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def holder(path: Path) -> str:
    """` (process 4711)` of a lock file, empty where it does not say."""
    try:
        with path.open("rb") as file:
            text = file.read(20).strip()
    except OSError:
        return ""
    return f" (process {text.decode()})" if text.isdigit() else ""


_HELD: weakref.WeakSet[LockFile] = weakref.WeakSet()


def _forked() -> None:
    """A child that outlives its parent must not keep the parent's locks."""
    for lock in list(_HELD):
        lock.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
