"""Emulation: Python for 64-bit ARM on this machine, under QEMU."""

from __future__ import annotations

from edge_edet.devices.emulation.arm_root import DEFAULT_ROOT, PYTHON, SITES, prepare
from edge_edet.devices.emulation.qemu import (
    CPUS,
    command_line,
    find_qemu,
    package_folder,
    run_emulated,
)

__all__ = [
    "CPUS",
    "DEFAULT_ROOT",
    "PYTHON",
    "SITES",
    "command_line",
    "find_qemu",
    "package_folder",
    "prepare",
    "run_emulated",
]
