"""How long a command waits for pipes, servers and clusters; every wait ends, and is reported.

EDGE_EDET_WAIT_S replaces the number of seconds without a response after which each wait ends.
"""

from __future__ import annotations

import math
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from edge_edet.errors import InputError

__all__ = ["SAY_AFTER_S", "VARIABLE", "say_waiting", "wait_limit_s", "within"]

VARIABLE = "EDGE_EDET_WAIT_S"
SAY_AFTER_S = 5.0
T = TypeVar("T")


def wait_limit_s(usual_s: float) -> float:
    """Return the seconds after which a wait ends: the variable's, else the usual ones.

    Parameters
    ----------
    usual_s
        Seconds, where the variable is not set.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    InputError
        For a variable that is no number above 0.
    """
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


def say_waiting(what: str, limit_s: float) -> None:
    """Print one line to stderr.

    Parameters
    ----------
    what
        What is waited for.
    limit_s
        Seconds after which waiting ends.
    """
    print(f"waiting for {what}, up to {limit_s:g} s", file=sys.stderr)


def within(limit_s: float, what: str, call: Callable[[], T]) -> T:
    """Return what a call returns, or raise TimeoutError where it takes longer than limit_s.

    For library calls that have no time limit of their own, such as looking up a host name. After the
    limit the call goes on in a daemon thread, and its result is dropped.

    Parameters
    ----------
    limit_s
        Seconds to wait.
    what
        What is waited for, in the line that is printed meanwhile.
    call
        Called in a thread of its own.

    Returns
    -------
    T
        What it returned.

    Raises
    ------
    TimeoutError
        Where it takes longer; what the call raises is raised too.
    """
    answer: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((call(), None))
        except BaseException as error:
            answer.put((None, error))

    threading.Thread(target=run, name=f"waits for {what}", daemon=True).start()
    first_s = min(SAY_AFTER_S, limit_s)
    try:
        result, error = answer.get(timeout=first_s)
    except queue.Empty:
        if first_s < limit_s:
            say_waiting(what, limit_s)
        try:
            result, error = answer.get(timeout=max(limit_s - first_s, 1e-3))
        except queue.Empty:
            raise TimeoutError(f"no answer for {limit_s:g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
