"""Hide log lines of native libraries, such as `INFO: Created TensorFlow Lite XNNPACK delegate`.

ai-edge-litert, tflite-runtime and tensorflow write them to the file descriptor of standard error, past
Python, and offer no setting for it. So commands hold that descriptor back while a library is imported or a
model loaded, and then pass on what is no such line.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["hidden_runtime_logs", "without_runtime_logs"]

STDERR = 2
# tensorflow/lite/minimal_logging.cc; absl/log, where the level, month and day come first. Python's logging
# has no space after the colon.
LOG_LINE = re.compile(
    rb"(?:INFO|VERBOSE|WARNING): |[IW]\d{4} \d\d:|[IW]0000 \d+\.\d+ |\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IW] |"
    rb"To enable the following instructions: "
)


class _HeldBack:
    """Standard error, held back from the first of those that load at the same time to the last."""

    def __init__(self) -> None:
        self.wanted = 0  # commands that run in this process
        self._lock = threading.Lock()
        self._loading = 0
        self._saved = -1
        self._log: BinaryIO | None = None

    def begin(self) -> None:
        with self._lock:
            self._loading += 1
            if self._loading > 1:
                return
            _flush()
            try:
                self._saved = os.dup(STDERR)
            except OSError:  # closed, as for a daemon
                return
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
            os.dup2(self._log.fileno(), STDERR)

    def end(self) -> None:
        with self._lock:
            self._loading -= 1
            if self._loading or self._log is None:
                return
            _flush()
            os.dup2(self._saved, STDERR)
            os.close(self._saved)
            with self._log as log:
                log.seek(0)
                lines = log.read().splitlines(keepends=True)
            self._log = None
            if rest := b"".join(line for line in lines if not LOG_LINE.match(line)):
                with contextlib.suppress(OSError):
                    os.write(STDERR, rest)


_held_back = _HeldBack()


@contextlib.contextmanager
def hidden_runtime_logs() -> Iterator[None]:
    """Hide the log lines of runtimes in all that is loaded meanwhile, as commands do.

    Without it `without_runtime_logs` does nothing: a program that uses edge-edet as a library keeps its
    standard error.

    Yields
    ------
    None
        Nothing; the block runs meanwhile.
    """
    _held_back.wanted += 1
    try:
        yield
    finally:
        _held_back.wanted -= 1


@contextlib.contextmanager
def without_runtime_logs() -> Iterator[None]:
    """Import a runtime or load a model without its lines of the levels INFO and WARNING.

    All else that the process writes to standard error meanwhile is passed on at the end.

    Yields
    ------
    None
        Nothing; the block runs meanwhile.
    """
    if not _held_back.wanted:
        yield
        return
    _held_back.begin()
    try:
        yield
    finally:
        _held_back.end()


def _flush() -> None:
    """Write out what Python's and the C library's streams hold back."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or None
        sys.stderr.flush()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # Windows has no such handle
        ctypes.CDLL(None).fflush(None)
