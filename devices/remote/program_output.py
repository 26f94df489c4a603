"""What `edge-edet` prints on a device: rows on stdout, words on stderr, and how it ended."""

from __future__ import annotations

import json
import sys
from typing import Any

from edge_edet.errors import BackendError, EdgeEdetError, InputError

__all__ = ["ending", "parse_row", "pass_on"]

BAD_INPUT = 2  # edge-edet's exit status
ERROR = "edge-edet: error: "


def parse_row(name: str, line: str) -> dict[str, Any]:
    """Raises BackendError for a line that is no JSON object. name: of the device, for messages."""
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise BackendError(f"{name} printed {line[:60]!r}, expected JSON lines only")
    return row


def pass_on(name: str, line: str) -> str:
    """Shows a line of stderr under the device's name, errors apart; its text without "error"."""
    text = line.strip().removeprefix(ERROR)
    if text and not line.startswith(ERROR):
        print(f"{name}: {text}", file=sys.stderr, flush=True)
    return text


def ending(name: str, status: int, last: str) -> EdgeEdetError:
    """The error for an exit status that is not 0. last: the last text of stderr."""
    kind = InputError if status == BAD_INPUT else BackendError
    return kind(f"{name}: {last or f'exit status {status}, without a word'}")
