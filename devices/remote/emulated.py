"""The transport "emulated": the ARM wheels under QEMU, in the contract of real boards.

What it computes is what a board computes. How long it takes is nothing to do with any board, so
`how` says "emulated", and whoever makes rows of it leaves the times out.
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
    """See Transport. The first use fetches Debian's Python for ARM and the wheels."""

    how = "emulated"
    program = "edge-edet"

    def __init__(self, host: Host, root: Path = DEFAULT_ROOT):
        assert host.emulated is not None
        profiles = known_profiles()
        profile = find_profile(host.emulated, profiles)
        if profile.emulated_cpu is None:
            can = ", ".join(one.id for one in profiles.values() if one.emulated_cpu)
            raise InputError(f"{profile.id} is not emulated here: can be {can}")
        self.name = host.name
        self._device, self._cpu, self._root = profile.id, profile.emulated_cpu, root
        self._command: list[str | Path] = []
        self._environment: dict[str, str] = {}

    def prepare(self, extras: Sequence[str] = ("litert", "devices")) -> Board:
        wanted = [extra for extra in extras if extra not in NEEDS_NOTHING]
        if len(wanted) != 1 or wanted[0] not in SITE_OF_EXTRA:
            raise InputError(
                f"{self.name} has one of {', '.join(SITE_OF_EXTRA)}, but was asked for "
                f"{', '.join(wanted) or 'none'}: a .tflite without --data runs there"
            )
        find_qemu()
        root = prepare(self._root)
        command, environment = command_line(root, SITE_OF_EXTRA[wanted[0]], self._cpu)
        environment["PYTHONPATH"] += f"{os.pathsep}{_own_package(root)}"
        self._command, self._environment = command, environment
        because = f"QEMU's {self._cpu}, for numbers and not for time"
        return Board(self._device, because, f"aarch64, Python {PYTHON}")

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        for path in paths:
            if not path.exists():
                raise InputError(f"there is no {path} to run")
        return {path: str(path.absolute()) for path in paths}

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        assert self._command, "prepare comes first"
        command = [*self._command, "-m", "edge_edet", *arguments]
        return run_here(command, self.name, self._environment)

    def clean(self) -> int:
        return 0  # what was fetched serves every emulation; 'rm -r build/aarch64-root' removes it

    def close(self) -> None:
        pass


def _own_package(root: Path) -> Path:
    """A folder with this edge_edet, all parts, and nothing beside that is of another processor."""
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
