"""Which process started a measurement on a board, to end the measurement if that process is gone."""

from __future__ import annotations

import json
import os
import platform
import uuid
from pathlib import Path

__all__ = ["is_gone", "this_process"]

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")  # containers of one machine have process ids of their own


def this_process() -> str:
    """Describe this process in one line: its machine, its id and its start."""
    return json.dumps([*_place(), os.getpid(), _start(os.getpid())])


def is_gone(owner: str) -> bool:
    """Check whether the owner is a process of this machine that has ended; False if that is unknown."""
    try:
        *place, pid, start = json.loads(owner)
    except ValueError:
        return False
    return bool(place == _place() and _start(pid) != start)


def _place() -> list[str | int]:
    try:
        boot = [BOOT_ID.read_text().strip(), str(NAMESPACE.readlink())]
    except OSError:
        boot = ["", ""]
    return [platform.node(), uuid.getnode(), *boot]


def _start(pid: int) -> str | None:
    """Read when the process started, in ticks, because ids are used again; None: there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return ""
