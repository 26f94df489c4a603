"""Run probe.py here, in another Python, or on an emulated core, and read what it wrote."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.devices.agreement import probe
from edge_edet.devices.emulation import DEFAULT_ROOT, package_folder, run_emulated
from edge_edet.devices.process import finish
from edge_edet.files import scratch_folder

__all__ = ["Probe", "probe_emulated", "probe_here"]


@dataclass(frozen=True, eq=False)
class Probe:
    """What one runtime computed from one picture."""

    about: dict[str, Any]  # DetectorInfo's fields and arch
    processor: str
    arrays: dict[str, npt.NDArray[Any]]  # names as in probe.py


def probe_here(
    model: Path, picture: Path, *, python: Path | None = None, delegate: str | None = None
) -> Probe:
    """Probe with the first runtime that a Python of this machine has (default: this Python)."""
    with scratch_folder() as folder:
        output = folder / "probe.npz"
        own = package_folder(folder / "own")
        command = [python or Path(sys.executable), *_arguments(model, picture, output, delegate)]
        environment = {**os.environ, "PYTHONPATH": str(own), "PYTHONSAFEPATH": "1"}
        finish(command, f"the probe by {command[0]}", timeout_s=300, env=environment)
        return _read(output, "this one")


def probe_emulated(
    model: Path,
    picture: Path,
    *,
    runtime: str,
    cpu: str = "cortex-a72",
    delegate: str | None = None,
    root: Path = DEFAULT_ROOT,
) -> Probe:
    """Probe with a runtime of emulation.SITES on an emulated ARM core of emulation.CPUS."""
    with scratch_folder() as folder:
        output = folder / "probe.npz"
        arguments = _arguments(model, picture, output, delegate)
        run_emulated(arguments, root=root, runtime=runtime, cpu=cpu)
        return _read(output, f"{cpu}, emulated")


def _arguments(model: Path, picture: Path, output: Path, delegate: str | None) -> list[str | Path]:
    script = Path(probe.__file__).resolve()
    wanted = ["--delegate", delegate] if delegate else []
    return [script, model.resolve(), picture.resolve(), output, *wanted]


def _read(path: Path, processor: str) -> Probe:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "about"}
        about = json.loads(str(file["about"]))
    return Probe(about, f"{about['arch']}: {processor}", arrays)
