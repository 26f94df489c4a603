"""How long a command waits for others: pipes, servers, clusters. Each wait has an end and a word.

EDGE_EDET_WAIT_S replaces every wait's own number of seconds without a sign of life.
"""

from __future__ import annotations

import math
import os

from edge_edet.errors import InputError

__all__ = ["VARIABLE", "wait_limit_s"]

VARIABLE = "EDGE_EDET_WAIT_S"


def wait_limit_s(usual_s: float) -> float:
    """Seconds after which a wait ends: the variable's, else the usual. Raises InputError."""
    text = os.environ.get(VARIABLE)
    if not text:
        return usual_s
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found <= 1e6:
        raise InputError(f"{VARIABLE} must be seconds, above 0 and up to 1000000, but is {text!r}")
    return found
