"""What came over a line where something else was expected: a frame behind it, or words for it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

__all__ = ["first_and_last", "frame_of", "readable"]

MOST = 80  # characters that are shown
TRIES = 50  # beginnings of a frame in one line
ESCAPES = re.compile(  # of terminals: a title and its like, colours and cursors, others
    r"\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
)


def frame_of(line: bytes) -> dict[str, Any] | None:
    """The frame that a line ends with; None where it has none, only words of something else.

    What a shell writes without a line end stands before the next frame in the same line.
    Raises ValueError where a frame begins and does not end: something wrote into its middle.
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
    """In one line: without a terminal's escapes, other control codes as \\x07, and not too long."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in ESCAPES.sub("", text).strip())
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def first_and_last(lines: Sequence[bytes]) -> str:
    """The first line with words in it and the last, in quotes; "" where nothing came."""
    told = [words for one in lines if (words := readable(one.decode("utf-8", "replace")))]
    if not told:
        return "no words" if any(lines) else ""
    if len(told) == 1:
        return f"'{told[0]}'"
    return f"'{told[0]}'{' ... ' if len(told) > 2 else ', '}'{told[-1]}'"
