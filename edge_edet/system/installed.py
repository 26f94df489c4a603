"""What is installed for edge-edet, and whether it works: runtimes, delegates, extras.

Each runtime is imported in a process of its own: one that is broken may end the process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edge_edet.backends.litert import summary
from edge_edet.formats import FORMATS
from edge_edet.optional_packages import EXTRAS, install
from edge_edet.runtimes import RUNTIMES, installed_version, is_installed

__all__ = ["Check", "check_delegates", "check_devices", "check_extras", "check_runtimes"]

TIMEOUT_S = 120.0  # TensorFlow takes seconds to import, on a board many
GPU_LIBRARY = "libLiteRtWebGpuAccelerator.so"
EDGETPU_LIBRARY = "libedgetpu.so.1"
NUMPY_1 = "numpy<2"


@dataclass(frozen=True)
class Check:
    """One thing that may be installed; note: what it is for, or how to get it.

    Attributes
    ----------
    name
        Of the runtime, delegate, device or extra.
    works
        Whether it can be used.
    note
        What it is for, or how to get it.
    version
        The installed version; None: it has none, or is not there.
    """

    name: str
    works: bool
    note: str
    version: str | None = None


OPENVINO_DRIVERS = {
    "GPU": "an Intel GPU needs its OpenCL driver, on Debian apt-get install intel-opencl-icd",
    "NPU": "an Intel NPU needs its driver, github.com/intel/linux-npu-driver",
}
WITH_DEVICES = ("openvino", "onnxruntime")


def check_runtimes() -> list[Check]:
    """Check every runtime: its version, and whether it can be imported.

    Returns
    -------
    list[Check]
        One for each runtime.
    """
    probes = {
        name: _start("-c", f"import {runtime.module}")
        for name, runtime in RUNTIMES.items()
        if runtime.is_installed
    }
    return [_check_runtime(name, probes.get(name)) for name in RUNTIMES]


def _check_runtime(name: str, probe: subprocess.Popen[str] | None) -> Check:
    runtime = RUNTIMES[name]
    runs = (form.suffix for form in FORMATS.values() if name in form.runtimes)
    purpose = f"runs {' and '.join(runs)}"
    if probe is None:
        return Check(name, False, f"{install(runtime.extra)} ({purpose})")
    version = installed_version(*runtime.distributions)
    _, error = _finish(probe)
    if error is None:
        speed = summary(name, version or "")
        return Check(name, True, f"{purpose}; {speed}" if speed else purpose, version)
    if name == "tflite-runtime" and (installed_version("numpy") or "").startswith(("2.", "3.")):
        error += f"; it needs an older numpy: pip install '{NUMPY_1}'"
    return Check(name, False, f"is installed but cannot be imported: {error}", version)


def check_devices(runtimes: list[Check]) -> list[Check]:
    """List the devices that OpenVINO and onnxruntime find: names for `device`.

    Parameters
    ----------
    runtimes
        As `check_runtimes` returns them.

    Returns
    -------
    list[Check]
        One for each device.
    """
    working = [check.name for check in runtimes if check.works and check.name in WITH_DEVICES]
    probes = {name: _start("-m", "edge_edet.backends.list_devices", name) for name in working}
    checks = []
    for runtime, probe in probes.items():
        output, error = _finish(probe)
        if error is not None:
            checks.append(Check(runtime, False, f"cannot list its devices: {error}"))
            continue
        devices: dict[str, str] = json.loads(output.splitlines()[-1])
        if runtime == "onnxruntime":
            checks.append(Check(runtime, True, ", ".join(devices)))
            continue
        checks += [Check(one, True, f"openvino: {full}") for one, full in devices.items()]
        for kind, driver in OPENVINO_DRIVERS.items():
            if not any(one.partition(".")[0] == kind for one in devices):
                checks.append(Check(kind, False, f"openvino finds none: {driver}"))
    return checks


def check_delegates(runtimes: list[Check]) -> list[Check]:
    """Check the delegates, which take work from the runtime's own kernels.

    Parameters
    ----------
    runtimes
        As `check_runtimes` returns them.

    Returns
    -------
    list[Check]
        One for each delegate.
    """
    litert = FORMATS[".tflite"].runtimes
    here = next((check.name for check in runtimes if check.works and check.name in litert), None)
    note = f"in {here}" if here else "comes with a runtime: pip install 'edge-edet[litert]'"
    return [Check("xnnpack", here is not None, note), _check_gpu(), _check_edgetpu()]


def _check_gpu() -> Check:
    spec = importlib.util.find_spec("ai_edge_litert")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not any((Path(folder) / GPU_LIBRARY).is_file() for folder in folders):
        note = f"no {GPU_LIBRARY}: pip install 'ai-edge-litert>=2.1', where it has a wheel with it"
        return Check("gpu", False, note)
    output, error = _finish(_start("-m", "edge_edet.backends.vulkan"))
    if error is not None and "libvulkan" in error:
        return Check("gpu", False, "no Vulkan loader: apt-get install libvulkan1")
    driver = "apt-get install mesa-vulkan-drivers, or the driver of the GPU's maker"
    if error is not None:
        return Check("gpu", False, f"{error}: {driver}")
    devices = json.loads(output)
    if not devices:
        return Check("gpu", False, f"the Vulkan loader finds no device: {driver}")
    return Check("gpu", True, f"WebGPU over Vulkan: {', '.join(devices)}")


def _check_edgetpu() -> Check:
    try:
        ctypes.CDLL(EDGETPU_LIBRARY)
    except OSError:
        note = f"no {EDGETPU_LIBRARY}: apt-get install libedgetpu1-std, from Coral's repository"
        return Check("edgetpu", False, note)
    return Check("edgetpu", True, f"{EDGETPU_LIBRARY}; whether a device is connected shows in use")


def check_extras() -> list[Check]:
    """Check every extra of the package: complete, or what is missing and the pip command.

    Returns
    -------
    list[Check]
        One for each extra.
    """
    checks = []
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if not is_installed(module)]
        note = f"without {', '.join(missing)}: {install(extra)}"
        checks.append(
            Check(extra, not missing, note if missing else ", ".join(modules) or "nothing")
        )
    return checks


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _finish(probe: subprocess.Popen[str]) -> tuple[str, str | None]:
    """Return the probe's output, and what went wrong in one line, None when nothing did."""
    try:
        output, errors = probe.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        probe.kill()
        probe.communicate()
        return "", f"no answer within {TIMEOUT_S:.0f} s"
    if probe.returncode < 0:
        return output, f"ended by signal {-probe.returncode}"
    if probe.returncode > 0:
        lines = errors.strip().splitlines() or [f"exit status {probe.returncode}"]
        return output, lines[-1].partition(": ")[2] or lines[-1]
    return output, None
