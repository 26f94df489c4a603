"""The transport "adb": an Android phone, measured with benchmark_model, as it has no Python.

It is a Transport as the others are, except that `run` takes benchmark_model's arguments and yields one
object, {"log": text}: see devices/benchmark_model for both.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.devices.boards import Evidence, parse_properties
from edge_edet.devices.remote.content_listing import list_files
from edge_edet.devices.remote.identify import identify
from edge_edet.devices.remote.transport import Board
from edge_edet.errors import BackendError, InputError

if TYPE_CHECKING:
    from edge_edet.devices.remote.hosts import Host

__all__ = ["Adb"]

FOLDER = "/data/local/tmp/edge-edet"  # where adb's user may write and execute
ABI = "arm64-v8a"
POLL_S = 1.0
PAUSE_S = 2.0
PATIENCE_S = 600.0
TIMEOUT_S = 600.0
WHERE_FROM = (
    "build it from TensorFlow (bazel build --config=android_arm64 "
    "//tensorflow/lite/tools/benchmark:benchmark_model), and name it in hosts.toml with "
    "benchmark_model = '...'"
)
SIGNS = {
    "unauthorized": "allow this computer on its screen",
    "not found": "see 'adb devices' for what is connected",
    "no devices": "connect it, and allow USB debugging on it",
    "offline": "connect it again",
    "No space left": f"free some there, or remove what was left with 'adb shell rm -r {FOLDER}'",
}


class _GoneError(BackendError):
    """The phone does not answer now, but may later."""


class Adb:
    """The transport of an Android phone.

    Parameters
    ----------
    host
        Its adb is the serial, "" for the only phone; its benchmark_model the tool to send.
    patience_s
        How long to wait for a phone that stopped answering during a measurement.
    """

    how = "measured"
    program = "benchmark_model"

    def __init__(self, host: Host, patience_s: float = PATIENCE_S):
        self.name = host.name
        self._host, self._patience_s = host, patience_s
        self._tool = f"{FOLDER}/benchmark_model"

    def prepare(self, extras: Sequence[str] = ()) -> Board:
        """Recognize the phone and send benchmark_model; extras are ignored."""
        properties = self._shell("getprop")
        stated = parse_properties(properties)
        abi = stated.get("ro.product.cpu.abi", "")
        if abi != ABI:
            raise BackendError(f"{self.name} runs {abi or 'unknown'} programs, expected {ABI}")
        release = stated.get("ro.build.version.release", "?")
        board = identify(self._host, Evidence(properties=properties), f"{abi}, Android {release}")
        tool = self._host.benchmark_model
        if tool is None or not Path(tool).expanduser().is_file():
            given = f"{tool!r} does not exist" if tool else "none is named"
            raise InputError(f"{self.name} needs benchmark_model, but {given}: {WHERE_FROM}")
        path = Path(tool).expanduser()
        self._tool = self.push([path])[path]
        self._shell(f"chmod 755 {self._tool}")
        return board

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """Send .tflite files that are not there yet; returns their paths there."""
        there = {}
        for path in paths:
            if path.is_dir() or path.suffix in (".xml", ".onnx"):
                raise InputError(f"{path} is not a .tflite: benchmark_model runs no other format")
            (entry,) = list_files([path])
            target = f"{FOLDER}/files/{entry.sha256[:16]}/{path.name}"
            there[path] = target
            known = f"sha256sum {shlex.quote(target)} 2>/dev/null || true"
            if self._shell(known).split()[:1] == [entry.sha256]:
                continue
            self._shell(f"mkdir -p {shlex.quote(target.rpartition('/')[0])}")
            self._adb("push", str(path.absolute()), f"{target}.part")
            self._shell(f"mv {shlex.quote(target)}.part {shlex.quote(target)}")
            if self._shell(known).split()[:1] != [entry.sha256]:
                raise BackendError(
                    f"{self.name}: {path.name} arrived damaged: run the command again"
                )
        return there

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Run benchmark_model detached, wait for its end, and yield {"log": text}."""
        job = f"{FOLDER}/jobs/{uuid.uuid4().hex}"
        command = shlex.join([self._tool, *arguments])
        inner = f"{command} > out 2>&1; echo $? > exit.new; mv exit.new exit"
        detached = f"setsid sh -c {shlex.quote(f'echo $$ > pid; {inner}')}"
        self._shell(f"mkdir -p {job} && cd {job} && ({detached} < /dev/null > /dev/null 2>&1 &)")
        try:
            while not (status := self._patiently(f"cat {job}/exit 2>/dev/null || true").strip()):
                time.sleep(POLL_S)
            log = self._patiently(f"cat {job}/out")
        finally:
            self._shell(f"[ -e {job}/exit ] || kill -- -$(cat {job}/pid); rm -rf {job}")
        if status != "0":
            printed = [line.strip() for line in log.splitlines() if line.strip()]
            errors = [line for line in printed if line.startswith("ERROR")]
            last = (errors or printed or ["without a message"])[-1]
            raise BackendError(f"{self.name}: benchmark_model failed ({status}): {last[:200]}")
        yield {"log": log}

    def clean(self) -> int:
        """Remove everything that edge-edet put there; returns the number of bytes."""
        size = self._shell(f"du -sk {FOLDER} 2>/dev/null || true").split()
        self._shell(f"rm -rf {FOLDER}")
        return int(size[0]) * 1024 if size else 0

    def close(self) -> None:
        """Do nothing: adb keeps no connection."""

    def _patiently(self, script: str) -> str:
        """Run a script, and again while the phone does not answer: the measurement goes on there."""
        begun = time.monotonic()
        while True:
            try:
                return self._shell(script)
            except _GoneError:
                if time.monotonic() - begun > self._patience_s:
                    raise
                note = f"{self.name}: the phone does not answer; trying again in {PAUSE_S:g} s"
                print(note, file=sys.stderr, flush=True)
                time.sleep(PAUSE_S)

    def _shell(self, script: str) -> str:
        return self._adb("shell", script)

    def _adb(self, *arguments: str) -> str:
        serial = ["-s", self._host.adb] if self._host.adb else []
        try:
            done = subprocess.run(
                ["adb", *serial, *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError:
            raise BackendError("there is no adb on this machine: 'apt install adb'") from None
        except subprocess.TimeoutExpired:
            raise _GoneError(f"{self.name} did not answer within {TIMEOUT_S:g} s") from None
        if done.returncode == 0:
            return done.stdout
        printed = (done.stderr.strip() or done.stdout.strip()).splitlines()
        last = (printed or [f"exit status {done.returncode}, without a message"])[-1]
        note = next((f"; {text}" for sign, text in SIGNS.items() if sign in last), "")
        kind = _GoneError if last.startswith(("error: ", "adb: error: ")) else BackendError
        raise kind(f"{self.name}: {last.removeprefix('adb: ').removeprefix('error: ')}{note}")
