"""The programs that count instructions of emulated ARM cores: a QEMU that loads plugins, a C compiler."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from edge_edet.errors import BackendError
from edge_edet.system.installed import Check

__all__ = ["CountingTools", "check_counting", "find_counting_tools"]

OLDEST = (7, 2)  # of Debian 12
INSTALL = "apt-get install qemu-user gcc"
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class CountingTools:
    """What counting needs.

    Attributes
    ----------
    qemu
        The program, which loads plugins.
    version
        Its version: major, minor.
    compiler
        A C compiler.
    """

    qemu: str
    version: tuple[int, int]
    compiler: str


def find_counting_tools() -> CountingTools:
    """Find QEMU and a compiler.

    Returns
    -------
    CountingTools
        Their paths.

    Raises
    ------
    BackendError
        What is missing or cannot be used, with the command that installs it.
    """
    qemu = shutil.which("qemu-aarch64")
    if qemu is None:
        static = shutil.which("qemu-aarch64-static") is not None
        raise BackendError(
            f"qemu-aarch64-static cannot load the counter, since it is static: {INSTALL}"
            if static
            else f"there is no qemu-aarch64 to count with: {INSTALL}"
        )
    found = re.search(r"version (\d+)\.(\d+)", _said(qemu, "--version"))
    if found is None:
        raise BackendError(f"{qemu} does not state its version: {INSTALL}")
    version = int(found[1]), int(found[2])
    if version < OLDEST:
        raise BackendError(
            f"{qemu} is QEMU {version[0]}.{version[1]}, whose plugins cannot count: expected "
            f"{OLDEST[0]}.{OLDEST[1]}, that of Debian 12, or later"
        )
    if "-plugin" not in _said(qemu, "--help"):
        raise BackendError(
            f"{qemu} was built without support for plugins, as Debian 13's QEMU 10.0 is: take Debian 12's "
            "qemu-user (QEMU 7.2), or build QEMU with --enable-plugins"
        )
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise BackendError(f"there is no C compiler (cc) for the counter: {INSTALL}")
    return CountingTools(qemu, version, compiler)


def check_counting() -> Check:
    """Check whether instructions of emulated cores can be counted here.

    Returns
    -------
    Check
        Whether they can, or what is missing.
    """
    try:
        tools = find_counting_tools()
    except BackendError as error:
        return Check("bench --count", False, str(error))
    version = ".".join(map(str, tools.version))
    return Check("bench --count", True, "instructions of emulated ARM cores", f"QEMU {version}")


def _said(program: str, option: str) -> str:
    try:
        done = subprocess.run(
            [program, option],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError(f"{program} could not be run: {error}") from None
    return done.stdout
