"""Capture what a native library writes past Python, to the file descriptors themselves."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator

__all__ = ["captured_output"]

STDOUT, STDERR = 1, 2


@contextlib.contextmanager
def captured_output() -> Iterator[Callable[[], str]]:
    """Hold standard output and error back; the value reads what was written so far.

    A log line on standard output would end up in a document that is printed there. This holds for the
    whole process: what another thread prints meanwhile is held back as well, and lost.
    """
    with tempfile.TemporaryFile() as log, contextlib.ExitStack() as stack:

        def read() -> str:
            _flush()
            log.seek(0)
            text = log.read().decode("utf-8", "replace")
            log.seek(0, os.SEEK_END)
            return text

        _flush()  # what was written before goes where it belongs
        for descriptor in (STDOUT, STDERR):
            with contextlib.suppress(OSError):  # closed, as for a daemon
                saved = os.dup(descriptor)
                stack.callback(_restore, saved, descriptor)
                os.dup2(log.fileno(), descriptor)
        stack.callback(_flush)
        yield read


def _restore(saved: int, descriptor: int) -> None:
    os.dup2(saved, descriptor)
    os.close(saved)


def _flush() -> None:
    """Flush the C library's buffers, which fill up unnoticed when the output is no terminal."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # Windows has no such handle
        ctypes.CDLL(None).fflush(None)
