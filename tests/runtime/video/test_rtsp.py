"""RTSP, from GStreamer's server on loopback: passwords, and a server that is killed and comes back."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_edet
from edge_edet.cli import main
from edge_edet.video import live

SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's bindings of GStreamer are for it alone
GREY = 100


@pytest.fixture(scope="module", autouse=True)
def gstreamer() -> None:
    code = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    try:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", code], capture_output=True, text=True, check=False
        )
        reason = done.stderr.strip().rpartition("\n")[2]
    except OSError as error:
        reason = str(error)
    if not reason:
        return
    if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
        pytest.fail(f"no GStreamer RTSP server: {reason}")
    pytest.skip(f"no GStreamer RTSP server (Debian: gir1.2-gst-rtsp-server-1.0): {reason}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def serving(port: int, *password: str) -> Iterator[subprocess.Popen[str]]:
    server = subprocess.Popen(
        [SYSTEM_PYTHON, str(SERVER), str(port), *password], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield server
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def detector(tiny_int8: Path) -> Iterator[edge_edet.Detector]:
    with edge_edet.load(tiny_int8, threads=1) as one:
        yield one


def test_a_server_that_is_killed_and_comes_back(
    detector: edge_edet.Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FIRST_WAIT_S", 0.1)
    said: list[str] = []
    port = free_port()
    address = f"rtsp://user:secret@127.0.0.1:{port}/live"
    with contextlib.ExitStack() as stack:
        with serving(port, "user", "secret"):
            running = stack.enter_context(edge_edet.stream(address, detector, say=said.append))
            assert running.live
            before = [next(running)[0] for _ in range(3)]
        with serving(port, "user", "secret"):
            frame = before[-1]
            while not any("is back" in line for line in said):
                frame, found = next(running)
            after, found = next(running)
            told = list(said)
    assert len(found) == 2
    assert after.number > frame.number > before[-1].number - 1
    for one in (*before, after):
        assert one.image.shape == (48, 64, 3)
        assert abs(int(one.image[20, 20, 1]) - GREY) <= 4
    shown = f"'rtsp://user:***@127.0.0.1:{port}/live'"
    assert said[0].startswith(f"{shown} broke off (")
    assert told[-1] == f"{shown} is back"
    assert "secret" not in "".join(said)


@pytest.mark.parametrize("given", ["user:wrong-secret@", ""])
def test_a_wrong_password_is_one_line_without_it(
    given: str, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    with serving(port, "user", "secret"):
        address = f"rtsp://{given}127.0.0.1:{port}/live"
        assert main(["detect", address, "-m", str(tiny_int8)]) == 1
    out, err = capsys.readouterr()
    assert "refuses this user and password" in err
    assert "secret" not in out + err
    assert err.count("\n") == 1


def test_command_ends_after_its_duration(
    tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    drawing = tmp_path / "out.mp4"
    with serving(port):
        address = f"rtsp://127.0.0.1:{port}/live"
        command = [
            "detect",
            address,
            "-m",
            str(tiny_int8),
            "--duration",
            "1",
            "--draw",
            str(drawing),
        ]
        assert main(command) == 0
        assert "from capture to boxes" in capsys.readouterr().out
        assert drawing.stat().st_size > 0
        assert main(["detect", f"{address}-not", "-m", str(tiny_int8)]) == 1
        assert "not found" in capsys.readouterr().err
