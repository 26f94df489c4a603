"""The transport to a device on which the agent runs, through a Channel."""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet import __version__
from edge_edet.devices.boards import Evidence
from edge_edet.devices.remote.channel import AgentError, Channel
from edge_edet.devices.remote.content_listing import Entry, digest, list_files
from edge_edet.devices.remote.identify import identify
from edge_edet.devices.remote.process_owner import is_gone, this_process
from edge_edet.devices.remote.program_output import error_of_status, parse_row, pass_on
from edge_edet.devices.remote.transport import Board
from edge_edet.devices.remote.wheels import fetch_wheels, platforms, write_wheel
from edge_edet.errors import BackendError, EdgeEdetError
from edge_edet.files import scratch_folder

if TYPE_CHECKING:
    from edge_edet.devices.remote.hosts import Host

__all__ = ["AgentTransport"]

OLDEST_PYTHON = (3, 10)
MACHINES = ("aarch64", "x86_64")  # that runtimes have wheels for
STOP_S = 10.0


class AgentTransport:
    """The transport to a device with Python. Nothing is opened before the first use."""

    how = "measured"
    program = "edge-edet"

    def __init__(self, host: Host, channel: Channel):
        self.name = host.name
        self._host, self._channel = host, channel
        self._python = ""

    def prepare(self, extras: Sequence[str] = ("litert", "devices")) -> Board:
        """Connect, recognize the board, and make an environment with edge-edet and these extras."""
        facts = self._call({"do": "probe"})
        version = ".".join(map(str, facts["python"]))
        if tuple(facts["python"][:2]) < OLDEST_PYTHON:
            raise BackendError(
                f"{self.name} has Python {version}, but edge-edet needs 3.10 or newer: install one "
                "there and name it in hosts.toml with python = '...'"
            )
        machine = facts["machine"]
        if machine not in MACHINES or facts["bits"] != 64:
            raise BackendError(
                f"{self.name} runs {facts['bits']}-bit programs on {machine}, but runtimes have "
                f"wheels for 64-bit {' and '.join(MACHINES)} only: install a 64-bit system"
            )
        system = f"{machine}, Python {version}"
        board = identify(self._host, Evidence(**facts["evidence"]), system)
        self._python = self._environment(facts, extras)
        return board

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """Send files and folders, unless their content is there already; returns their paths there."""
        entries = list_files(paths)
        folder = self._send(entries, f"sets/{digest(sorted((e.name, e.sha256) for e in entries))}")
        return {path: f"{folder}/{i}/{path.absolute().name}" for i, path in enumerate(paths)}

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Run edge-edet there and yield its rows; see `Transport.run`."""
        assert self._python, "prepare comes first"
        job = uuid.uuid4().hex
        command = [self._python, "-m", "edge_edet", *arguments]
        self._end_orphan()
        try:
            self._call({"do": "start", "job": job, "command": command, "owner": this_process()})
            status, last = 0, ""
            request = {"do": "follow", "job": job, "out": 0, "err": 0}
            for frame in self._frames(request):
                if "line" in frame:
                    request[frame["stream"]] = frame[
                        "at"
                    ]  # where to go on after the connection broke
                    if frame["stream"] == "out":
                        yield parse_row(self.name, frame["line"])
                    else:
                        last = pass_on(self.name, frame["line"]) or last
                status = frame.get("done", status)
        finally:
            with contextlib.suppress(EdgeEdetError):  # the first error is the one to report
                if not self._channel.lost:
                    self._call({"do": "stop", "job": job}, patience_s=STOP_S)
        if status:
            raise error_of_status(self.name, status, last)

    def _end_orphan(self) -> None:
        """End a measurement that a killed command of this machine left running there."""
        found = self._call({"do": "running"})
        if found is not None and is_gone(found[1]):
            note = f"{self.name}: ending a measurement that a killed command left running there"
            print(note, file=sys.stderr, flush=True)
            self._call({"do": "stop", "job": found[0]})

    def clean(self) -> int:
        """Remove everything that edge-edet put there; returns the number of bytes."""
        self._end_orphan()
        return int(self._call({"do": "clean"}))

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def _environment(self, facts: dict[str, Any], extras: Sequence[str]) -> str:
        if self._host.environment is not None:
            python, version = self._call(
                {"do": "own_environment", "folder": self._host.environment}
            )
            if version != __version__:
                raise BackendError(
                    f"{self.name}: {python} has edge-edet {version}, but this is {__version__}: "
                    "install the same version there, or remove 'environment' from hosts.toml"
                )
            return str(python)
        with scratch_folder() as folder:
            wheels = [write_wheel(folder)]
            wanted = f"[{','.join(extras)}]"
            if not self._host.internet:
                short = ".".join(map(str, facts["python"][:2]))
                names = platforms(facts["machine"], facts["libc"])
                wheels = fetch_wheels(wheels[0], extras, folder, short, names)
            entries = [Entry.of(path, path.name) for path in wheels]
            key = digest([*(e.sha256 for e in entries), wanted, facts["python"]])
            there = self._send(entries, f"wheels/{key}")
        own = next(e.name for e in entries if e.name.startswith("edge_edet-"))
        install = [f"{there}/{own}{wanted}"]
        if not self._host.internet:
            install = ["--no-index", "--find-links", there, *install]
        return str(self._call({"do": "environment", "key": key, "install": install}))

    def _send(self, entries: Sequence[Entry], folder: str) -> str:
        """Send what is not there yet; returns the folder there that then holds all of it."""
        sizes = {one.sha256: one.size for one in entries}
        absent = set(self._call({"do": "missing", "files": sizes}))
        for one in entries:
            if one.sha256 in absent:
                absent.remove(one.sha256)
                request = {"do": "receive", "sha256": one.sha256, "size": one.size}
                self._call(request, one.path, f"{self.name}: sending {one.path.name}")
        files = {one.name: one.sha256 for one in entries}
        return str(self._call({"do": "lay_out", "folder": folder, "files": files}))

    def _call(
        self,
        request: dict[str, Any],
        body: Path | None = None,
        what: str = "",
        patience_s: float | None = None,
    ) -> Any:
        try:
            return self._channel.call(request, body, what, patience_s)
        except AgentError as error:
            raise self._explain(*error.args) from None

    def _frames(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            yield from self._channel.frames(request)
        except AgentError as error:
            raise self._explain(*error.args) from None

    def _explain(self, code: str, text: str) -> EdgeEdetError:
        notes = {
            "full": "free some space there, remove what is left with 'edge-edet devices --clean "
            f"{self.name}', or name another disk in hosts.toml with folder = '...'",
            "place": "name a writable folder in hosts.toml with folder = '...'",
            "no_venv": "its Python cannot make environments: 'sudo apt install python3-venv' there",
            "pip": "if it has no internet, set internet = false in hosts.toml, and the wheels are "
            "sent from here",
            "gone": "run the same command again, it continues where it stopped",
            "busy": "wait until it ends",
        }
        note = f"; {notes[code]}" if code in notes else ""
        return BackendError(f"{self.name}: {text}{note}")
