"""Progress of a long step on stderr: rate and time left.

On a terminal this is tqdm's bar where tqdm is installed; elsewhere (logs, CI) it is a plain line
every ten seconds. A step that ends before that prints nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Any, TypeVar

__all__ = ["Progress", "track"]

T = TypeVar("T")
INTERVAL_S = 10.0  # between two plain lines


class Progress:
    """Count the units of one step. Use as a context manager and call `advance`.

    Parameters
    ----------
    what
        What the step works on, in front of the numbers.
    total
        How many units there are; None if unknown.
    unit
        What is counted; "B" is printed in MB.
    done
        Where counting starts, such as the bytes that an earlier run left.
    """

    def __init__(self, what: str, total: int | None, unit: str = "", done: int = 0):
        self.what, self.total, self.unit = what, total, unit
        self.done = self._start = done
        self._begun = self._printed = time.monotonic()
        self._bar: Any = None
        if sys.stderr.isatty():
            self._bar = _tqdm_bar(what, total, unit, done)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the bar from the terminal."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def move_to(self, done: int, total: int | None = None) -> None:
        """Report how many units are done in all; total: where it is known better now.

        Parameters
        ----------
        done
            Units in all.
        total
            Where it is known better now; None: as before.
        """
        if total is not None:
            self.total = total
            if self._bar is not None:
                self._bar.total = total
        self.advance(done - self.done)

    def advance(self, count: int = 1) -> None:
        """Report that `count` more units are done.

        Parameters
        ----------
        count
            Of units.
        """
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
            return
        now = time.monotonic()
        if now - self._printed >= INTERVAL_S:
            self._printed = now
            print(self.line(now), file=sys.stderr, flush=True)

    def line(self, now: float) -> str:
        """Format the plain line: `d0: 4.2 of 16.0 MB, 1.1 MB/s, 11 s left`.

        Parameters
        ----------
        now
            Seconds of `time.monotonic()`.

        Returns
        -------
        str
            The line.
        """
        rate = (self.done - self._start) / max(now - self._begun, 1e-9)
        scale, unit = (1e6, "MB") if self.unit == "B" else (1.0, self.unit)
        digits = 1 if self.unit == "B" else 0
        count = f"{self.done / scale:.{digits}f}"
        if self.total is not None:
            count += f" of {self.total / scale:.{digits}f}"
        text = f"{self.what}: {count} {unit}".rstrip() + f", {rate / scale:.1f} {unit}/s"
        if self.total is not None and rate > 0:
            text += f", {max(self.total - self.done, 0) / rate:.0f} s left"
        return text


def track(items: Iterable[T], what: str, total: int | None = None, unit: str = "") -> Iterator[T]:
    """Yield the items, with progress; total is len(items) unless it is given.

    Parameters
    ----------
    items
        To go through.
    what
        What the step works on.
    total
        How many items there are; None: their length, where they have one.
    unit
        What is counted.

    Yields
    ------
    T
        The items.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(what, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()


def _tqdm_bar(what: str, total: int | None, unit: str, done: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    scaled = unit == "B"
    spaced = unit if scaled else f" {unit}"
    return tqdm(desc=what, total=total, initial=done, unit=spaced, unit_scale=scaled, leave=False)
