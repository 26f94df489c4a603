"""Read the lines of a pipe as they come, with a time limit."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from typing import IO

__all__ = ["LineReader"]

CHUNK = 1 << 16
MAX_CHUNKS = 64  # in the queue; then the other side has to wait
POLL_S = 0.5


class LineReader:
    """Reads a stream in a thread, up to its end or to `close`, and closes it.

    Attributes
    ----------
    over
        Whether the stream has ended.
    received
        Bytes so far.
    """

    def __init__(self, stream: IO[bytes]):
        self.over = False  # the stream is at its end
        self.received = 0  # bytes
        self._chunks: queue.Queue[bytes] = queue.Queue(MAX_CHUNKS)
        self._lines: deque[bytes] = deque()
        self._closed = False
        self._pieces: list[bytes] = []  # of the line that has no end yet
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def line(self, deadline: float) -> bytes | None:
        """Wait for the next whole line, without its line end.

        Parameters
        ----------
        deadline
            Of time.monotonic().

        Returns
        -------
        bytes or None
            None: there was none by then, or the stream has ended.
        """
        while not self._lines:
            if self.over:
                return None
            try:
                chunk = self._chunks.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            self._take(chunk)
        return self._lines.popleft()

    @property
    def rest(self) -> bytes:
        """What came of a line that has no end yet."""
        return b"".join(self._pieces)

    def _take(self, chunk: bytes) -> None:
        self.over = not chunk
        self.received += len(chunk)
        first, *more = chunk.split(b"\n")
        self._pieces.append(first)
        for piece in more:
            self._lines.append(self.rest)
            self._pieces = [piece]

    def close(self) -> None:
        """Stop reading; nobody takes the rest."""
        self._closed = True

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while chunk := stream.read1(CHUNK):  # type: ignore[attr-defined]
                if not self._put(chunk):
                    return
        self._put(b"")

    def _put(self, chunk: bytes) -> bool:
        while not self._closed:
            with contextlib.suppress(queue.Full):
                self._chunks.put(chunk, timeout=POLL_S)
                return True
        return False
