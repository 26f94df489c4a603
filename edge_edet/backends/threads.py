"""How many threads an inference uses by default."""

from __future__ import annotations

import os
from pathlib import Path

from edge_edet.errors import InputError

__all__ = ["MAX_DEFAULT_THREADS", "physical_cores", "resolve_threads"]

MAX_DEFAULT_THREADS = 4  # the boards of this kind have four cores; beyond, D0 gains little
MAX_THREADS = 1024
CPU_FOLDER = Path("/sys/devices/system/cpu")


def physical_cores(folder: Path = CPU_FOLDER) -> int:
    """Count the cores that this process may use; two hardware threads of one core count once.

    Parameters
    ----------
    folder
        Where the system describes its processors, /sys/devices/system/cpu on Linux.

    Returns
    -------
    int
        At least 1.
    """
    try:
        cpus = sorted(os.sched_getaffinity(0))  # type: ignore[attr-defined, unused-ignore]
    except AttributeError:  # macOS and Windows have no affinity
        return os.cpu_count() or 1
    cores = set()
    for cpu in cpus:
        siblings = folder / f"cpu{cpu}" / "topology" / "thread_siblings_list"
        try:
            cores.add(siblings.read_text(encoding="ascii").strip())
        except (OSError, UnicodeDecodeError):
            cores.add(f"cpu{cpu}")
    return max(1, len(cores))


def resolve_threads(threads: int | None) -> int:
    """Return the number given, else the physical cores of this process, at most 4.

    Parameters
    ----------
    threads
        The number that was given; None: choose.

    Returns
    -------
    int
        The number of threads.

    Raises
    ------
    InputError
        For what is no integer from 1 to the most that are allowed.
    """
    if threads is None:
        return min(physical_cores(), MAX_DEFAULT_THREADS)
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MAX_THREADS:
        raise InputError(f"threads must be an integer from 1 to {MAX_THREADS}, but got {threads!r}")
    return threads
