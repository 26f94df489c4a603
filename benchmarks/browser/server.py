"""The server of the pages: a few files in memory, and posts that are checked before anybody sees them.

Every address begins with a random token. What is not listed is not there: no path of this machine is
ever made of a request.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from edge_edet.benchmarks.browser.session import UnknownDeviceError
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.files import from_json

__all__ = ["Content", "Page", "serving"]

SLOW_S = 30.0  # for the next bytes of a request
MOST_CONNECTIONS = 256
HEADERS = {
    # With these two a page is isolated from other origins, and browsers give it threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
        "connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Content:
    """What stands at an address; lasting: as long as the token, so that pages need not load it twice."""

    data: bytes
    kind: str
    lasting: bool = False


@dataclass(frozen=True, eq=False)
class Page:
    """All that a server answers.

    Attributes
    ----------
    files
        Path behind the token -> content.
    messages
        Path -> the class that a post there is read as, and the most bytes that it may have.
    take
        Takes such a message and its path, and returns the answer.
    """

    files: Mapping[str, Content]
    messages: Mapping[str, tuple[type, int]]
    take: Callable[[Any, str], dict[str, Any]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, page: Page, context: ssl.SSLContext | None):
        self.page, self.token = page, secrets.token_urlsafe(12)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((host, port), _Handler)
        if context is not None:
            # The handshake is left to the connection's own thread, where it may take its time.
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that break: phones do that all the time."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = SLOW_S
    server_version = "edge-edet"
    sys_version = ""
    KINDS: ClassVar = ("application/json",)

    def do_GET(self) -> None:
        name = self._name()
        if name == "" and self.path == f"/{self.server.token}":
            # Without the slash at the end the page would look for its files beside the token.
            self._send(
                HTTPStatus.PERMANENT_REDIRECT, b"", "text/plain", "no-store", f"{self.path}/"
            )
            return
        content = self.server.page.files.get(name) if name is not None else None
        if content is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here: check the address")
            return
        cache = "private, max-age=86400, immutable" if content.lasting else "no-store"
        self._send(HTTPStatus.OK, content.data, content.kind, cache)

    def do_POST(self) -> None:
        self.close_connection = True  # unless all of the body is read
        name = self._name()
        known = self.server.page.messages.get(name) if name is not None else None
        if known is None:
            self._refuse(HTTPStatus.NOT_FOUND, "nothing is posted here: check the address")
            return
        kind, most = known
        body = self._body(most)
        if body is None:
            return
        self.close_connection = False
        try:
            message: Any = from_json(kind, json.loads(body), "the message")
        except (ValueError, RecursionError, InputError) as error:
            text = str(error) if isinstance(error, InputError) else "the message is no JSON"
            self._refuse(HTTPStatus.BAD_REQUEST, text)
            return
        try:
            answer = self.server.page.take(message, name or "")
        except UnknownDeviceError as error:
            self._refuse(HTTPStatus.FORBIDDEN, str(error))
        except InputError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except (EdgeEdetError, OSError) as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._send(HTTPStatus.OK, json.dumps(answer).encode(), "application/json", "no-store")

    def _name(self) -> str | None:
        """Return the path behind the token; None where the token is wrong."""
        _, token, *rest = [*self.path.partition("?")[0].split("/", 2), "", ""]
        good = hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())
        return rest[0] if good else None

    def _body(self, most: int) -> bytes | None:
        """Read what is posted; None where it was refused."""
        origin, host = self.headers.get("Origin"), self.headers.get("Host", "")
        if origin is not None and origin.partition("://")[2] != host:
            self._refuse(HTTPStatus.FORBIDDEN, "posts of other pages are not taken")
        elif self.headers.get_content_type() not in self.KINDS:
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json")
        elif not (length := self.headers.get("Content-Length", "")).isascii() or not (
            length.isdigit() and len(length) < 12
        ):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        elif int(length) > most:
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{int(length):,} bytes are more than the {most:,} that this message may have",
            )
        else:
            data = self.rfile.read(int(length))
            if len(data) == int(length):
                return data
        return None

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        body = json.dumps({"error": " ".join(text.split())[:500]}).encode()
        self._send(status, body, "application/json", "no-store")

    def _send(
        self, status: HTTPStatus, body: bytes, kind: str, cache: str, location: str | None = None
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": cache}
        if location is not None:
            headers["Location"] = location
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in (headers | HEADERS).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log: what matters becomes a note."""


@contextlib.contextmanager
def serving(
    page: Page, host: str, port: int, context: ssl.SSLContext | None = None
) -> Iterator[tuple[int, str]]:
    """Serve a page in threads of its own, until the block ends.

    Parameters
    ----------
    page
        What is answered.
    host, port
        The address to listen on; port 0: a free one.
    context
        For https; None for http.

    Yields
    ------
    port : int
        The port.
    token : str
        What every path begins with.

    Raises
    ------
    InputError
        Where the port cannot be had.
    """
    try:
        server = _Server(host, port, page, context)
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError(
            f"cannot listen on {host}:{port} ({reason}): give another --port, or leave it out"
        ) from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield server.socket.getsockname()[1], server.token
    finally:
        server.shutdown()
        thread.join()
        with contextlib.suppress(OSError):
            server.socket.shutdown(socket.SHUT_RDWR)
        server.server_close()
