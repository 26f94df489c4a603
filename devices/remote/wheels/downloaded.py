"""Download the wheels that a board without internet needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from edge_edet.devices.process import finish
from edge_edet.errors import BackendError

__all__ = ["fetch_wheels", "platforms"]

OLDEST_GLIBC = 17
TIMEOUT_S = 900


def platforms(machine: str, libc: Sequence[str]) -> list[str]:
    """List pip's platform tags for a machine, the newest first.

    Parameters
    ----------
    machine
        platform.machine() there.
    libc
        platform.libc_ver() there, such as ("glibc", "2.36").

    Returns
    -------
    list[str]
        The tags, such as manylinux_2_36_aarch64.

    Raises
    ------
    BackendError
        For another C library than glibc 2, for which no runtime has wheels.
    """
    major, _, minor = libc[1].partition(".") if libc[0] == "glibc" else ("", "", "")
    if major != "2" or not minor.isdigit():
        found = " ".join(libc).strip() or "another one"
        raise BackendError(f"runtimes have wheels for glibc only, but the C library is {found}")
    names = [f"manylinux_2_{n}_{machine}" for n in range(int(minor), OLDEST_GLIBC - 1, -1)]
    return [*names, f"manylinux2014_{machine}"]


def fetch_wheels(
    wheel: Path, extras: Sequence[str], folder: Path, python: str, names: Sequence[str]
) -> list[Path]:
    """Download what our wheel depends on.

    Parameters
    ----------
    wheel
        That of edge-edet.
    extras
        Its extras.
    folder
        Where to put the wheels.
    python
        The Python there, such as "3.11".
    names
        Its platforms, see `platforms`.

    Returns
    -------
    list of Path
        All wheels in the folder.
    """
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--python-version", python, "--dest", str(folder)]
    for name in names:
        command += ["--platform", name]
    what = f"downloading wheels for Python {python} on {names[0]}"
    finish([*command, f"{wheel}[{','.join(extras)}]"], what, timeout_s=TIMEOUT_S)
    return sorted(folder.glob("*.whl"))
