"""The transport "emulated": the ARM wheels under QEMU, used as a real board is.

It computes what a board computes. Its times say nothing about a board, so `how` is "emulated", and rows
made from it leave the times out.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.devices.boards import find_profile, known_profiles
from edge_edet.devices.emulation import (
    DEFAULT_ROOT,
    PYTHON,
    SITES,
    command_line,
    find_qemu,
    prepare,
)
from edge_edet.devices.remote.content_listing import digest
from edge_edet.devices.remote.program_output import run_here
from edge_edet.devices.remote.transport import Board
from edge_edet.devices.remote.wheels import write_wheel
from edge_edet.errors import InputError
from edge_edet.runtimes import RUNTIMES

if TYPE_CHECKING:
    from edge_edet.devices.remote.hosts import Host

__all__ = ["Emulated"]

SITE_OF_EXTRA = {RUNTIMES[name].extra: name for name in SITES}
NEEDS_NOTHING = ("devices",)


class Emulated:
    """The transport to an emulated board. `prepare` downloads Debian's Python for ARM and the wheels once.

    Parameters
    ----------
    host
        Its emulated is the id of the board.
    root
        The folder of the downloads.

    Raises
    ------
    InputError
        When the board is unknown, or no core of QEMU stands in for its own.
    """

    how = "emulated"
    program = "edge-edet"

    def __init__(self, host: Host, root: Path = DEFAULT_ROOT):
        assert host.emulated is not None
        profiles = known_profiles()
        profile = find_profile(host.emulated, profiles)
        if profile.emulated_cpu is None:
            can = ", ".join(one.id for one in profiles.values() if one.emulated_cpu)
            raise InputError(f"{profile.id} cannot be emulated: boards that can are {can}")
        self.name = host.name
        self._device, self._cpu, self._root = profile.id, profile.emulated_cpu, root
        self._command: list[str | Path] = []
        self._environment: dict[str, str] = {}

    def prepare(self, extras: Sequence[str] = ("litert", "devices")) -> Board:
        """Download what is missing; extras must name one of SITE_OF_EXTRA."""
        wanted = [extra for extra in extras if extra not in NEEDS_NOTHING]
        if len(wanted) != 1 or wanted[0] not in SITE_OF_EXTRA:
            raise InputError(
                f"{self.name} has {' or '.join(SITE_OF_EXTRA)}, but was asked for "
                f"{', '.join(wanted) or 'none'}: it runs a .tflite without --data"
            )
        find_qemu()
        root = prepare(self._root)
        command, environment = command_line(root, SITE_OF_EXTRA[wanted[0]], self._cpu)
        environment["PYTHONPATH"] += f"{os.pathsep}{_own_package(root)}"
        self._command, self._environment = command, environment
        because = f"QEMU's {self._cpu}, for numbers and not for time"
        return Board(self._device, because, f"aarch64, Python {PYTHON}")

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """Return the absolute paths: nothing needs to be sent."""
        for path in paths:
            if not path.exists():
                raise InputError(f"there is no {path} to run")
        return {path: str(path.absolute()) for path in paths}

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Run edge-edet under QEMU and yield its rows; see `Transport.run`."""
        assert self._command, "prepare comes first"
        command = [*self._command, "-m", "edge_edet", *arguments]
        return run_here(command, self.name, self._environment)

    def clean(self) -> int:
        """Remove nothing: the downloads serve every emulation; 'rm -r build/aarch64-root' removes them."""
        return 0

    def close(self) -> None:
        """Do nothing: there is no connection."""


def _own_package(root: Path) -> Path:
    """Make a folder with all of this edge_edet, and no other package, which may be for another processor."""
    with tempfile.TemporaryDirectory(dir=root) as temporary:
        wheel = write_wheel(Path(temporary))
        folder = root / f"package-{digest(wheel.read_bytes().hex())}"
        if not folder.exists():
            new = Path(temporary) / "new"
            with zipfile.ZipFile(wheel) as file:
                file.extractall(new)
            try:
                new.rename(folder)
            except OSError:
                if not folder.exists():  # else another process was quicker
                    raise
    return folder
