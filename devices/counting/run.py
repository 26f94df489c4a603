"""Run models on an emulated core with the counter, and with the same wheels on this machine."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.devices.counting.counter import KindCounts, build_counter, parse_marks
from edge_edet.devices.emulation import DEFAULT_ROOT, SITES, command_line, package_folder
from edge_edet.devices.process import finish
from edge_edet.errors import BackendError
from edge_edet.files import scratch_folder
from edge_edet.system import find_counting_tools

__all__ = ["CountedRun", "ModelRun", "run_counted", "run_same_wheel"]

GUEST = Path(__file__).with_name("guest.py")
PIP_S = 300.0


@dataclass(frozen=True, eq=False)
class ModelRun:
    """What a runtime computed from a model and drawn inputs.

    Attributes
    ----------
    ran
        The fields of `BackendInfo`.
    outputs
        Arrays in the order of the model's outputs.
    """

    ran: dict[str, Any]
    outputs: tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True, eq=False)
class CountedRun(ModelRun):
    """The same with its counts.

    Attributes
    ----------
    inferences
        For n = 1, 2, ...: what was executed after n + 1 inferences, less what was after n. The first
        inference, which prepares memory, is in none.
    """

    inferences: tuple[KindCounts, ...]


def run_counted(
    models: Sequence[Path],
    cpu: str,
    *,
    threads: int = 1,
    runtime: str = "ai-edge-litert",
    inferences: int = 2,
    root: Path = DEFAULT_ROOT,
    timeout_s: float = 600,
) -> list[CountedRun | BackendError]:
    """Count the instructions of an inference of each model on an emulated core.

    All models share a process, whose start takes longer than most of them; after one that ends the process
    the others go on in a new one.

    Parameters
    ----------
    models
        `.tflite` files.
    cpu
        One of CPUS.
    threads
        Of the runtime.
    runtime
        One of SITES.
    inferences
        How many are counted of each model.
    root
        The folder that `prepare` fills.
    timeout_s
        Seconds after which a process is ended.

    Returns
    -------
    list
        For each model what was counted, or why it could not be run.

    Raises
    ------
    BackendError
        When QEMU or the compiler is missing, or a download fails.
    """
    tools = find_counting_tools()
    counter = build_counter(tools)
    command, environment = command_line(root, runtime, cpu)
    plugin = f"file={str(counter).replace(',', ',,')}"
    command = [tools.qemu, "-plugin", plugin, *command[1:]]
    environment["PYTHONPATH"] += f"{os.pathsep}{package_folder(root.resolve() / 'own')}"
    environment["PYTHONHASHSEED"] = "0"  # the same instructions in every run
    job = {"threads": threads, "runtime": runtime, "inferences": inferences}
    found: list[CountedRun | BackendError] = []
    for run, marks in _run_all(models, command, environment, job, f"an emulated {cpu}", timeout_s):
        if isinstance(run, BackendError):
            found.append(run)
        elif len(marks) <= inferences:
            found.append(BackendError(f"the counter wrote no counts on an emulated {cpu}"))
        else:
            steps = pairwise(marks)
            differences = tuple(after.since(before) for before, after in steps)
            found.append(CountedRun(run.ran, run.outputs, differences))
    return found


def run_same_wheel(
    models: Sequence[Path],
    *,
    threads: int = 1,
    runtime: str = "ai-edge-litert",
    root: Path = DEFAULT_ROOT,
    timeout_s: float = 600,
) -> list[ModelRun | BackendError]:
    """Run the models on this machine, with the versions that the emulated core has.

    The first call downloads these for this machine, into a folder inside of root.

    Parameters
    ----------
    models
        Paths of `.tflite` files.
    threads
        Of the CPU.
    runtime
        Its name.
    root
        The folder with Debian's Python for ARM.
    timeout_s
        Seconds after which a model is given up.

    Returns
    -------
    list
        For each model what was computed, or why it could not be run.

    Raises
    ------
    BackendError
        When the wheels cannot be downloaded.
    """
    site, own = _same_wheels(root.resolve(), runtime), package_folder(root.resolve() / "own")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= {"PYTHONPATH": f"{site}{os.pathsep}{own}", "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-S"]  # without the packages that are installed here
    job = {"threads": threads, "runtime": runtime, "inferences": 0}
    where = "this machine, with the versions of the emulated one"
    return [run for run, _ in _run_all(models, command, environment, job, where, timeout_s)]


def _run_all(
    models: Sequence[Path],
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    job: Mapping[str, Any],
    where: str,
    timeout_s: float,
) -> Iterator[tuple[ModelRun | BackendError, Sequence[KindCounts]]]:
    """Yield for each model what it gave and its marks."""
    left = [path.absolute() for path in models]
    while left:
        with scratch_folder() as folder:  # also for what a crash leaves in its working folder
            path, counts = folder / "job.json", folder / "counts"
            path.write_text(json.dumps({**job, "models": [str(one) for one in left]}))
            variables = {**environment, "EDGE_EDET_COUNTS": str(counts)}
            why = None
            try:
                what = f"{left[0].name} on {where}" if len(left) == 1 else f"counting on {where}"
                finish(
                    [*command, GUEST, path], what, timeout_s=timeout_s, env=variables, cwd=folder
                )
            except BackendError as error:
                why = error
            marks = parse_marks(counts.read_text()) if counts.exists() else []
            done = list(_read(folder, len(left)))
        for run, first in done:
            yield run, marks[first : first + job["inferences"] + 1]
        if len(done) < len(left) and not (done and isinstance(done[-1][0], BackendError)):
            crashed = left[len(done)].name
            yield BackendError(f"{crashed}: {why or 'no result, and no error'}"), ()
            done.append((BackendError(""), 0))
        left = left[len(done) :]


def _read(folder: Path, count: int) -> Iterator[tuple[ModelRun | BackendError, int]]:
    """Yield what the guest wrote of each model, in order, and the number of marks before it."""
    for index in range(count):
        path = folder / f"{index}.json"
        if not path.exists():
            return
        about = json.loads(path.read_text())
        if "error" in about:
            yield BackendError(about["error"]), 0
            return
        with np.load(path.with_suffix(".npz")) as arrays:
            outputs = tuple(arrays[str(n)] for n in range(len(arrays.files)))
        yield ModelRun(about["ran"], outputs), about["marks"]


def _same_wheels(root: Path, runtime: str) -> Path:
    """Make the folder of the runtime's wheels for this machine's processor and Python."""
    site = root / f"here-{sys.version_info.major}.{sys.version_info.minor}" / runtime
    if site.exists():
        return site
    site.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=site.parent) as temporary:
        new = Path(temporary) / "new"
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        command += ["--no-compile", "--only-binary=:all:", "--target", str(new), *SITES[runtime]]
        finish(command, f"pip for {SITES[runtime][0]} on this machine", timeout_s=PIP_S)
        try:
            new.rename(site)
        except OSError:
            if not site.exists():  # else another process was quicker
                raise
    return site
