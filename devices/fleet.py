"""Several devices at once: each in a thread of its own, what they give in one stream."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from edge_edet.errors import EdgeEdetError

__all__ = ["side_by_side"]

D = TypeVar("D")
T = TypeVar("T")


class _Ended:
    """The last word of a device."""


def side_by_side(
    devices: Sequence[D], work: Callable[[D], Iterator[T | None]]
) -> Iterator[tuple[D, T | EdgeEdetError]]:
    """(device, item) of all that work(device) gives, as it comes; an error is a device's last.

    One device's error does not end the others. Closing the iterator early closes the work of all;
    each ends after the item that it is at. None is no item, but a moment at which work may end.
    """
    items: queue.Queue[tuple[D, T | BaseException | _Ended]] = queue.Queue()
    stopped = threading.Event()
    for device in devices:
        args = (device, work, items, stopped)
        threading.Thread(target=_work, args=args, daemon=True).start()
    running = len(devices)
    try:
        while running:
            device, item = items.get()
            if isinstance(item, _Ended):
                running -= 1
            elif isinstance(item, BaseException) and not isinstance(item, EdgeEdetError):
                raise item  # a mistake of ours is nobody's result
            else:
                yield device, item
    finally:
        stopped.set()
        while running:  # so that nothing is left behind on any device
            running -= isinstance(items.get()[1], _Ended)


def _work(
    device: D,
    work: Callable[[D], Iterator[T | None]],
    items: queue.Queue[tuple[D, T | BaseException | _Ended]],
    stopped: threading.Event,
) -> None:
    try:
        given = work(device)
        for item in given:
            if item is not None:
                items.put((device, item))
            if stopped.is_set():
                given.close()  # type: ignore[attr-defined]
                break
    except BaseException as error:  # told by the thread that asked
        items.put((device, error))
    finally:
        items.put((device, _Ended()))
