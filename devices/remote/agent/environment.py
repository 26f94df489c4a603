"""Requests for a Python environment: a private venv filled by pip, or one of the user's."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from edge_edet.devices.remote.agent.frames import BEAT_S, RequestError, lock, send

__all__ = ["environment", "own_environment"]


def environment(base: Path, key: str, install: "list[str]") -> str:
    """Make base/env-KEY with `pip install INSTALL`, unless it is there; returns its Python."""
    root = base / ("env-" + key)
    python, stamp = root / "bin" / "python", root / "ready"
    while lock(base / "env.lock") is None:  # a run that was cut off may still be making it
        send(beat=1)
        time.sleep(1)
    if stamp.exists():
        return str(python)
    shutil.rmtree(str(root), ignore_errors=True)  # an unfinished one, of a run that was killed
    send(progress="making a private environment")
    _finish([sys.executable, "-m", "venv", str(root)], "no_venv")
    send(progress="installing edge-edet and its runtime")
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"]
    _finish([*pip, "--no-cache-dir", "--no-compile", "--progress-bar", "off", *install], "pip")
    stamp.touch()
    return str(python)


def own_environment(base: Path, folder: str) -> "list[str]":
    """Find the Python of the user's environment, and its version of edge-edet."""
    python = Path(folder).expanduser() / "bin" / "python"
    if not python.exists():
        raise RequestError("environment", f"there is no {python}")
    code = "import edge_edet; print(edge_edet.__version__)"
    return [str(python), _finish([str(python), "-c", code], "environment").split()[-1]]


def _finish(command: "list[str]", code: str) -> str:
    """Run a program to its end, with frames in the meantime; its last line is the reason of an error."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            send(beat=1)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    output = process.communicate()[0].decode("utf-8", "replace")
    done.set()
    thread.join()
    if process.returncode:
        if "No space left" in output:
            raise RequestError("full", "no space left on device")
        printed = [one for one in output.splitlines() if one.strip()]
        errors = [one for one in printed if one.startswith("ERROR:")]
        raise RequestError(code, (errors or printed or ["it failed without a message"])[-1])
    return output
