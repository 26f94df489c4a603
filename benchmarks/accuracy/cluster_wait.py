"""Wait for a Dask cluster, but not for ever: for a silent scheduler or for lost workers.

The package distributed waits for workers without end, and logs lost connections as tracebacks. Here
every wait is announced and limited, and ends in an error of one line.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from edge_edet.errors import BackendError, EdgeEdetError, InputError
from edge_edet.terminal import VARIABLE, say_waiting, wait_limit_s, within

__all__ = ["connected", "finished", "workers_of"]

CONNECT_S = 10.0
ASK_S = 5.0  # for an answer of the scheduler, which computes nothing itself
CLOSE_S = 3.0
POLL_S = 1.0
NO_WORKER_S = 60.0  # time for a worker to restart, or to come with the next job of a queue
SILENT_S = 600.0  # four pictures with D7x on a slow board take a tenth of it
SCHEMES = ("tcp", "tls", "ucx", "ws", "wss")
EXAMPLE = "expected an address such as tcp://192.168.1.7:8786"
LOGGERS = ("distributed", "distributed.client", "tornado.application", "asyncio")
GO_ON = "run the same command again: it continues with the pictures that are not in the state file"
Clock = Callable[[], float]


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to a scheduler and give its client.

    Raises
    ------
    InputError
        The address is malformed, or no scheduler answers there.
    """
    host, port = _host_and_port(address)
    limit_s = wait_limit_s(CONNECT_S)
    what = f"the scheduler at {address!r}"
    with _quiet():
        try:
            within(limit_s, what, lambda: socket.create_connection((host, port), limit_s).close())
            client = within(2 * limit_s, what, lambda: _client(address, limit_s))
        except EdgeEdetError:
            raise
        except Exception as error:  # distributed, tornado and sockets raise errors of any kind
            raise InputError(f"no Dask scheduler at {address!r}: {_reason(error)}") from None
        try:
            yield client
        finally:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                client.close(timeout=CLOSE_S)


def workers_of(client: Any, address: str) -> int:
    """Return the number of workers.

    Raises
    ------
    BackendError
        The scheduler does not answer.
    """
    try:
        return len(client.sync(client.scheduler.ncores, callback_timeout=ASK_S))
    except Exception as error:  # as above
        raise BackendError(
            f"the scheduler at {address!r} does not answer ({_reason(error)}): {GO_ON}"
        ) from None


def finished(
    client: Any, futures: Sequence[Any], address: str, *, clock: Clock = time.monotonic
) -> Iterator[Any]:
    """Yield the results of futures as they finish.

    Raises
    ------
    EdgeEdetError
        A task raised it.
    BackendError
        A task raised another error, the scheduler is lost, or there were no workers or no results
        for too long (EDGE_EDET_WAIT_S).
    """
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    watch = _Watch(client, address, clock)
    for _ in futures:
        watch.heard()
        while True:
            try:
                future = done.get(timeout=POLL_S)
                break
            except queue.Empty:
                watch.check()
        yield _result(future, address)
        future.release()


class _Watch:
    """Watches how long no result has arrived and how long there are no workers."""

    def __init__(self, client: Any, address: str, clock: Clock):
        self._client, self._address, self._clock = client, address, clock
        self._since = clock()
        self._without: float | None = None

    def heard(self) -> None:
        self._since, self._without = self._clock(), None

    def check(self) -> None:
        now = self._clock()
        if workers_of(self._client, self._address):
            if self._without is not None:
                print("a worker has joined: continuing", file=sys.stderr)
                self._since, self._without = now, None
            limit_s = wait_limit_s(SILENT_S)
            if now - self._since >= limit_s:
                raise BackendError(
                    f"no worker of {self._address!r} gave a result for {limit_s:g} s: check "
                    f"them, or set {VARIABLE} to wait longer, and {GO_ON}"
                )
            return
        limit_s = wait_limit_s(NO_WORKER_S)
        if self._without is None:
            self._without = now
            say_waiting(f"a worker: the scheduler at {self._address!r} has none left", limit_s)
        elif now - self._without >= limit_s:
            raise BackendError(
                f"the scheduler at {self._address!r} has had no workers for {limit_s:g} s: start "
                f"some, and {GO_ON}"
            )


def _result(future: Any, address: str) -> Any:
    if future.cancelled():
        raise BackendError(
            f"the connection to the scheduler at {address!r} is lost: restart it, and {GO_ON}"
        )
    try:
        return future.result(timeout=ASK_S)
    except EdgeEdetError:
        raise
    except Exception as error:  # whatever ended the worker or is not installed there
        raise BackendError(
            f"a worker of {address!r} failed: {type(error).__name__}: {_reason(error)}"
        ) from None


def _client(address: str, limit_s: float) -> Any:
    from distributed import Client

    return Client(address, timeout=limit_s, set_as_default=False)


def _host_and_port(address: str) -> tuple[str, int]:
    """Split an address; raises InputError for what is no address of a scheduler."""
    scheme, found, rest = address.rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port or 0
        (scheme or "tcp", host.encode("idna"))
    except ValueError:  # UnicodeError too, of a part of a name that is too long
        host, port = "", 0
    known = scheme in SCHEMES if found else True
    plain = re.fullmatch(r"[!-~]{1,300}", address)
    if not (known and plain and host and port) or parts.path not in ("", "/") or parts.query:
        raise InputError(f"no Dask scheduler at {address[:80]!r}: {EXAMPLE}")
    return host, port


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the loggers' tracebacks: errors are raised as well."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())[:200]
