"""The machine that this runs on, and what is installed on it."""

from __future__ import annotations

from edge_edet.system.counting import CountingTools, check_counting, find_counting_tools
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
    "CountingTools",
    "Machine",
    "check_counting",
    "check_delegates",
    "check_devices",
    "check_extras",
    "check_runtimes",
    "find_counting_tools",
    "this_machine",
]
