"""Frames, errors and locks, which all requests need."""

import json
import os
import sys
from pathlib import Path

__all__ = ["BEAT_S", "CHUNK", "RequestError", "lock", "send"]

CHUNK = 1 << 20
BEAT_S = 5.0  # a frame at least this often, or the connection counts as dead


class RequestError(Exception):
    """The error of a request: a code and a text, which the other side shows in one line."""


def send(**frame: object) -> None:
    """Write one frame."""
    sys.stdout.write(json.dumps(frame) + "\n")
    sys.stdout.flush()


def lock(path: Path) -> "int | None":
    """Take a lock that ends with this process and its forks; None if another process has it."""
    import fcntl

    handle = os.open(str(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
