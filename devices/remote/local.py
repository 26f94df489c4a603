"""The transport "local": this machine is the device."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from edge_edet.devices.boards import known_profiles, read_evidence, recognize
from edge_edet.devices.remote.program_output import ending, parse_row, pass_on
from edge_edet.devices.remote.transport import Board
from edge_edet.errors import InputError

__all__ = ["Local"]


class Local:
    """See Transport: the same contract, with nothing to send and nothing to clean."""

    name = "local"
    how = "measured"
    program = "edge-edet"

    def prepare(self, extras: Sequence[str] = ()) -> Board:
        match = recognize(read_evidence(), known_profiles())[0]
        system = f"{platform.machine()}, Python {platform.python_version()}"
        return Board(match.profile.id, match.because, system)

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        for path in paths:
            if not path.exists():
                raise InputError(f"there is no {path} to measure")
        return {path: str(path.absolute()) for path in paths}

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        return run_here([sys.executable, "-m", "edge_edet", *arguments], self.name)

    def clean(self) -> int:
        return 0

    def close(self) -> None:
        pass


def run_here(
    command: Sequence[str | Path], name: str, env: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a program on this machine; closing the iterator early ends it."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    assert process.stdout is not None
    assert process.stderr is not None
    last: list[str] = [""]
    reader = threading.Thread(target=_tell, args=(name, process.stderr, last), daemon=True)
    reader.start()
    try:
        for line in process.stdout:
            yield parse_row(name, line.decode("utf-8", "replace"))
        status = process.wait()
        reader.join()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        process.stdout.close()
    if status:
        raise ending(name, status, last[0])


def _tell(name: str, stream: IO[bytes], last: list[str]) -> None:
    with stream:
        for line in stream:
            last[0] = pass_on(name, line.decode("utf-8", "replace")) or last[0]
