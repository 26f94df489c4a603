"""Pulling checkpoints from a server that behaves, breaks off, lies, refuses or is not there."""

from __future__ import annotations

import errno
import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_edet.cli import main
from edge_edet.converters import weights, weights_download, weights_part
from edge_edet.converters.weights import RELEASE, find_pulled, release_file, sha256_of
from edge_edet.converters.weights_download import download
from edge_edet.errors import CheckpointError, EdgeEdetError, InputError

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


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def test_pull_downloads_verifies_and_is_found(server: Server, target: Path) -> None:
    assert find_pulled("d0") is None
    assert main(["weights", "pull", "d0", "--from", server.url + "/"]) == 0
    assert target.read_bytes() == CONTENT
    assert find_pulled("d0") == target
    assert [path.name for path in target.parent.iterdir()] == [NAME]
    assert main(["weights", "pull", "d0", "--from", server.url]) == 0
    assert server.asked == [None], "the second pull needs no server"


def test_mirror_can_come_from_the_environment(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EDET_WEIGHTS_URL", server.url)
    assert main(["weights", "pull", "d0"]) == 0
    assert target.is_file()


def test_answer_that_breaks_off_is_resumed_in_the_same_run(server: Server, target: Path) -> None:
    server.cut_at = [1_000_000, 500_000]
    download(server.url, target, PREFIX, "d0")
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-", "bytes=1500000-"]


def test_next_run_resumes_where_all_tries_broke_off(server: Server, target: Path) -> None:
    server.cut_at = [1000] * weights_download.TRIES
    with pytest.raises(EdgeEdetError, match=r"broke off 4 times; 4,000 bytes are kept: run the sa"):
        download(server.url, target, PREFIX, "d0")
    assert part_of(target).read_bytes() == CONTENT[:4000]
    assert not target.exists()
    download(server.url, target, PREFIX, "d0")
    assert server.asked[-1] == "bytes=4000-"
    assert target.read_bytes() == CONTENT


def test_whole_part_needs_no_server(target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT)
    download("http://127.0.0.1:9", target, PREFIX, "d0")
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()


def test_server_without_ranges_sends_all_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT[:1000])
    server.ranges = False
    download(server.url, target, PREFIX, "d0")
    assert server.asked == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


def test_part_that_is_too_long_is_started_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(b"x" * (len(CONTENT) + 1))
    download(server.url, target, PREFIX, "d0")
    assert server.asked == [f"bytes={len(CONTENT) + 1}-", None]
    assert target.read_bytes() == CONTENT


def test_other_range_than_asked_is_refused(server: Server, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT[:1000])
    server.wrong_range = True
    with pytest.raises(EdgeEdetError, match="answered a part that was not asked for"):
        download(server.url, target, PREFIX, "d0")
    assert part_of(target).stat().st_size == 1000


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        pytest.param(CONTENT[:-1] + b"x", 0, id="last byte wrong"),
        pytest.param(b"<html>log in first</html>", 0, id="a captive portal"),
        pytest.param(b"", 0, id="nothing"),
        pytest.param(CONTENT[:5] + b"x" + CONTENT[6:], 3000, id="resumed from another file"),
    ],
)
def test_wrong_file_is_deleted(server: Server, target: Path, content: bytes, kept: int) -> None:
    target.parent.mkdir()
    if kept:
        part_of(target).write_bytes(content[:kept])
    server.content = content
    with pytest.raises(EdgeEdetError, match=f"gave another file: .* expected {PREFIX}..."):
        download(server.url, target, PREFIX, "d0")
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(("status", "text"), [(404, "Not Found"), (403, "Forbidden"), (500, "")])
def test_http_errors_say_what_to_do(server: Server, target: Path, status: int, text: str) -> None:
    server.status = status
    with pytest.raises(EdgeEdetError) as caught:
        download(f"{server.url}/{NAME}", target, PREFIX, "d0")
    assert f"{server.url}/{NAME} answered {status} {text}" in str(caught.value)
    assert f"put it at {str(target)!r}" in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_without_network_the_message_has_address_and_place(
    target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server() as closed:
        url = closed.url
    assert main(["weights", "pull", "d0", "--from", url]) == 1
    error = capsys.readouterr().err
    assert error == (
        f"edge-edet: error: cannot reach {url.removeprefix('http://')} (connection refused): "
        f"fetch {url}/{NAME} elsewhere and put it at {str(target)!r}\n"
    )


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://host/x", "host/x", "http://", "http://host:port/", "http://a b/"],
)
def test_only_web_addresses_are_taken(target: Path, url: str) -> None:
    with pytest.raises(InputError, match="is no address to download from: expected https://"):
        download(url, target, PREFIX, "d0")


