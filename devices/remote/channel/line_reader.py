"""Lines of a pipe as they come, with a time limit; what has come of the next one is known too."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from typing import IO

__all__ = ["LineReader"]

CHUNK = 1 << 16
MAX_CHUNKS = 64  # that wait to be taken; then the other side has to wait
POLL_S = 0.5


class LineReader:
    """Reads the stream to its end or to close, in a thread, and closes it."""

    def __init__(self, stream: IO[bytes]):
        self.over = False  # the stream is at its end
        self.received = 0  # bytes
        self._chunks: queue.Queue[bytes] = queue.Queue(MAX_CHUNKS)
        self._lines: deque[bytes] = deque()
        self._closed = False
        self._pieces: list[bytes] = []  # of the line that has no end yet
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def line(self, deadline: float) -> bytes | None:
        """The next whole line, without its end; None where there is none by then, or no more.

        deadline: by time.monotonic().
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
        """What has come of a line without its end."""
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
        """Nobody takes the rest."""
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
