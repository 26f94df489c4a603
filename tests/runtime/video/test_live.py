"""Live sources: the newest frame is taken, a stream that breaks off is opened again."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import EdgeEdetError, InputError
from edge_edet.cli import main
from edge_edet.video import live, source_of

from .conftest import HEIGHT, WIDTH, shade

HEAD = (
    b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n"
    b"Cache-Control: no-cache\r\n\r\n"
)


def jpeg(number: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), shade(number), np.uint8)).save(data, "JPEG")
    return data.getvalue()


class Camera:
    """An MJPEG camera on loopback that sends a frame whenever it is told to."""

    def __init__(self) -> None:
        self.connections = 0
        self.page: bytes | None = None
        self.password: str | None = None
        self._wanted = threading.Condition()
        self._sent = 0
        self._allowed = 0
        self._break = False
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                camera._serve(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def sent(self) -> int:
        return self._sent

    def send(self, count: int) -> None:
        with self._wanted:
            self._allowed += count
            self._wanted.notify_all()

    def break_off(self) -> None:
        with self._wanted:
            self._break = True
            self._wanted.notify_all()

    def close(self) -> None:
        self.break_off()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: Any) -> None:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += handler.rfile.readline()
        if self.page is not None:
            handler.wfile.write(self.page)
            return
        if self.password is not None:
            good = base64.b64encode(self.password.encode())
            if b"Authorization: Basic " + good not in request:
                handler.wfile.write(
                    b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
                )
                return
        self.connections += 1
        handler.wfile.write(HEAD)
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._break or self._sent < self._allowed)
                if self._break:
                    self._break = False
                    return
                number, self._sent = self._sent, self._sent + 1
            data = jpeg(number)
            part = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            try:
                handler.wfile.write(part.encode() + data + b"\r\n")
            except OSError:
                return


@pytest.fixture
def camera() -> Iterator[Camera]:
    one = Camera()
    yield one
    one.close()


@pytest.fixture
def detector(tiny_int8: Path) -> edge_edet.Detector:
    return edge_edet.load(tiny_int8, threads=1)


def grey(frame: edge_edet.Frame) -> int:
    return int(frame.image[20, 20, 1])


def wait_until(condition: Any) -> None:
    done = threading.Event()
    for _ in range(2000):
        if condition():
            return
        done.wait(0.005)
    raise AssertionError("did not happen in 10 s")


def test_the_newest_frame_is_taken_and_the_dropped_ones_are_counted(
    camera: Camera, detector: edge_edet.Detector
) -> None:
    camera.send(8)  # FFmpeg looks at the first ones before it decodes
    with edge_edet.stream(f"http://127.0.0.1:{camera.port}/", detector) as running:
        assert running.live
        first, _ = next(running)
        camera.send(10)  # while "the detector is busy"
        wait_until(lambda: camera._sent == 18)
        taken, last = [first.number], first
        while last.number < 17 - 1:  # the demuxer holds the last part until the next boundary
            last, _ = next(running)
            taken.append(last.number)
        assert abs(grey(last) - shade(last.number)) <= 2
        assert taken == sorted(set(taken))
        assert len(taken) < 17
        assert running.statistics.dropped == last.number + 1 - len(taken)


def test_a_stream_that_breaks_off_is_opened_again(
    camera: Camera, detector: edge_edet.Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FIRST_WAIT_S", 0.01)
    said: list[str] = []
    camera.send(8)
    address = f"http://127.0.0.1:{camera.port}/"
    with edge_edet.stream(address, detector, say=said.append) as running:
        numbers = [next(running)[0].number]
        camera.break_off()
        wait_until(lambda: camera.connections == 2)
        camera.send(8)
        frame, _ = next(running)
        while camera.connections < 2 or "is back" not in " ".join(said):
            frame, _ = next(running)
        numbers.append(frame.number)
    assert numbers[1] > numbers[0]  # numbers go on
    assert said[0].startswith(f"'{address}' broke off (")
    assert said[0].endswith("): trying again in 0.01 s")
    assert said[-1] == f"'{address}' is back"


def test_a_drawing_keeps_the_pace_when_a_stream_is_opened_again(
    camera: Camera, tiny_int8: Path, tmp_path: Path
) -> None:
    def breaks_off_once() -> None:
        camera.send(8)
        wait_until(lambda: camera.sent == 8)
        camera.break_off()
        wait_until(lambda: camera.connections == 2)
        camera.send(8)

    threading.Thread(target=breaks_off_once, daemon=True).start()
    out = tmp_path / "out.mp4"
    command = ["detect", f"http://127.0.0.1:{camera.port}/", "-m", str(tiny_int8)]
    assert main([*command, "--draw", str(out), "--duration", "3"]) == 0
    with av.open(str(out)) as drawn:
        times = [frame.time for frame in drawn.decode(video=0)]
    assert camera.connections == 2
    # the stream's own time starts at 0 again, and lasts a third of a second
    assert times[-1] - times[0] >= live.FIRST_WAIT_S


def test_a_duration_ends_a_stream_that_sends_nothing_more(
    camera: Camera, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera.send(8)
    address = f"http://user:secret@127.0.0.1:{camera.port}/live?x=1"
    camera.password = "user:secret"
    command = ["detect", address, "-m", str(tiny_int8), "--json", "--duration", "1"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["frame"] <= 7
    assert "secret" not in out + err
    assert "frames dropped" in err
    assert f"http://user:***@127.0.0.1:{camera.port}/live?x=1" in err


def test_a_wrong_password_is_one_line_without_it(
    camera: Camera, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera.password = "user:other"
    address = f"http://user:secret@127.0.0.1:{camera.port}/"
    assert main(["detect", address, "-m", str(tiny_int8)]) == 1
    err = capsys.readouterr().err
    assert "refuses this user and password" in err
    assert "secret" not in err
    assert err.count("\n") == 1


def test_nobody_there_is_one_line(
    camera: Camera, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera.close()
    for scheme in ("http", "rtsp"):
        address = f"{scheme}://user:secret@127.0.0.1:{camera.port}/"
        assert main(["detect", address, "-m", str(tiny_int8)]) == 1
        err = capsys.readouterr().err
        assert "connection refused" in err
        assert "secret" not in err
        assert err.count("\n") == 1


def test_a_page_is_no_stream(camera: Camera, detector: edge_edet.Detector) -> None:
    body = b"<html>" + b"a page. " * 500 + b"</html>"
    length = f"Content-Length: {len(body)}\r\n\r\n".encode()
    camera.page = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n" + length + body
    with pytest.raises(InputError, match="sends no video that can be read"):
        edge_edet.stream(f"http://127.0.0.1:{camera.port}/", detector)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("camera:77", r"there is no 'camera:77' \(/dev/video77: no such file or directory\)"),
        ("camera:front", "'camera:front' is no camera: write camera:0"),
        ("camera:/dev/../tmp/none", "there is no"),
        ("camera:/dev/null", "is no camera that can be read"),
    ],
)
def test_bad_cameras(text: str, message: str, detector: edge_edet.Detector) -> None:
    with pytest.raises(InputError, match=message):
        edge_edet.stream(text, detector)


def test_no_permission_names_the_group(
    detector: edge_edet.Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may use every device
    with pytest.raises(InputError, match=r"for the group '\w+': 'sudo usermod -aG \w+ \$USER'"):
        edge_edet.stream("camera:/dev/null", detector)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a/b.MP4", "file"),
        ("camera:0", "camera"),
        ("rtsp://cam/1", "network"),
        ("http://cam/video.mjpg?user=x", "network"),
        ("udp://@:5000", "network"),
        ("http://cam/still.jpg", None),
        ("gopher://cam/", None),
        ("a/b.png", None),
        ("folder", None),
    ],
)
def test_what_names_a_source(text: str, kind: str | None) -> None:
    found = source_of(text)
    assert (found.kind if found else None) == kind


def test_other_addresses_are_refused(detector: edge_edet.Detector) -> None:
    with pytest.raises(EdgeEdetError, match="no address of a stream: known are http://"):
        edge_edet.stream("gopher://user:secret@cam/", detector)


def test_udp(detector: edge_edet.Detector) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    done = threading.Event()

    def send() -> None:
        with av.open(f"udp://127.0.0.1:{port}?pkt_size=1316", "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.gop_size = 5
            number = 0
            while not done.wait(0.01):
                pixels = np.full((HEIGHT, WIDTH, 3), shade(3), np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, number = number, number + 1
                with contextlib.suppress(OSError):  # nobody listens yet
                    container.mux(stream.encode(frame))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with edge_edet.stream(f"udp://127.0.0.1:{port}", detector) as running:
            assert running.live
            frames = [next(running)[0] for _ in range(3)]
    finally:
        done.set()
        sender.join()
    assert [abs(grey(frame) - shade(3)) <= 3 for frame in frames] == [True] * 3
