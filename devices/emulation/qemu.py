"""Emulation: Python for 64-bit ARM on this machine, under QEMU's user emulation.

It runs the wheels that a board would install, so their true ARM kernels, where there is no board.
Numerics only, never time: QEMU imitates instructions one by one, so how long a run takes here says
nothing about any board.

`python -m edge_edet.devices.emulation SCRIPT ARGS...` runs a script so.
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
    "cortex-a53",  # Raspberry Pi 3, i.MX 8M: as the A72 to a program
)


def run_emulated(
    args: Sequence[str | Path],
    *,
    root: Path = DEFAULT_ROOT,
    runtime: str = "ai-edge-litert",
    cpu: str = "cortex-a72",
    timeout_s: float = 600,
) -> str:
    """Runs `python ARGS` on an emulated ARM core, with this edge_edet; gives its stdout.

    runtime: which of SITES it can import. Raises BackendError, with the last line of its stderr,
    where the script fails. Its duration means nothing.
    """
    command, environment = command_line(root, runtime, cpu)
    environment["PYTHONPATH"] += f"{os.pathsep}{package_folder(root.resolve() / 'own')}"
    what = f"{args[0]} on an emulated {cpu}"
    return finish([*command, *args], what, timeout_s=timeout_s, env=environment)


def command_line(root: Path, runtime: str, cpu: str) -> tuple[list[str | Path], dict[str, str]]:
    """The emulated Python, and its environment, with the runtime, without edge_edet."""
    if runtime not in SITES:
        raise InputError(f"unknown runtime {runtime!r} here: known are {', '.join(SITES)}")
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
    """Raises BackendError, with what to install, where there is none."""
    for name in ("qemu-aarch64-static", "qemu-aarch64"):
        if found := shutil.which(name):
            return found
    raise BackendError("there is no qemu-aarch64-static: apt-get install qemu-user-static")


def package_folder(folder: Path) -> Path:
    """Makes folder one for PYTHONPATH that holds edge_edet alone.

    What stands beside the package here may be built for another processor or Python.
    """
    package = Path(edge_edet.__file__).resolve().parent
    link = folder / package.name
    if link.resolve() != package:
        folder.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(package)
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m edge_edet.devices.emulation",
        description="run a Python script on an emulated ARM core: for numbers, never for time; the "
        "first run fetches Debian's Python for ARM and the wheels",
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
    print("emulated: its numbers count, its time does not", file=sys.stderr)
    return 0
