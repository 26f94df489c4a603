"""The newest frame of a live source: read in a thread, reconnected when it breaks off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from edge_edet.errors import EdgeEdetError
from edge_edet.video.decoding import Decoded, Decoder
from edge_edet.video.source import VideoSource

__all__ = ["newest_frames"]

JOIN_S = 0.5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0  # between two tries to reconnect: doubled each time


class _Newest:
    """One place for the newest frame; a frame that is replaced before it is taken is dropped."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: Decoded | None = None
        self._error: BaseException | None = None
        self._ended = False
        self.stopped = threading.Event()
        self.dropped = 0

    def put(self, one: Decoded) -> None:
        with self._changed:
            self.dropped += self._held is not None
            self._held = one
            self._changed.notify()

    def fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = error
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def take(self, until: float | None) -> Decoded | None:
        """Wait for the next frame; None at the end, or when the time `until` (monotonic) is reached."""
        with self._changed:
            while self._held is None:
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return None
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                # short waits, so that Ctrl-C is seen
                self._changed.wait(0.2 if left is None else min(left, 0.2))
            one, self._held = self._held, None
            return one


def newest_frames(
    decoder: Decoder,
    say: Callable[[str], None],
    dropped: Callable[[int], None],
    until: float | None,
) -> Iterator[Decoded]:
    """Yield the newest frame whenever one is asked for; older ones that nobody took are dropped.

    Parameters
    ----------
    decoder
        The open live source; it is closed at the end.
    say
        Called with one line when the source breaks off and when it is back.
    dropped
        Called with the number of frames dropped so far, before each frame.
    until
        `time.monotonic()` at which to end; None for never.
    """
    newest = _Newest()
    thread = threading.Thread(
        target=_read, args=(decoder, newest, say), name="edge-edet video", daemon=True
    )
    thread.start()
    try:
        while (one := newest.take(until)) is not None:
            dropped(newest.dropped)
            yield one
    finally:
        newest.stopped.set()
        thread.join(JOIN_S)  # one that waits for a packet ends by itself, at its time limit


def _read(decoder: Decoder, newest: _Newest, say: Callable[[str], None]) -> None:
    source, number = decoder.source, 0
    try:
        while True:
            with decoder:
                reason = "it ended"
                try:
                    for one in decoder:
                        if newest.stopped.is_set():
                            return
                        newest.put(Decoded(number, one.time_s, one.picture, one.captured_s))
                        number += 1
                except EdgeEdetError as error:
                    reason = str(error)
            if newest.stopped.is_set():
                return
            if source.play_fps is not None:
                newest.end()
                return
            again = _reconnected(source, reason, newest, say)
            if again is None:
                return
            decoder = again
            say(f"{source.name!r} is back")
    except BaseException as error:
        newest.fail(error)


def _reconnected(
    source: VideoSource, reason: str, newest: _Newest, say: Callable[[str], None]
) -> Decoder | None:
    """Open the source again, as often as it takes; None when the reader has stopped."""
    wait_s = FIRST_WAIT_S
    while True:
        say(f"{source.name!r} broke off ({reason}): trying again in {wait_s:g} s")
        if newest.stopped.wait(wait_s):
            return None
        try:
            return Decoder(source)
        except EdgeEdetError as error:
            reason = str(error)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
