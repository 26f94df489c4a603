"""The machine that this runs on: its CPU, the CPU's features for INT8, cores and memory."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from edge_edet.backends import physical_cores

__all__ = ["Machine", "parse_cpuinfo", "this_machine"]

# CPU flag in /proc/cpuinfo -> what it gives, by kind of machine
CPU_FEATURES: dict[str, dict[str, str]] = {
    "x86_64": {
        "avx2": "256-bit integers",
        "avx512_vnni": "INT8 dot product, 512 bits",
        "avx_vnni": "INT8 dot product, 256 bits",
        "amx_int8": "INT8 matrix tiles",
        "avx512_bf16": "BF16 dot product",
        "amx_bf16": "BF16 matrix tiles",
    },
    "aarch64": {
        "asimd": "NEON, 128 bits",
        "asimddp": "INT8 dot product",
        "i8mm": "INT8 matrix product",
        "sve": "scalable vectors",
        "bf16": "BF16 dot product",
    },
    "armv7l": {"neon": "NEON, 128 bits", "asimddp": "INT8 dot product"},
}
ALIASES = {"amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l"}
NAME_KEYS = ("model name", "Model", "Hardware")  # x86; Raspberry Pi; older ARM kernels


@dataclass(frozen=True)
class Machine:
    """What the system reports about the machine.

    Attributes
    ----------
    cores, threads
        Physical cores and hardware threads that this process may use.
    features
        CPU flag of CPU_FEATURES -> whether the CPU has it; empty where the system does not report it.
    """

    system: str
    architecture: str
    cpu: str
    board: str | None
    cores: int
    threads: int
    features: dict[str, bool]
    memory_bytes: int | None
    memory_available_bytes: int | None


def this_machine(proc: Path = Path("/proc")) -> Machine:
    """Read what the system reports; None or empty where it does not. proc: for tests.

    Parameters
    ----------
    proc
        Where the system describes itself.

    Returns
    -------
    Machine
        The machine.
    """
    architecture = platform.machine().lower()
    architecture = ALIASES.get(architecture, architecture)
    name, flags = parse_cpuinfo(_read(proc / "cpuinfo"))
    known = CPU_FEATURES.get(architecture, {}) if flags else {}
    memory = _meminfo(_read(proc / "meminfo"))
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        architecture=architecture,
        cpu=name or platform.processor() or "unknown CPU",
        board=_read(proc / "device-tree" / "model").strip("\0\n ") or None,
        cores=physical_cores(),
        threads=_usable_threads(),
        features={flag: flag in flags for flag in known},
        memory_bytes=memory.get("MemTotal"),
        memory_available_bytes=memory.get("MemAvailable"),
    )


def parse_cpuinfo(text: str) -> tuple[str, set[str]]:
    """Parse /proc/cpuinfo to the CPU's name, "" if it is missing, and its flags."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    name = next((fields[key] for key in NAME_KEYS if fields.get(key)), "")
    return name, set(fields.get("flags", fields.get("Features", "")).split())


def _meminfo(text: str) -> dict[str, int]:
    """Field -> bytes of /proc/meminfo."""
    rows = (line.split() for line in text.splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if row[-1:] == ["kB"]}


def _usable_threads() -> int:
    try:
        return len(os.sched_getaffinity(0))  # type: ignore[attr-defined, unused-ignore]
    except AttributeError:  # macOS and Windows have no affinity
        return os.cpu_count() or 1


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
