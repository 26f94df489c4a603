"""Python for 64-bit ARM on this machine, under QEMU's user emulation.

It runs the wheels that a board would install, with their real ARM kernels, without a board. It is for
numbers only, never for time: QEMU translates single instructions, so the time of a run says nothing about
any board.

`python -m edge_edet.devices.emulation SCRIPT ARGS...` runs a script this way.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import edge_edet
from edge_edet.devices.emulation.arm_root import DEFAULT_ROOT, PYTHON, SITES, prepare
from edge_edet.devices.process import finish
from edge_edet.errors import BackendError, InputError

__all__ = [
    "CPUS",
    "DEFAULT_ROOT",
    "SITES",
    "command_line",
    "find_qemu",
    "package_folder",
    "run_emulated",
]

CPUS = (
    "cortex-a72",  # Raspberry Pi 4: no dot product instructions
    "cortex-a76",  # Raspberry Pi 5: with dot product and half precision instructions
    "cortex-a53",  # Raspberry Pi 3, i.MX 8M: the same instructions as the A72
    "max,sme=off,sve=off",  # phones and laptops from Cortex-X2 on: with int8 matrix instructions
)


def run_emulated(
    args: Sequence[str | Path],
    *,
    root: Path = DEFAULT_ROOT,
    runtime: str = "ai-edge-litert",
    cpu: str = "cortex-a72",
    timeout_s: float = 600,
) -> str:
    """Run `python ARGS` on an emulated ARM core, with this edge_edet. Its duration means nothing.

    Parameters
    ----------
    args
        The script and its arguments.
    root
        The folder that `prepare` fills.
    runtime
        The one of SITES that the script can import.
    cpu
        One of CPUS.
    timeout_s
        Seconds after which the script is ended.

    Returns
    -------
    str
        Its stdout.

    Raises
    ------
    BackendError
        When QEMU is missing, or the script fails: with the last line of its stderr.
    InputError
        For an unknown runtime or core.
    """
    command, environment = command_line(root, runtime, cpu)
    environment["PYTHONPATH"] += f"{os.pathsep}{package_folder(root.resolve() / 'own')}"
    what = f"{args[0]} on an emulated {cpu}"
    return finish([*command, *args], what, timeout_s=timeout_s, env=environment)


def command_line(root: Path, runtime: str, cpu: str) -> tuple[list[str | Path], dict[str, str]]:
    """Make the command and the environment of an emulated Python that has the runtime, but not edge_edet.

    Parameters
    ----------
    root
        The folder with Debian's Python for ARM, filled where it is not.
    runtime
        The runtime's name, such as ai-edge-litert.
    cpu
        QEMU's name of the core, such as cortex-a72.

    Returns
    -------
    tuple[list[str | Path], dict[str, str]]
        The command, and the variables to set in its environment.

    Raises
    ------
    BackendError
        When QEMU is missing, or the folder cannot be filled.
    InputError
        For an unknown runtime or core.
    """
    if runtime not in SITES:
        raise InputError(f"unknown runtime {runtime!r} to emulate: known are {', '.join(SITES)}")
    if cpu not in CPUS:
        raise InputError(f"unknown CPU {cpu!r} to emulate: known are {', '.join(CPUS)}")
    qemu = find_qemu()
    root = prepare(root)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(root),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(root / "sites" / runtime),
        "PYTHONSAFEPATH": "1",
        "PYTHONPYCACHEPREFIX": str(root / "pycache"),
    }
    python = root / "usr" / "bin" / f"python{PYTHON}"
    return [qemu, "-cpu", cpu, "-L", root, python], environment


def find_qemu() -> str:
    """Find QEMU's program.

    Returns
    -------
    str
        The path of qemu-aarch64-static.

    Raises
    ------
    BackendError
        When it is not installed; the message says what to install.
    """
    for name in ("qemu-aarch64-static", "qemu-aarch64"):
        if found := shutil.which(name):
            return found
    raise BackendError("there is no qemu-aarch64-static: apt-get install qemu-user-static")


def package_folder(folder: Path) -> Path:
    """Make a folder for PYTHONPATH that holds only edge_edet, as a link.

    The packages installed beside edge_edet here may be for another processor or Python.

    Parameters
    ----------
    folder
        Where the folder is made.

    Returns
    -------
    Path
        The folder.
    """
    package = Path(edge_edet.__file__).resolve().parent
    link = folder / package.name
    if link.resolve() != package:
        folder.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(package)
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run a script on an emulated core; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_edet.devices.emulation",
        description="run a Python script on an emulated ARM core: for numbers, never for time; the "
        "first run downloads Debian's Python for ARM and the wheels",
    )
    parser.add_argument("--runtime", choices=SITES, default="ai-edge-litert")
    parser.add_argument("--cpu", choices=CPUS, default="cortex-a72")
    parser.add_argument("--root", type=Path, default=DEFAULT_ROOT, metavar="DIR")
    parser.add_argument("args", nargs=argparse.REMAINDER, metavar="SCRIPT ARGS...")
    args = parser.parse_args(argv)
    if not args.args:
        parser.error("name a script to run")
    try:
        print(run_emulated(args.args, root=args.root, runtime=args.runtime, cpu=args.cpu), end="")
    except edge_edet.EdgeEdetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    print("emulated: the numbers are valid, the time is not", file=sys.stderr)
    return 0
