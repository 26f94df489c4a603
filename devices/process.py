"""Run another program to its end: its output, or an error of one line with the reason."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_edet.errors import BackendError

__all__ = ["finish"]


def finish(
    command: Sequence[str | Path],
    what: str,
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    reason: Callable[[Sequence[str]], str] = lambda lines: lines[-1],
) -> str:
    """Run a program and return its stdout.

    Parameters
    ----------
    command
        The program and its arguments.
    what
        How an error begins, such as "unpacking x.deb".
    timeout_s
        Seconds after which the program is ended.
    env, cwd
        As for `subprocess.run`; None: this process's.
    reason
        Finds why it failed in the lines that it printed.

    Raises
    ------
    BackendError
        When the program cannot be started, fails or takes too long, with the reason that it printed.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            env=env,
            cwd=cwd,
        )
    except subprocess.TimeoutExpired:
        raise BackendError(f"{what} did not finish within {timeout_s:g} s") from None
    except OSError as error:
        raise BackendError(f"{what} could not be started: {error}") from None
    if done.returncode:
        printed = (done.stderr.strip() or done.stdout.strip()).splitlines()
        why = reason(printed) if printed else f"exit status {done.returncode}, without a message"
        raise BackendError(f"{what} failed: {why}")
    return done.stdout
