"""Read a file that may be a pipe to its end, but not for ever, and not beyond a limit."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from edge_edet.errors import InputError
from edge_edet.files.input import CHUNK, FLAGS, Limit, read_input, why_not
from edge_edet.terminal import SAY_AFTER_S, VARIABLE, say_waiting, wait_limit_s

__all__ = ["read_stream"]


def read_stream(
    path: str | Path, what: str, limit: Limit, silent_s: float, *, missing: str | None = None
) -> bytes:
    """Read all bytes of a regular file or a pipe.

    After 5 s without a byte it prints to stderr what it waits for.

    Parameters
    ----------
    path
        A regular file or a pipe.
    what
        How messages name it, with its path.
    limit
        The most bytes that it may have.
    silent_s
        Seconds without a byte after which waiting ends.
    missing
        The whole message where there is no such file.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    InputError
        If it is neither a file nor a pipe, has more bytes than the limit, or no byte comes.
    """
    try:
        is_pipe = stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116 - a path of any kind
    except (OSError, ValueError):
        is_pipe = False
    if not is_pipe or not hasattr(select, "poll"):
        return read_input(path, what, limit, missing=missing)
    try:
        handle = os.open(path, FLAGS)
    except OSError as error:
        raise InputError(f"cannot read {what}: {why_not(error)}") from None
    try:
        return _read(handle, what, limit, wait_limit_s(silent_s))
    finally:
        os.close(handle)


def _read(handle: int, what: str, limit: Limit, silent_s: float) -> bytes:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    data = bytearray()
    while True:
        if not _comes(poll, what, silent_s):
            raise InputError(
                f"{what} is a pipe, and no byte came for {silent_s:g} s, after {len(data):,}: end "
                f"what writes to it, or set {VARIABLE} to wait longer"
            )
        try:
            part = os.read(handle, CHUNK)
        except BlockingIOError:
            continue
        if not part:
            return bytes(data)
        data += part
        if len(data) > limit.size_bytes:
            raise InputError(
                f"{what} has more than {limit.size_bytes:,} bytes, the most that is read: "
                f"{limit.reason}"
            )


def _comes(poll: select.poll, what: str, silent_s: float) -> bool:
    """Return whether there is something to read, or the end, before the time is over."""
    first_s = min(SAY_AFTER_S, silent_s)
    if poll.poll(first_s * 1e3):
        return True
    if first_s < silent_s:
        say_waiting(f"{what}: no byte has come", silent_s)
    return bool(poll.poll(max(silent_s - first_s, 0) * 1e3))
