"""Another program, run to its end: its output, or an error of one line that says why not."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
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
) -> str:
    """Its stdout. Raises BackendError, beginning with what, with the last line that it said."""
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
        raise BackendError(f"{what} was not done after {timeout_s:g} s") from None
    except OSError as error:
        raise BackendError(f"{what} did not start: {error}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = said[-1] if said else f"exit status {done.returncode}, without a message"
        raise BackendError(f"{what} failed: {reason}")
    return done.stdout
