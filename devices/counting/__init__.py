"""Instructions that emulated ARM cores execute for one inference, counted by a plugin of QEMU."""

from __future__ import annotations

from edge_edet.devices.counting.agree import disagreement
from edge_edet.devices.counting.cores import CORES, Core, find_core
from edge_edet.devices.counting.counter import KINDS, KindCounts, build_counter
from edge_edet.devices.counting.run import CountedRun, ModelRun, run_counted, run_same_wheel

__all__ = [
    "CORES",
    "KINDS",
    "Core",
    "CountedRun",
    "KindCounts",
    "ModelRun",
    "build_counter",
    "disagreement",
    "find_core",
    "run_counted",
    "run_same_wheel",
]
