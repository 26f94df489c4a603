"""Find a frame behind other output in a line, and describe output that came instead of one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

__all__ = ["first_and_last", "frame_of", "readable"]

MOST = 80  # characters that are shown
TRIES = 50  # beginnings of a frame in one line
ESCAPES = re.compile(  # of terminals: titles, colours and cursor moves, others
    r"\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
)


def frame_of(line: bytes) -> dict[str, Any] | None:
    """Find the frame at the end of a line.

    What a shell prints without a line end stands before the next frame, in the same line.

    Returns
    -------
    dict or None
        None: the line has no frame, only other output.

    Raises
    ------
    ValueError
        When a frame begins but does not end: something wrote into its middle.
    """
    begin = at = line.find(b'{"')
    for _ in range(TRIES):
        if at < 0:
            break
        try:
            frame: dict[str, Any] = json.loads(line[at:])
        except (ValueError, RecursionError):
            at = line.find(b'{"', at + 1)
        else:
            return frame
    if begin >= 0:
        raise ValueError("a frame is broken")
    return None


def readable(text: str, most: int = MOST) -> str:
    r"""Make text one short line: no terminal escapes, other control codes as \x07.

    Parameters
    ----------
    text
        What came from the other side.
    most
        The most characters that are kept.

    Returns
    -------
    str
        The text in one line.
    """
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in ESCAPES.sub("", text).strip())
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def first_and_last(lines: Sequence[bytes]) -> str:
    """Quote the first and the last line that have words; "" if nothing came."""
    shown = [words for one in lines if (words := readable(one.decode("utf-8", "replace")))]
    if not shown:
        return "no words" if any(lines) else ""
    if len(shown) == 1:
        return f"'{shown[0]}'"
    return f"'{shown[0]}'{' ... ' if len(shown) > 2 else ', '}'{shown[-1]}'"
