"""What is read from /proc, /sys and vcgencmd, from folders made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_edet.benchmarks.measuring.energy import InaMeter, RaplMeter, find_meter
from edge_edet.benchmarks.measuring.machine_state import (
    CpuTime,
    machine_state,
    read_cpu_time,
    read_thermal_state,
)

PI = {
    "proc/loadavg": "0.52 0.40 0.30 1/200 999\n",
    "proc/stat": "cpu  100 0 50 900 30 10 5 5 0 0\ncpu0 1 2 3\n",
    "proc/cpuinfo": "processor : 0\nModel : Raspberry Pi 4 Model B Rev 1.4\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "61251\n",
    "sys/class/thermal/thermal_zone1/type": "nvme\n",
    "sys/class/thermal/thermal_zone1/temp": "70000\n",
    "sys/class/thermal/thermal_zone2/type": "cpu-broken\n",
    "sys/class/thermal/thermal_zone2/temp": "-274000\n",
}
CORE = "sys/devices/system/cpu/cpu{}/cpufreq/"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def cores(governors: list[str], allowed: int = 1_800_000) -> dict[str, str]:
    files = {}
    for n, governor in enumerate(governors):
        files[CORE.format(n) + "scaling_governor"] = f"{governor}\n"
        files[CORE.format(n) + "scaling_cur_freq"] = f"{600_000 + n}\n"
        files[CORE.format(n) + "scaling_max_freq"] = f"{allowed}\n"
        files[CORE.format(n) + "cpuinfo_max_freq"] = "1800000\n"
    return files


def silent(word: str) -> str | None:
    return None


def test_a_pi_tells_all_of_it(tmp_path: Path) -> None:
    root = tree(tmp_path, PI | cores(["ondemand", "ondemand"]))
    state = machine_state(root, lambda word: "throttled=0x50005")
    assert state.governor == "ondemand"
    assert state.load_1m == 0.52
    assert state.temperature_c == 61.251
    assert state.frequency_mhz == pytest.approx(600.001)
    assert state.frequency_max_mhz == 1800.0
    assert state.throttled == ("undervoltage", "throttled")  # the upper bits are of the past
    assert state.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert state.busy_cores is None


@pytest.mark.parametrize(
    ("files", "answer", "throttled"),
    [
        (cores(["performance"]), "throttled=0x0", ()),
        (cores(["performance"]), None, ()),
        (cores(["performance"], allowed=1_200_000), None, ("frequency capped",)),
        (
            {"sys/devices/platform/soc/soc:firmware/get_throttled": "8\n"},
            None,
            ("soft temperature limit",),
        ),
        ({}, None, None),
        ({}, "throttled=nonsense", None),
    ],
)
def test_throttling_from_the_firmware_or_the_limits(
    tmp_path: Path, files: dict[str, str], answer: str | None, throttled: tuple[str, ...] | None
) -> None:
    heat = read_thermal_state(tree(tmp_path, files), lambda word: answer)
    assert heat.throttled == throttled


def test_a_machine_that_tells_nothing_gives_none(tmp_path: Path) -> None:
    state = machine_state(tmp_path, silent)
    told = (state.governor, state.load_1m, state.temperature_c, state.frequency_mhz)
    assert told == (None,) * 4
    assert read_cpu_time(tmp_path).all_s is None


def test_governors_that_differ_are_both_told(tmp_path: Path) -> None:
    root = tree(tmp_path, cores(["powersave", "performance"]))
    assert machine_state(root, silent).governor == "performance powersave"


def test_what_others_take_is_the_rest() -> None:
    before, after = CpuTime(100.0, 10.0), CpuTime(130.0, 25.0)
    assert after.others_since(before, 10.0) == pytest.approx(1.5)
    assert CpuTime(110.0, 25.0).others_since(before, 10.0) == 0.0
    assert CpuTime(None, 25.0).others_since(before, 10.0) is None


def test_busy_time_leaves_out_idle_and_waiting(tmp_path: Path) -> None:
    import os

    ticks = os.sysconf("SC_CLK_TCK")
    assert read_cpu_time(tree(tmp_path, PI)).all_s == pytest.approx(170 / ticks)


def test_rapl_is_the_difference_and_survives_a_wrap(tmp_path: Path) -> None:
    name = "sys/class/powercap/intel-rapl:{}/"
    tree(
        tmp_path,
        {
            name.format("0") + "energy_uj": "900000\n",
            name.format("0") + "max_energy_range_uj": "1000000\n",
            name.format("0") + "name": "package-0\n",
            name.format("0:0") + "energy_uj": "5\n",  # a part of the package: not counted twice
        },
    )
    meter = find_meter(tmp_path)
    assert isinstance(meter, RaplMeter)
    assert meter.source == "RAPL package-0"
    with meter:
        (tmp_path / name.format("0") / "energy_uj").write_text("400000\n")
    assert meter.joules == pytest.approx(0.5)


@pytest.mark.parametrize(
    "sensors",
    [{"power1_input": "2000000\n"}, {"curr1_input": "400\n", "in1_input": "5000\n"}],
    ids=["power", "current and voltage"],
)
def test_ina_is_power_over_time(tmp_path: Path, sensors: dict[str, str]) -> None:
    import time

    folder = "sys/class/hwmon/hwmon3/"
    tree(tmp_path, {folder + "name": "ina226\n"} | {folder + k: v for k, v in sensors.items()})
    meter = find_meter(tmp_path)
    assert isinstance(meter, InaMeter)
    start = time.perf_counter()
    with meter:
        time.sleep(0.1)
    most = time.perf_counter() - start
    assert 0.19 <= meter.joules <= 2.0 * most + 1e-6  # 2 W


def test_no_sensor_is_none(tmp_path: Path) -> None:
    root = tree(tmp_path, {"sys/class/hwmon/hwmon0/name": "nvme\n"})
    assert find_meter(root) is None
