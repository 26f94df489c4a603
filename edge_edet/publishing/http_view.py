"""A page with the running video and its detections: MJPEG and server-sent events, by Python's own server."""

from __future__ import annotations

import contextlib
import html
import io
import socket
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from edge_edet.errors import InputError
from edge_edet.publishing.address import HttpAddress

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["HttpView"]

MOST_CLIENTS = 16
MOST_EVENTS = 100  # that wait for one client; older ones are dropped
WRITE_S = 10.0  # a client that takes nothing for so long is left
ALIVE_S = 5.0  # a comment is sent after so long without an event, which finds clients that are gone
JPEG_QUALITY = 80
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]", "::1")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{name}</title>
<style>body{{font:16px system-ui;margin:1em}}img{{max-width:100%}}</style>
<h1>{name}</h1><img src="stream.mjpg" alt="The running video with its boxes">
<p id="now">waiting for a frame</p>
<script>
new EventSource("events").onmessage = (event) => {{
  const frame = JSON.parse(event.data);
  document.getElementById("now").textContent =
    "frame " + frame.frame + ": " + (frame.detections.map((one) => one.label).join(", ") || "nothing");
}};
</script></html>
"""


class HttpView:
    """A server for browsers. Use as a context manager.

    `/` is a page, `/stream.mjpg` the newest frame with its boxes, again and again, `/events` the JSON of each
    frame as server-sent events. A client that is slow gets fewer frames; at most 16 are served.

    Parameters
    ----------
    address
        Where to listen. Where that is this machine alone, requests by another name are refused, so that no
        page of another site reads along (DNS rebinding).
    name
        Of the source, for the page.

    Attributes
    ----------
    url
        Of the page.

    Raises
    ------
    InputError
        The port is in use, or may not be used, or the host is none of this machine's.
    """

    def __init__(self, address: HttpAddress, name: str):
        self._changed = threading.Condition()
        self._jpeg: bytes | None = None
        self._number = 0
        self._events: dict[int, deque[str]] = {}
        self._watching = 0
        self._clients = threading.BoundedSemaphore(MOST_CLIENTS)
        self._closed = False
        self._page = PAGE.format(name=html.escape(name)).encode()
        self._local = address.host in LOCAL_NAMES
        try:
            self._server = _server(self, address)
        except (OSError, OverflowError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise InputError(
                f"cannot serve --http-port at {address.host}:{address.port}: {reason}; give another port"
            ) from None
        host = f"[{address.host}]" if ":" in address.host else address.host
        self.url = f"http://{host}:{self._server.server_address[1]}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="edge-edet http", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> HttpView:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def watched(self) -> bool:
        """Whether somebody looks at the video: only then pictures are needed."""
        return self._watching > 0

    def publish(self, message: str, picture: PilImage | None) -> None:
        """Show a frame: its JSON, and its drawing where there is one.

        Parameters
        ----------
        message
            JSON of the frame.
        picture
            Its drawing, in RGB; None: there is none.
        """
        jpeg = None
        if picture is not None:
            data = io.BytesIO()
            picture.save(data, "JPEG", quality=JPEG_QUALITY)
            jpeg = data.getvalue()
        with self._changed:
            for waiting in self._events.values():
                waiting.append(message)
            if jpeg is not None:
                self._jpeg = jpeg
                self._number += 1
            self._changed.notify_all()

    def answer(self, request: _Request) -> None:
        """Answer one request, in its own thread.

        Parameters
        ----------
        request
            Of a browser.
        """
        host = request.headers.get("Host", "")
        if self._local and host.rpartition(":")[0] not in LOCAL_NAMES and host not in LOCAL_NAMES:
            request.send_error(403, "this server is for its own machine")
            return
        path = request.path.partition("?")[0]
        if path == "/":
            request.begin("text/html; charset=utf-8", len(self._page))
            request.wfile.write(self._page)
        elif path in ("/stream.mjpg", "/events"):
            if not self._clients.acquire(blocking=False):
                request.send_error(503, "too many clients")
                return
            try:
                self._video(request) if path == "/stream.mjpg" else self._stream_events(request)
            finally:
                self._clients.release()
        else:
            request.send_error(404)

    def _video(self, request: _Request) -> None:
        request.begin("multipart/x-mixed-replace; boundary=frame")
        seen = 0
        with self._changed:
            self._watching += 1
        try:
            while True:
                with self._changed:
                    while not self._closed and self._number == seen:
                        self._changed.wait()
                    if self._closed:
                        return
                    seen, jpeg = self._number, self._jpeg
                assert jpeg is not None
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                request.wfile.write(head.encode() + jpeg + b"\r\n")
        finally:
            with self._changed:
                self._watching -= 1

    def _stream_events(self, request: _Request) -> None:
        request.begin("text/event-stream")
        waiting: deque[str] = deque(maxlen=MOST_EVENTS)
        with self._changed:
            self._events[id(waiting)] = waiting
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or waiting, ALIVE_S)
                    if self._closed:
                        return
                    lines = [f"data: {one}\n\n" for one in waiting] or [": alive\n\n"]
                    waiting.clear()
                request.wfile.write("".join(lines).encode())
        finally:
            with self._changed:
                del self._events[id(waiting)]


class _Request(BaseHTTPRequestHandler):
    timeout = WRITE_S
    view: HttpView

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):  # the client is gone, or takes nothing
            self.view.answer(self)
        self.close_connection = True

    def begin(self, kind: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass  # requests are no news


def _server(view: HttpView, address: HttpAddress) -> ThreadingHTTPServer:
    class Request(_Request):
        pass

    Request.view = view

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        daemon_threads = True
        block_on_close = False

    return Server((address.host, address.port), Request)
