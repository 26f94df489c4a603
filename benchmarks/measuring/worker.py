"""The measuring process: one job in, events out; a new process for each row.

So peak memory is that of one model, nothing that ran before lingers, and a runtime that crashes
takes one row with it. `python -m edge_edet.benchmarks.measuring` reads a job from stdin.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

from edge_edet.benchmarks.measuring.events import (
    Event,
    Failed,
    RowMeasured,
    event_from_dict,
    event_to_dict,
)
from edge_edet.benchmarks.measuring.job import Job
from edge_edet.errors import BackendError, EdgeEdetError, InputError
from edge_edet.files import from_json, to_json
from edge_edet.terminal import hidden_runtime_logs

__all__ = ["run_fresh", "run_here"]

ENDED_S = 10.0


def run_fresh(job: Job) -> Iterator[Event]:
    """Measure a job in a process of its own.

    Closing the iterator ends the process.

    Parameters
    ----------
    job
        What to measure, and how.

    Yields
    ------
    Event
        What happens there; the last one is RowMeasured.

    Raises
    ------
    EdgeEdetError
        As loading and detecting did there; BackendError where the process broke down.
    """
    command = [sys.executable, "-m", "edge_edet.benchmarks.measuring"]
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # it is gone already: see its status
                process.stdin.write(json.dumps(to_json(job)) + "\n")
                process.stdin.flush()  # it stays open: its end is ours
            for line in process.stdout:
                event = event_from_dict(json.loads(line), job.name)
                if isinstance(event, Failed):
                    raise _error(event)
                yield event
            status = process.wait()
            if status:
                raise BackendError(_broke_down(job, status, said))
        finally:
            process.kill()
            process.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()


def run_here(job: Job) -> Iterator[Event]:
    """Measure a job in this process, where none can be started; all events come at the end.

    Parameters
    ----------
    job
        What to measure, and how.

    Yields
    ------
    Event
        The last one is RowMeasured.
    """
    from edge_edet.benchmarks.measuring.measure import measure

    events: list[Event] = []
    row = measure(job, events.append)
    yield from events
    yield RowMeasured(row)


def _error(event: Failed) -> EdgeEdetError:
    kind = InputError if event.status == InputError.exit_status else BackendError
    return kind(event.text)


def _broke_down(job: Job, status: int, said: IO[str]) -> str:
    said.seek(0)
    last = [line.strip() for line in said if line.strip()][-1:]
    reason = f"exit status {status}"
    if status < 0:
        reason = f"signal {-status} ({signal.Signals(-status).name})"
        if status == -signal.SIGKILL:
            reason += ", as the system does when memory runs out"
    return (
        f"{job.name}: the measuring process ended by {reason}{': ' if last else ''}{''.join(last)}"
    )


def main() -> int:
    """Measure the job on stdin, with events on what was stdout; native libraries print to stderr."""
    from edge_edet.benchmarks.measuring.measure import measure

    with hidden_runtime_logs(), os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)

        def emit(event: Event) -> None:
            print(json.dumps(event_to_dict(event)), file=out, flush=True)

        try:
            job = from_json(Job, json.loads(sys.stdin.readline()), "job")
            threading.Thread(target=_end_with_parent, daemon=True).start()
            row = measure(job, emit, fresh=True)
        except EdgeEdetError as error:
            emit(Failed(error.exit_status, str(error)))
            return error.exit_status
        except MemoryError:
            text = "out of memory: close other programs, or take a smaller variant"
            emit(Failed(1, text))
            return 1
        except BrokenPipeError:  # whoever asked is gone
            return 1
        emit(RowMeasured(row))
    return 0


def _end_with_parent() -> None:
    """However the parent ends, nothing goes on here that would disturb the next measurement."""
    os.read(0, 1)
    os._exit(1)
