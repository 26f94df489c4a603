"""Wait for the agent's greeting, which comes after whatever a login shell prints first.

A shell's start-up files may print lines, or bytes without a line end (a terminal's title, a prompt): the
agent's greeting then stands at the end of such a line.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from edge_edet.devices.remote.channel.line_reader import LineReader
from edge_edet.devices.remote.channel.what_came import first_and_last, frame_of

__all__ = ["await_hello"]

HELLO = {"hello": 1}
OPEN_S = 30.0  # since the start, or since the last line of something else
LONGEST_OPEN_S = 120.0  # in all, whatever is printed in the meantime
POLL_S = 1.0
MAX_BYTES = 4 << 20  # that are skipped
KEPT, LONGEST_KEPT = 50, 500  # first and last lines that are kept of them; bytes of each line


def await_hello(reader: LineReader, said_bytes: Callable[[], int]) -> tuple[str, str] | None:
    """Wait for the greeting.

    Parameters
    ----------
    reader
        Of the command's stdout.
    said_bytes
        Gives the number of bytes on stderr so far.

    Returns
    -------
    None or (str, str)
        None: the agent greeted. Else why waiting ended ("": the stream ended), and a description of what
        came instead ("": nothing).
    """
    first: list[bytes] = []
    last: deque[bytes] = deque(maxlen=KEPT)
    began = heard = time.monotonic()
    why = None
    while why is None:
        line, now = reader.line(time.monotonic() + POLL_S), time.monotonic()
        if line is not None:
            if _is_hello(line):
                return None
            heard = now
            (first if len(first) < KEPT else last).append(line[:LONGEST_KEPT])
        elif reader.over:
            why = ""
        if now - heard > OPEN_S or now - began > LONGEST_OPEN_S:
            why = f"did not answer within {now - began:.0f} s, in which Python was to start there"
        elif max(reader.received, said_bytes()) > MAX_BYTES:
            why = f"wrote {MAX_BYTES >> 20} MB instead of an answer"
    return why, first_and_last([*first, *last, reader.rest[:LONGEST_KEPT]])


def _is_hello(line: bytes) -> bool:
    if b'"hello"' not in line:  # quick, if a login shell prints millions of lines
        return False
    try:
        return frame_of(line) == HELLO
    except ValueError:  # broken by what a login shell prints
        return False
