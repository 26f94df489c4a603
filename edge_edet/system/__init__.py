"""The machine that this runs on, and what is installed on it."""

from __future__ import annotations

from edge_edet.system.installed import (
    Check,
    check_delegates,
    check_devices,
    check_extras,
    check_runtimes,
)
from edge_edet.system.machine import CPU_FEATURES, Machine, this_machine

__all__ = [
    "CPU_FEATURES",
    "Check",
    "Machine",
    "check_delegates",
    "check_devices",
    "check_extras",
    "check_runtimes",
    "this_machine",
]
