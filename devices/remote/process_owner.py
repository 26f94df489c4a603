"""Who started a measurement on a board, so that one whose command was killed can be ended."""

from __future__ import annotations

import json
import os
import platform
import uuid
from pathlib import Path

__all__ = ["is_gone", "this_process"]

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")  # containers of one machine count their processes apart


def this_process() -> str:
    """One line: where this process runs, its number and its start."""
    return json.dumps([*_place(), os.getpid(), _start(os.getpid())])


def is_gone(owner: str) -> bool:
    """Whether it is a process of this machine that has ended; False where that cannot be told."""
    try:
        *place, pid, start = json.loads(owner)
    except ValueError:
        return False
    return bool(place == _place() and _start(pid) != start)


def _place() -> list[str | int]:
    try:
        told = [BOOT_ID.read_text().strip(), str(NAMESPACE.readlink())]
    except OSError:
        told = ["", ""]
    return [platform.node(), uuid.getnode(), *told]


def _start(pid: int) -> str | None:
    """In ticks since the machine's start, as numbers come again; None where there is none."""
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
