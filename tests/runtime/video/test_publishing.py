"""Detections out of the process: a real broker, real HTTP clients, all on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_edet import EdgeEdetError, InputError
from edge_edet.cli import main
from edge_edet.publishing import (
    HttpAddress,
    HttpView,
    MqttPublisher,
    http_address,
    mqtt_address,
)

Make = Callable[..., Path]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_until(condition: Callable[[], Any]) -> None:
    done = threading.Event()
    for _ in range(3000):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("did not happen in 30 s")


@contextlib.contextmanager
def broker(folder: Path, port: int, password: str | None = None) -> Iterator[None]:
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail("no mosquitto")
        pytest.skip("no mosquitto (Debian: mosquitto)")
    lines = [f"listener {port} 127.0.0.1", "persistence false", "user root"]
    if password is None:
        lines.append("allow_anonymous true")
    else:
        passwords = folder / "passwords"
        passwords.write_text("")
        passwords.chmod(0o600)
        tool = shutil.which("mosquitto_passwd") or "mosquitto_passwd"
        subprocess.run([tool, "-b", str(passwords), "user", password], check=True)
        lines += ["allow_anonymous false", f"password_file {passwords}"]
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    running = subprocess.Popen(
        [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        assert running.poll() is None, "mosquitto ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_until(answers)
        yield
    finally:
        running.kill()
        running.wait()


@contextlib.contextmanager
def subscribed(port: int, topic: str, password: str | None = None) -> Iterator[list[bytes]]:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    messages: list[bytes] = []
    ready = threading.Event()
    client: Any = Client(CallbackAPIVersion.VERSION2)
    if password is not None:
        client.username_pw_set("user", password)
    client.on_connect = lambda *_: client.subscribe(topic)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda *args: messages.append(args[2].payload)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert ready.wait(30)
        yield messages
    finally:
        client.disconnect()
        client.loop_stop()


def test_each_frame_is_published_to_the_broker(
    make_video: Make, tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, port = make_video(tmp_path / "a.mp4"), free_port()
    with broker(tmp_path, port, "secret"), subscribed(port, "home/door", "secret") as messages:
        to = f"mqtt://user:secret@127.0.0.1:{port}/home/door"
        assert main(["detect", str(clip), "-m", str(tiny_int8), "--mqtt", to, "--json"]) == 0
        wait_until(lambda: len(messages) == 12)
    out, err = capsys.readouterr()
    assert [json.loads(one) for one in messages] == [json.loads(line) for line in out.splitlines()]
    assert "secret" not in out + err


def test_a_wrong_password_is_one_line_without_it(
    make_video: Make, tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, port = make_video(tmp_path / "a.mp4", 2), free_port()
    with broker(tmp_path, port, "right"):
        to = f"mqtt://user:wrong-secret@127.0.0.1:{port}/t"
        assert main(["detect", str(clip), "-m", str(tiny_int8), "--mqtt", to]) == 1
    out, err = capsys.readouterr()
    assert f"the broker 'mqtt://user:***@127.0.0.1:{port}/t' refuses: not authorized" in err
    assert "secret" not in out + err
    assert err.count("\n") == 1


def test_no_broker_is_one_line() -> None:
    port = free_port()
    with pytest.raises(EdgeEdetError, match=r"cannot reach the broker .*: connection refused"):
        MqttPublisher(mqtt_address(f"user:secret@127.0.0.1:{port}/t"), print)


def test_a_broker_that_goes_and_comes_back(tmp_path: Path) -> None:
    port, said = free_port(), list[str]()
    with contextlib.ExitStack() as stack:
        with broker(tmp_path, port):
            publisher = stack.enter_context(
                MqttPublisher(mqtt_address(f"127.0.0.1:{port}/t"), said.append)
            )
            publisher.publish("1")
        wait_until(lambda: said)
        assert f"the connection to the broker 'mqtt://127.0.0.1:{port}/t' is lost (" in said[0]
        for _ in range(500):
            publisher.publish("lost")
        assert publisher.dropped >= 499
        assert len(publisher._waiting) <= 1  # memory stays bounded
        with broker(tmp_path, port), subscribed(port, "t") as messages:
            wait_until(lambda: said[-1].endswith("is back"))
            publisher.publish("2")
            wait_until(lambda: messages)
            assert messages == [b"2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pi.local/cam", ("pi.local", 1883, "cam", None, None)),
        ("/cam/1", ("127.0.0.1", 1883, "cam/1", None, None)),
        ("mqtt://me:a%40b@10.0.0.2:2000/x", ("10.0.0.2", 2000, "x", "me", "a@b")),
        ("[::1]:1884/x", ("::1", 1884, "x", None, None)),
    ],
)
def test_mqtt_addresses(text: str, expected: tuple[Any, ...]) -> None:
    one = mqtt_address(text)
    assert (one.host, one.port, one.topic, one.user, one.password) == expected
    assert "a%40b" not in one.name
    assert "a@b" not in repr(one)


@pytest.mark.parametrize(
    "text",
    ["", "host", "host/", "host:0/t", "host:99999/t", "host/a/#", "host/+/b", "u:secret@h o/t"],
)
def test_bad_mqtt_addresses(text: str) -> None:
    with pytest.raises(InputError, match=r"^--mqtt") as caught:
        mqtt_address(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "x", "70000", "host:", "http://x:80", "-1"])
def test_bad_http_addresses(text: str) -> None:
    with pytest.raises(InputError, match="--http-port must be PORT or HOST:PORT"):
        http_address(text)


def test_it_listens_on_this_machine_alone_unless_told() -> None:
    assert http_address("8080") == HttpAddress("127.0.0.1", 8080)
    assert http_address("0.0.0.0:8080") == HttpAddress("0.0.0.0", 8080)
    assert http_address("[::1]:80") == HttpAddress("::1", 80)


@pytest.fixture
def view() -> Iterator[HttpView]:
    with HttpView(HttpAddress("127.0.0.1", 0), "rtsp://u:***@cam/<1>") as one:
        yield one


def get(view: HttpView, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(
        view.url.removeprefix("http://").rstrip("/"), timeout=30
    )
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def test_the_page(view: HttpView) -> None:
    answer = get(view, "/")
    text = answer.read().decode()
    assert answer.status == 200
    assert "rtsp://u:***@cam/&lt;1&gt;" in text
    assert get(view, "/etc/passwd").status == 404


def test_pages_of_other_sites_cannot_read_along(view: HttpView) -> None:
    port = view.url.rsplit(":", 1)[1].rstrip("/")
    for host in (f"evil.example:{port}", "evil.example", ""):
        assert get(view, "/events", Host=host).status == 403
    assert get(view, "/", Host=f"localhost:{port}").status == 200


def test_events_are_the_json_of_each_frame(view: HttpView) -> None:
    answer = get(view, "/events")
    assert answer.getheader("Content-Type") == "text/event-stream"
    wait_until(lambda: view._events)
    for number in range(3):
        view.publish(json.dumps({"frame": number}), None)
    lines = [answer.readline() for _ in range(6)]
    assert [json.loads(line[6:]) for line in lines[::2]] == [{"frame": n} for n in range(3)]
    assert lines[1::2] == [b"\n"] * 3


def test_the_video_is_drawn_only_while_somebody_looks(view: HttpView) -> None:
    import io

    assert not view.watched
    answer = get(view, "/stream.mjpg")
    wait_until(lambda: view.watched)
    view.publish("{}", Image.new("RGB", (32, 16), (200, 0, 0)))
    assert answer.readline() == b"--frame\r\n"
    assert answer.readline() == b"Content-Type: image/jpeg\r\n"
    length = int(answer.readline().split()[1])
    answer.readline()
    with Image.open(io.BytesIO(answer.read(length))) as picture:
        assert picture.size == (32, 16)
        assert picture.convert("RGB").getpixel((5, 5))[0] > 180  # type: ignore[index]
    answer.close()


def test_clients_that_read_nothing_do_not_stop_it(view: HttpView) -> None:
    answers = [get(view, "/events") for _ in range(16)]
    assert get(view, "/events").status == 503
    wait_until(lambda: len(view._events) == 16)
    for _ in range(1000):
        view.publish("x" * 10_000, None)
    assert max(map(len, view._events.values())) <= 100
    for answer in answers:
        answer.close()


def test_a_port_in_use(view: HttpView) -> None:
    port = int(view.url.rsplit(":", 1)[1].rstrip("/"))
    with pytest.raises(InputError, match="address already in use; give another port"):
        HttpView(HttpAddress("127.0.0.1", port), "x")


def test_command_shows_a_video(
    make_video: Make, tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_video(tmp_path / "a.mp4", 3)
    assert main(["detect", str(clip), "-m", str(tiny_int8), "--http-port", "0"]) == 0
    assert "note: the video is shown at http://127.0.0.1:" in capsys.readouterr().err
