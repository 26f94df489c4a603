"""A server that behaves, breaks off, lies or refuses, and a release whose d0 it has."""

from __future__ import annotations

import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_edet.converters.weights.release import RELEASE

CONTENT = bytes(range(256)) * 8192  # 2 MiB
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]
NAME = f"tf_efficientdet_d0_34-{PREFIX}.pth"


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT. The attributes say how it misbehaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges = True  # understands Range
        self.wrong_range = False  # answers another range than asked
        self.cut_at: list[int] = []  # bytes to send in each answer before breaking off
        self.slow = False  # a little at a time
        self.status = 200
        self.asked: list[str | None] = []  # the Range header of each request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers["Range"]
        server.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if server.status != 200:
            self.send_error(server.status)
            return
        if not server.ranges:
            start = 0
        if start and start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        if start:
            self.send_response(206)
            first = start + 1 if server.wrong_range else start
            total = len(server.content)
            self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cut_at:
            self.wfile.write(body[: server.cut_at.pop(0)])
            self.close_connection = True
        elif server.slow:
            for offset in range(0, len(body), 65536):
                self.wfile.write(body[offset : offset + 65536])
                time.sleep(0.05)
        else:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests read stderr."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own, and a release whose d0 is CONTENT."""
    monkeypatch.setenv("EDGE_EDET_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setitem(RELEASE, "d0", NAME)
    return tmp_path


@pytest.fixture
def target(home: Path) -> Path:
    return home / "weights" / NAME
