"""Energy from sensors that a machine may have: Intel's RAPL, INA chips on boards."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol

__all__ = ["InaMeter", "Meter", "RaplMeter", "find_meter"]

POWERCAP = "sys/class/powercap"
HWMON = "sys/class/hwmon"
INA_NAMES = ("ina219", "ina220", "ina226", "ina230", "ina231", "ina260", "ina3221")
INTERVAL_S = 0.05


class Meter(Protocol):
    """Measures from the begin of `with` to its end.

    Attributes
    ----------
    source
        Name of the sensor.
    joules
        Energy between the two.
    """

    source: str
    joules: float

    def __enter__(self) -> Meter: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def find_meter(root: Path = Path("/")) -> Meter | None:
    """Find the first sensor that can be read; None without one. RAPL is often readable by root only."""
    packages = [
        folder
        for folder in sorted((root / POWERCAP).glob("intel-rapl:*"))
        if folder.name.count(":") == 1 and _integer(folder / "energy_uj") is not None
    ]
    if packages:
        return RaplMeter(packages)
    for folder in sorted((root / HWMON).glob("hwmon*")):
        if _text(folder / "name").strip() in INA_NAMES and _power_w(folder) is not None:
            return InaMeter(folder)
    return None


class RaplMeter:
    """Counters of microjoules, one a package, that wrap at max_energy_range_uj.

    The kernel's powercap documentation. A second thread reads them, lest they wrap twice unseen.
    """

    def __init__(self, folders: list[Path], interval_s: float = 10.0):
        self.source = "RAPL " + " ".join(_text(f / "name").strip() or f.name for f in folders)
        self.joules = 0.0
        self._folders = folders
        self._repeat = _Repeat(self._add, interval_s)

    def __enter__(self) -> RaplMeter:
        self._last = [_integer(folder / "energy_uj") for folder in self._folders]
        self.joules = 0.0
        self._repeat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._repeat.stop()

    def _add(self) -> None:
        for n, folder in enumerate(self._folders):
            now, before = _integer(folder / "energy_uj"), self._last[n]
            if now is None or before is None:
                continue
            wrapped = (_integer(folder / "max_energy_range_uj") or 0) if now < before else 0
            self.joules += (now - before + wrapped) / 1e6
            self._last[n] = now


class InaMeter:
    """Power read every INTERVAL_S and summed over time."""

    def __init__(self, folder: Path, interval_s: float = INTERVAL_S):
        self.source = f"{_text(folder / 'name').strip()} at {folder.name}"
        self.joules = 0.0
        self._folder = folder
        self._repeat = _Repeat(self._add, interval_s)

    def __enter__(self) -> InaMeter:
        self._time, self.joules = time.perf_counter(), 0.0
        self._repeat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._repeat.stop()

    def _add(self) -> None:
        now, power = time.perf_counter(), _power_w(self._folder)
        if power is not None:
            self.joules += power * (now - self._time)
        self._time = now


class _Repeat:
    """Calls a function every interval in a thread, and once more at the end."""

    def __init__(self, call: object, interval_s: float):
        self._call, self._interval_s = call, interval_s
        self._done = threading.Event()

    def start(self) -> None:
        self._done.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        assert callable(self._call)
        while not self._done.wait(self._interval_s):
            self._call()
        self._call()


def _power_w(folder: Path) -> float | None:
    """Of all channels: power*_input in microwatts, else mV times mA (kernel's hwmon sysfs)."""
    powers = [_integer(path) for path in sorted(folder.glob("power*_input"))]
    if powers:
        return sum(value or 0 for value in powers) / 1e6
    watts = []
    for path in sorted(folder.glob("curr*_input")):
        current = _integer(path)
        voltage = _integer(path.with_name(path.name.replace("curr", "in")))
        if current is not None and voltage is not None:
            watts.append(current * voltage / 1e6)
    return sum(watts) if watts else None


def _integer(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""
