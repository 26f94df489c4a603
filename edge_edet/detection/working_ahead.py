"""The one way in which pictures are worked on ahead: a thread for each step, with room for one between them.

While the runtime computes, which does not hold Python's interpreter lock, the next picture is read and
resized, and what is done with the detections of the picture before is done by whoever asked for them.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any, Generic, TypeVar

__all__ = ["MOST_AHEAD", "ahead"]

T = TypeVar("T")
Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")

MOST_AHEAD = 4  # items taken and not yet yielded: two in the threads' hands, two between them
WAKE_S = 0.2  # between two looks at whether Ctrl-C was pressed
ITERATING_S = 0.5  # how long the end waits for an iterable that waits itself


class _Stopped(Exception):  # noqa: N818 - no error: nobody asks for more
    """The other end has gone."""


class _Ended:
    """Stands behind the last item: what ended them, None for the end of the iterable."""

    def __init__(self, error: BaseException | None = None):
        self.error = error


class _Place(Generic[T]):
    """Room for one thing between two threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: list[T | _Ended] = []  # at most one
        self._stopped = False

    def put(self, one: T | _Ended) -> None:
        with self._changed:
            while self._held and not self._stopped:
                self._changed.wait(WAKE_S)
            if self._stopped:
                raise _Stopped
            self._held.append(one)
            self._changed.notify_all()

    def take(self) -> T | _Ended:
        with self._changed:
            while not self._held and not self._stopped:
                self._changed.wait(WAKE_S)
            if self._stopped:
                raise _Stopped
            self._changed.notify_all()
            return self._held.pop()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._held.clear()
            self._changed.notify_all()


def ahead(
    items: Iterable[Item],
    prepare: Callable[[Item], Prepared],
    infer: Callable[[Prepared], Result],
) -> Generator[Result, None, None]:
    """Yield `infer(prepare(item))` of each item in order, worked on ahead.

    One thread takes the items and prepares them: an item is prepared before the next one is asked for, so the
    iterable may use its memory again. A second thread infers. At most MOST_AHEAD items are taken beyond the
    last one yielded.

    Parameters
    ----------
    items
        Iterated in a thread. A generator is closed at the end, in that thread.
    prepare, infer
        Each is called in a thread of its own, in the order of the items.

    Yields
    ------
    Result
        What `infer` returned. What the iterable or a step raises is raised in its turn, after the results of
        the items before; nothing comes after it.

    Raises
    ------
    Exception
        What the iterable or a step raises, in its turn.
    """
    prepared: _Place[Prepared] = _Place()
    inferred: _Place[Result] = _Place()
    taker = threading.Thread(
        target=_run, args=(_prepared(items, prepare), prepared), name="edge-edet prepare"
    )
    runner = threading.Thread(
        target=_run, args=(_inferred(prepared, infer), inferred), name="edge-edet infer"
    )

    def stop() -> None:
        for place in (prepared, inferred):
            place.stop()
        if runner.ident is not None:
            runner.join()
        if taker.ident is not None:
            taker.join(ITERATING_S)  # one that waits in the iterable ends when that gives something

    # Threads in native code must not live when the interpreter ends; daemons, as one in an iterable may.
    taker.daemon = runner.daemon = True
    atexit.register(stop)
    try:
        taker.start()
        runner.start()
        while not isinstance(one := inferred.take(), _Ended):
            yield one
            del one  # not held while the next one is waited for
        if one.error is not None:
            raise one.error
    finally:
        atexit.unregister(stop)
        stop()


def _prepared(
    items: Iterable[Item], prepare: Callable[[Item], Prepared]
) -> Generator[Prepared, None, None]:
    try:
        for item in items:
            yield prepare(item)
    finally:
        if isinstance(items, Generator):
            items.close()


def _inferred(
    place: _Place[Prepared], infer: Callable[[Prepared], Result]
) -> Generator[Result, None, None]:
    while not isinstance(one := place.take(), _Ended):
        yield infer(one)
        del one
    if one.error is not None:
        raise one.error


def _run(results: Generator[Any, None, None], place: _Place[Any]) -> None:
    """Put the results in the place, and behind the last one how they ended."""
    try:
        try:
            for result in results:
                place.put(result)
                del result
            end = _Ended()
        except _Stopped:
            raise
        except BaseException as error:
            end = _Ended(error)
        place.put(end)
    except _Stopped:
        pass
    finally:
        results.close()
