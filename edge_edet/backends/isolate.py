"""Load and run a model once in a process of its own, before this process loads it.

A C++ runtime can crash on a file that it does not check. The checks in `formats/tflite/check` are the
first defence, and this is the second: a crash there becomes one line here. Only whether the child
survived is used of it. It costs one start of Python, one load and one inference of a blank picture.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_edet.backends.choose import RunOptions, open_backend
from edge_edet.errors import BackendError
from edge_edet.formats import FORMATS, ModelFile, read_model
from edge_edet.runtimes import RUNTIMES

__all__ = ["TIME_LIMIT_S", "applies", "run_apart"]

TIME_LIMIT_S = 120.0  # a D7x in float on a Raspberry Pi 4 takes about a minute
LOADED = "loaded"
CHILD = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from edge_edet.backends.isolate import child
child(sys.argv[2])
"""
MEANINGS = {
    "SIGSEGV": "segmentation fault",
    "SIGABRT": "aborted",
    "SIGFPE": "division by zero",
    "SIGBUS": "bus error",
    "SIGILL": "an instruction that this processor lacks",
    "SIGKILL": "killed, most often for want of memory",
}
PLAIN = (None, "none", "xnnpack")  # delegates that start at once


def applies(isolate: bool | None, verified: bool | None, options: RunOptions) -> bool:
    """Return whether to try a model in another process first.

    isolate None: only if its content is not verified to be as it was converted, and only on the CPU,
    where a second start costs little.

    Parameters
    ----------
    isolate
        As given to `load`; None: only if its content is not verified to be as it was converted.
    verified
        Whether the sum of the file was right; None: it states none; False: not looked at.
    options
        How the model runs.

    Returns
    -------
    bool
        Whether a child process tries it.
    """
    if isolate is not None:
        return isolate
    device = (options.device or "CPU").upper()
    return verified is not True and options.delegate in PLAIN and device == "CPU" and _can_start()


def _can_start() -> bool:
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def run_apart(
    model: ModelFile,
    options: RunOptions,
    *,
    threads: int,
    stored: str = "fp32",
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
    time_limit_s: float = TIME_LIMIT_S,
) -> None:
    """Load and run the model in a child process, as `open_backend` would.

    An error that the runtime reports is not raised here: the load that follows raises it.

    Parameters
    ----------
    model
        The summary of the file.
    options
        How it runs.
    threads
        Of the CPU.
    stored
        The model's precision, as its manifest states it.
    input_shapes
        Of a .tflite: input -> its shape, where the file leaves it free.
    time_limit_s
        Seconds after which the child is ended.

    Raises
    ------
    BackendError
        If the child crashes, or does not end within the time limit.
    """
    if not _can_start():
        raise BackendError(
            "there is no Python here that a process of its own could run: load the model with "
            "isolate=False (--no-isolate)"
        )
    job = {
        "path": str(model.path),
        "options": dataclasses.asdict(options) | {"cache_dir": _text(options.cache_dir)},
        "threads": threads,
        "stored": stored,
        "input_shapes": dict(input_shapes) if input_shapes else None,
    }
    command = [sys.executable, "-c", CHILD, json.dumps(sys.path), json.dumps(job)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=time_limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise BackendError(
            f"{_runtime(model, options)} had not ended after {time_limit_s:g} s while it "
            f"{_doing(expired.stdout)} model {str(model.path)!r}, in a process of its own: give "
            "--no-isolate (isolate=False) if it only needs longer, else another file"
        ) from None
    if (reason := _death(done.returncode)) is not None:
        raise BackendError(
            f"a process of its own ended by {reason} in {_runtime(model, options)} while it "
            f"{_doing(done.stdout)} model {str(model.path)!r}: copy the file again, or take another "
            "runtime or delegate"
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _doing(output: bytes | None) -> str:
    return "ran" if LOADED.encode() in (output or b"") else "loaded"


def _death(status: int) -> str | None:
    """Name what killed a process, None where it ended by itself."""
    if os.name == "nt" and status & 0xC0000000 == 0xC0000000:
        return f"exception 0x{status & 0xFFFFFFFF:08X}"
    if status >= 0:
        return None
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
    return f"signal {-status} ({MEANINGS.get(name, name)})"


def _runtime(model: ModelFile, options: RunOptions) -> str:
    """Name and version of what runs it."""
    name = options.runtime or FORMATS[model.format].runtimes[0]
    if model.format == ".tflite":
        from edge_edet.backends.litert import find_runtime

        name = find_runtime(options.runtime)
    return f"{name} {RUNTIMES[name].version}"


def child(text: str) -> None:
    """Run in the child process: exit status 0 if the model ran, 1 if it was refused."""
    _without_core()
    job: dict[str, Any] = json.loads(text)
    options, shapes = RunOptions(**job["options"]), job["input_shapes"]
    backend = open_backend(
        read_model(Path(job["path"])),
        options,
        threads=job["threads"],
        stored=job["stored"],
        input_shapes={name: tuple(shape) for name, shape in shapes.items()} if shapes else None,
    )
    os.write(1, LOADED.encode())
    for spec in backend.inputs:
        backend.input_memory(spec.name).fill(0)
    backend.run()
    os._exit(0)  # what a runtime does on its way out says nothing about the model


def _without_core() -> None:
    """Let the process leave no core file behind."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
