"""Servers that are slow, silent or odd: one line, an end, and what has come is kept."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_edet.cli import main
from edge_edet.converters.weights.downloader import download
from edge_edet.errors import EdgeEdetError, InputError

CONTENT = bytes(range(256)) * 8192  # 2 MiB
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]
NAME = f"tf_efficientdet_d0_34-{PREFIX}.pth"
Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """serve(answer) is the address of a server whose every connection is handed to answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def start(answer: Callable[[socket.socket], None]) -> str:
        def accept() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

        def handle(connection: socket.socket) -> None:
            with connection:
                connection.recv(65536)
                try:
                    answer(connection)
                except OSError:
                    return  # the client has gone

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    over.set()
    listener.close()


def always(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


def dripping(data: bytes, head: bytes = b"") -> Callable[[socket.socket], None]:
    """Two bytes, twenty times a second."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        for start in range(0, len(data), 2):
            connection.sendall(data[start : start + 2])
            time.sleep(0.05)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2097152\r\n\r\n"


def test_a_body_of_two_bytes_at_a_time_is_given_up_and_resumed(
    serve: Serve,
    server: Any,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDGE_EDET_WAIT_S", "0.5")
    url = serve(dripping(CONTENT, HEAD))
    assert main(["weights", "pull", "d0", "--from", url]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"edge-edet: error: {url}/{NAME} is too slow: ")
    assert "bytes are kept: run the same command again to resume, or set EDGE_EDET_WAIT_S" in said
    part = target.with_name(f"{NAME}.part")
    kept = part.stat().st_size
    assert part.read_bytes() == CONTENT[:kept]
    monkeypatch.delenv("EDGE_EDET_WAIT_S")
    assert main(["weights", "pull", "d0", "--from", server.url]) == 0
    assert server.asked == [f"bytes={kept}-"]


def test_thirty_seconds_without_enough_bytes_end_it(server: Any, target: Path) -> None:
    """By a clock that says that ten seconds pass between reads."""
    now = [0.0]

    def clock() -> float:
        now[0] += 10.0
        return now[0]

    server.slow = True  # 64 KiB at a time: enough for 30 s
    download(server.url, target, PREFIX, "d0", clock=clock)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_head_that_does_not_end_is_given_up(
    head: bytes, serve: Serve, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EDET_WAIT_S", "0.5")
    url = serve(dripping(b"x" * 1000, head))
    with pytest.raises(EdgeEdetError, match=r"cannot reach 127.0.0.1:\d+ \(no answer for 0.5 s\)"):
        download(f"{url}/x", target, PREFIX, "d0")


def test_a_server_that_says_nothing(
    serve: Serve, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGE_EDET_WAIT_S", "0.5")
    monkeypatch.setattr("edge_edet.terminal.waiting.SAY_AFTER_S", 0.1)
    url = serve(lambda connection: time.sleep(3))
    with pytest.raises(EdgeEdetError, match=r"cannot reach 127.0.0.1:\d+ \((no answer|timed out)"):
        download(f"{url}/x", target, PREFIX, "d0")
    host = url.removeprefix("http://")
    assert capsys.readouterr().err == f"waiting for {host}, up to 0.5 s\n"


def answered(*lines: str, body: bytes = b"") -> Callable[[socket.socket], None]:
    return always("\r\n".join(["HTTP/1.1 " + lines[0], *lines[1:], "", ""]).encode() + body)


ODD = {
    "a length of letters": (
        answered("200 OK", "Content-Length: 12abc"),
        "states the length '12abc'",
    ),
    "a negative length": (answered("200 OK", "Content-Length: -5"), "states the length '-5'"),
    "5,000 digits": (answered("200 OK", "Content-Length: " + "9" * 5000), "states the length '999"),
    "digits of another script": (
        answered("200 OK", "Content-Length: \u0661\u0662"),
        "states the length",
    ),
    "a part of 5,000 digits": (
        answered("206 Partial Content", f"Content-Range: bytes 0-{'9' * 5000}/{'9' * 5000}"),
        "sent a part that was not requested",
    ),
    "no HTTP": (always(b"SSH-2.0-OpenSSH_9\r\n"), "cannot reach"),
    "a status of letters": (always(b"HTTP/1.1 abc OK\r\n\r\n"), "cannot reach"),
    "a status of 5,000 digits": (
        always(b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n\r\n"),
        "cannot reach",
    ),
    "nothing": (always(b""), "cannot reach"),
    "a line without an end": (always(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000), "cannot reach"),
    "a thousand headers": (answered("200 OK", *["X: y"] * 1000), "cannot reach"),
    "chunks of letters": (
        answered("200 OK", "Transfer-Encoding: chunked", body=b"xyz\r\nabc"),
        "broke off 4 times",
    ),
    "a chunk of 5,000 digits": (
        answered("200 OK", "Transfer-Encoding: chunked", body=b"9" * 5000 + b"\r\nabc"),
        "broke off 4 times",
    ),
    "on to a file": (answered("302 Found", "Location: file:///etc/passwd"), "answered 302 Found"),
    "on to ftp": (answered("302 Found", "Location: ftp://127.0.0.1/x"), "which is no http address"),
    "on to no address": (answered("302 Found", "Location: http://[::1"), "cannot reach"),
    "on to a port of letters": (
        answered("302 Found", "Location: http://h:port/"),
        "no http address",
    ),
    "on to a host of 300 letters": (
        answered("302 Found", f"Location: http://{'h' * 300}/"),
        "which is no http address",
    ),
    "on to nowhere": (answered("302 Found"), "answered 302 Found"),
    "on to itself": (answered("302 Found", "Location: /x"), "answered 302"),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_answer_is_one_line(
    case: str,
    serve: Serve,
    target: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer, said = ODD[case]
    monkeypatch.setenv("EDGE_EDET_WAIT_S", "5")
    url = serve(answer)
    assert main(["weights", "pull", "d0", "--from", url]) == 1
    errors = capsys.readouterr().err
    assert said in errors
    assert "unexpected" not in errors
    assert errors.count("edge-edet: error: ") == 1
    assert not target.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://" + "h" * 300,
        "http://" + "h" * 70 + ".org",
        "http://h:99999",
        "http://[::1",
        "http://h\0",
        "https://",
        "http://\u00e9.org/",
        "http://h:port",
    ],
)
def test_an_address_that_is_none_is_bad_input(url: str, target: Path) -> None:
    assert main(["weights", "pull", "d0", "--from", url]) == 2
    with pytest.raises(InputError, match="is no address to download from"):
        download(url, target, PREFIX, "d0")


def test_https_is_not_left(target: Path) -> None:
    from urllib.request import Request

    from edge_edet.converters.weights.downloader import _Redirects

    ask = Request("https://h/x")
    with pytest.raises(EdgeEdetError, match="'http://h/x', which leaves https"):
        _Redirects().redirect_request(ask, io.BytesIO(), 302, "", {}, "http://h/x")
    on = _Redirects().redirect_request(ask, None, 302, "", {}, "https://other/x")
    assert on is not None
    assert on.full_url == "https://other/x"