def test_full_disk_keeps_what_came(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(weights_part.io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > 1_500_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    with monkeypatch.context() as patch:
        patch.setattr(weights_part.io, "FileIO", FullDisk)
        with pytest.raises(EdgeEdetError, match=r"cannot write '.*\.part': no space left on dev"):
            download(server.url, target, PREFIX, "d0")
    kept = part_of(target).read_bytes()
    assert 0 < len(kept) <= 1_500_000
    assert kept == CONTENT[: len(kept)]
    download(server.url, target, PREFIX, "d0")
    assert server.asked[-1] == f"bytes={len(kept)}-"
    assert target.read_bytes() == CONTENT


def test_unwritable_folder_is_one_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file where the folder should be")
    with pytest.raises(EdgeEdetError, match=r"cannot use '.*\.part': "):
        download(server.url, tmp_path / "weights" / NAME, PREFIX, "d0")


def test_answer_without_end_is_stopped(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_download, "MAX_SIZE_BYTES", 1_000_000)
    with pytest.raises(EdgeEdetError, match="has 2,097,152 bytes, more than 1,000,000"):
        download(server.url, target, PREFIX, "d0")


def pull_in_a_process(server: Server, home: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from edge_edet.converters.weights import RELEASE; "
        f"RELEASE['d0'] = {NAME!r}; from edge_edet.cli import main; "
        "sys.exit(main(['weights', 'pull', 'd0', '--from', sys.argv[1]]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, server.url],
        env=os.environ | {"EDGE_EDET_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for_bytes(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists() or path.stat().st_size < 100_000:
        assert time.monotonic() < deadline, f"nothing came to {path}"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        (signal.SIGKILL, -signal.SIGKILL, b""),
        (signal.SIGINT, 130, b"edge-edet: error: interrupted\n"),
    ],
)
def test_killed_pull_leaves_a_part_that_resumes(
    server: Server, home: Path, target: Path, sent: signal.Signals, status: int, error: bytes
) -> None:
    server.slow = True
    with pull_in_a_process(server, home) as process:
        wait_for_bytes(part_of(target))
        process.send_signal(sent)
        assert process.communicate(timeout=20) == (b"", error)
    assert process.returncode == status
    kept = part_of(target).read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert not target.exists()
    server.slow = False
    download(server.url, target, PREFIX, "d0")
    assert server.asked[-1] == f"bytes={len(kept)}-"
    assert target.read_bytes() == CONTENT


def test_second_pull_at_the_same_time_is_refused(server: Server, home: Path, target: Path) -> None:
    server.slow = True
    with pull_in_a_process(server, home) as process:
        wait_for_bytes(part_of(target))
        with pytest.raises(EdgeEdetError, match=f"another download of {NAME} is running: wait"):
            download(server.url, target, PREFIX, "d0")
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert target.read_bytes() == CONTENT


def test_damaged_file_is_refused_and_pulled_again(
    server: Server, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1])
    with pytest.raises(CheckpointError, match=r"is damaged: .*'edge-edet weights pull d0'"):
        find_pulled("d0")
    assert main(["weights", "pull", "d0", "--from", server.url]) == 0
    assert "is damaged" in capsys.readouterr().out
    assert find_pulled("d0") == target


def test_list_shows_what_is_here(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    part = release_file("d1").path
    part_of(part).write_bytes(b"x" * 300_000)
    assert main(["weights"]) == 0
    text = capsys.readouterr().out
    assert f"  d0      {NAME:36}2.1 MB" in text
    assert f"  d1      {part.name}  0.3 MB here" in text
    assert max(len(line) for line in text.splitlines() if str(target.parent) not in line) <= 80
    assert main(["weights", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    row = listing["release"][0]
    assert (row["variant"], row["pulled"], row["path"]) == ("d0", True, str(target))
    assert row["url"] == weights.WEIGHTS_URL + NAME
    assert [row["pulled"] for row in listing["release"]].count(True) == 1


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_EDET_HOME", "/a")
    assert weights.weights_folder() == Path("/a/weights")
    monkeypatch.delenv("EDGE_EDET_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert weights.weights_folder() == Path("/b/edge-edet/weights")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/c")
    assert weights.weights_folder() == Path("/c/.cache/edge-edet/weights")


def test_unknown_variant_is_refused_before_the_first_download(server: Server) -> None:
    assert main(["weights", "pull", "d0", "d99", "--from", server.url]) == 2
    assert server.asked == []


def test_sha256_of_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read '.*x': no such file"):
        sha256_of(tmp_path / "x")
