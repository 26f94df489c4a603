"""What `edge-edet` prints on a device: rows on stdout, words on stderr, and how it ended."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from edge_edet.errors import BackendError, EdgeEdetError, InputError

__all__ = ["error_of_status", "parse_row", "pass_on", "run_here"]

BAD_INPUT = 2  # edge-edet's exit status
ERROR = "edge-edet: error: "


def parse_row(name: str, line: str) -> dict[str, Any]:
    """Read a line of stdout.

    Parameters
    ----------
    name
        Of the device, for messages.
    line
        One JSON object.

    Raises
    ------
    BackendError
        When the line is no JSON object.
    """
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise BackendError(f"{name} printed {line[:60]!r}, expected only JSON lines")
    return row


def pass_on(name: str, line: str) -> str:
    """Print a line of stderr under the device's name, unless it is an error.

    Returns
    -------
    str
        The text of the line, without edge-edet's "error" before it; "" for an empty line.
    """
    text = line.strip().removeprefix(ERROR)
    if text and not line.startswith(ERROR):
        print(f"{name}: {text}", file=sys.stderr, flush=True)
    return text


def error_of_status(name: str, status: int, last: str) -> EdgeEdetError:
    """Make the error for an exit status other than 0.

    Parameters
    ----------
    name
        Of the device.
    status
        2 is bad input, as for edge-edet here.
    last
        The last text on stderr, "" where there was none.
    """
    kind = InputError if status == BAD_INPUT else BackendError
    return kind(f"{name}: {last or f'exit status {status}, without a message'}")


def run_here(
    command: Sequence[str | Path], name: str, env: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Run edge-edet on this machine, as a device would.

    Closing the iterator early ends the program.

    Parameters
    ----------
    command
        The program and its arguments.
    name
        Of the device, before each line of stderr that is shown.
    env
        The environment; None: this process's.

    Yields
    ------
    dict
        The rows, as they are printed.

    Raises
    ------
    BackendError, InputError
        When the program fails, with its last line.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    assert process.stdout is not None
    assert process.stderr is not None
    last: list[str] = [""]
    reader = threading.Thread(target=_show, args=(name, process.stderr, last), daemon=True)
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
        raise error_of_status(name, status, last[0])


def _show(name: str, stream: IO[bytes], last: list[str]) -> None:
    with stream:
        for line in stream:
            last[0] = pass_on(name, line.decode("utf-8", "replace")) or last[0]
