"""Treat SIGTERM and a closing terminal like Ctrl-C, so that unfinished work is cleaned up."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

__all__ = ["ended_politely"]

NAMES = ("SIGTERM", "SIGHUP")


@contextlib.contextmanager
def ended_politely() -> Iterator[None]:
    """Let these signals raise KeyboardInterrupt, once; handlers that are set already stay.

    Yields
    ------
    None
        Nothing; the block runs meanwhile.
    """
    kept = []
    for name in NAMES:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is None or signal.getsignal(number) is not signal.SIG_DFL:
            continue
        try:
            signal.signal(number, _interrupt)
        except ValueError:  # not in the main thread
            continue
        kept.append(number)
    try:
        yield
    finally:
        for number in kept:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, _: FrameType | None) -> None:
    signal.signal(
        number, signal.SIG_IGN
    )  # a second one, as 'timeout' sends, must not interrupt the cleanup
    raise KeyboardInterrupt
