"""Frames, and what all kinds of requests need."""

import json
import os
import sys
from pathlib import Path

__all__ = ["BEAT_S", "CHUNK", "RequestError", "lock", "send"]

CHUNK = 1 << 20
BEAT_S = 5.0  # a frame at least this often, so that a dead connection shows


class RequestError(Exception):
    """code, text: what the other side shows in one line."""


def send(**frame: object) -> None:
    sys.stdout.write(json.dumps(frame) + "\n")
    sys.stdout.flush()


def lock(path: Path) -> "int | None":
    """A lock that ends with the process and what it forks; None where another one has it."""
    import fcntl

    handle = os.open(str(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
