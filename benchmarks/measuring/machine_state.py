"""The state of the machine: governor, load, temperature, frequency, throttling."""

from __future__ import annotations

import dataclasses
import os
import platform
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_edet.benchmarks.rows import MachineState
from edge_edet.system import this_machine

__all__ = [
    "CpuTime",
    "ThermalState",
    "machine_state",
    "read_cpu_time",
    "read_thermal_state",
    "vcgencmd",
]

# bits of `vcgencmd get_throttled` that hold now (raspberrypi.com/documentation, vcgencmd)
THROTTLED_BITS = {
    0: "undervoltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
# thermal zones of the processor, by what their drivers call them; others count only without these
CPU_ZONES = ("cpu", "soc", "x86_pkg_temp", "coretemp", "k10temp", "acpitz")
SANE_C = (-40.0, 150.0)

Ask = Callable[[str], "str | None"]  # a word for vcgencmd -> its answer


@dataclass(frozen=True)
class ThermalState:
    """Temperature, clock and throttling at one moment; None where the system does not report them."""

    temperature_c: float | None
    frequency_mhz: float | None
    throttled: tuple[str, ...] | None


@dataclass(frozen=True)
class CpuTime:
    """Core seconds.

    Attributes
    ----------
    all_s
        All that the cores were busy since the machine's start; None where that is unknown.
    own_s
        This process's part.
    """

    all_s: float | None
    own_s: float

    def others_since(self, before: CpuTime, seconds: float) -> float | None:
        """Compute the cores that others kept busy between the two, on average; None where unknown."""
        if self.all_s is None or before.all_s is None or seconds <= 0:
            return None
        others = (self.all_s - before.all_s) - (self.own_s - before.own_s)
        return max(others, 0.0) / seconds


def machine_state(root: Path = Path("/"), ask: Ask | None = None) -> MachineState:
    """Read the machine's state; busy_cores stays None, as it takes two readings."""
    heat = read_thermal_state(root, ask)
    known = dataclasses.asdict(this_machine(root / "proc"))
    return MachineState(
        **known,
        python=platform.python_version(),
        governor=_governor(root),
        load_1m=_number(root / "proc/loadavg"),
        temperature_c=heat.temperature_c,
        frequency_mhz=heat.frequency_mhz,
        frequency_max_mhz=_highest(_cpufreq(root, "cpuinfo_max_freq"), 1e-3),
        throttled=heat.throttled,
    )


def read_thermal_state(root: Path = Path("/"), ask: Ask | None = None) -> ThermalState:
    """Read temperature, clock and throttling; asks vcgencmd only where no file has the answer."""
    ask = ask or vcgencmd
    return ThermalState(
        _temperature(root),
        _highest(_cpufreq(root, "scaling_cur_freq"), 1e-3) or _cpuinfo_mhz(root),
        _throttled(root, ask),
    )


def read_cpu_time(root: Path = Path("/")) -> CpuTime:
    """Read Linux's /proc/stat: user, nice, system, irq, softirq, steal; without idle and iowait."""
    own = os.times()
    first = _text(root / "proc/stat").split("\n", 1)[0].split()
    busy = None
    if first[:1] == ["cpu"] and len(first) >= 9:
        ticks = [int(word) for word in first[1:9]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return CpuTime(busy, own.user + own.system)


def vcgencmd(word: str) -> str | None:
    """Ask the Raspberry Pi's firmware; None on other machines."""
    try:
        done = subprocess.run(["vcgencmd", word], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _governor(root: Path) -> str | None:
    """Of all cores; several where they differ."""
    names = sorted({_text(path).strip() for path in _cpufreq(root, "scaling_governor")} - {""})
    return " ".join(names) or None


def _temperature(root: Path) -> float | None:
    """Of the hottest part of the processor, where zones say which ones these are."""
    zones = []
    for folder in (root / "sys/class/thermal").glob("thermal_zone*"):
        value = _number(folder / "temp")
        if value is not None and SANE_C[0] < value / 1e3 < SANE_C[1]:
            kind = _text(folder / "type").lower()
            zones.append((any(one in kind for one in CPU_ZONES), value / 1e3))
    return max(zones)[1] if zones else None


def _throttled(root: Path, ask: Ask) -> tuple[str, ...] | None:
    text = _text(root / FIRMWARE).strip() or (ask("get_throttled") or "").rpartition("=")[2]
    try:
        bits = int(text, 16)
    except ValueError:
        return _capped(root)
    return tuple(name for bit, name in THROTTLED_BITS.items() if bits >> bit & 1)


def _capped(root: Path) -> tuple[str, ...] | None:
    """Elsewhere: where a thermal governor has lowered the highest frequency that is allowed."""
    told = False
    for path in _cpufreq(root, "scaling_max_freq"):
        allowed, able = _number(path), _number(path.with_name("cpuinfo_max_freq"))
        if allowed is not None and able is not None:
            told = True
            if allowed < able:
                return ("frequency capped",)
    return () if told else None


def _cpufreq(root: Path, name: str) -> list[Path]:
    return sorted((root / "sys/devices/system/cpu").glob(f"cpu[0-9]*/cpufreq/{name}"))


def _cpuinfo_mhz(root: Path) -> float | None:
    """x86 without cpufreq, as in virtual machines."""
    lines = (line.partition(":") for line in _text(root / "proc/cpuinfo").splitlines())
    values = [float(value) for key, _, value in lines if key.strip() == "cpu MHz"]
    return max(values, default=None)


def _highest(paths: Iterable[Path], scale: float) -> float | None:
    values = [value for path in paths if (value := _number(path)) is not None]
    return max(values) * scale if values else None


def _number(path: Path) -> float | None:
    try:
        return float(_text(path).split()[0])
    except (IndexError, ValueError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
