"""`live` with a camera that shows a drawn smear: boxes, keys, labels, light and dark, a narrow screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.cli import main
from edge_edet.demo_picture import draw_smear

WAIT_S = 120.0  # a browser that compiles WebAssembly on a busy machine

pytestmark = pytest.mark.usefixtures("litertjs")


def wait_for(what: Callable[[], Any], why: Callable[[], str]) -> Any:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError(f"it did not come: {why()}")


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """A film of one frame, as Chromium takes it for a camera: YUV 4:2:0."""
    image = Image.fromarray(draw_smear(3)[0]).convert("YCbCr")
    y, blue, red = (np.asarray(channel) for channel in image.split())
    frame = b"".join(plane.tobytes() for plane in (y, blue[::2, ::2], red[::2, ::2]))
    path = tmp_path / "smear.y4m"
    header = f"YUV4MPEG2 W{image.width} H{image.height} F10:1 Ip A1:1 C420jpeg\n"
    path.write_bytes(header.encode() + (b"FRAME\n" + frame) * 2)
    return path


def test_a_camera_shows_boxes(started: Any, open_browser: Any, model: Path, camera: Path) -> None:
    command = started("live", str(model))
    browser = open_browser(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )

    def text(name: str) -> str:
        return str(browser.run(f"document.getElementById({name!r}).textContent"))

    def key(name: str) -> None:
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key=name, text=name)

    browser.open(command.url, 390, 844, dark=True, touch=True)
    ready = "!document.getElementById('start').disabled"
    wait_for(lambda: browser.run(ready), lambda: text("status"))
    assert text("lacks") == ""
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 27)"
    browser.run("document.getElementById('start').focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r")
    found = wait_for(lambda: int(text("count")), lambda: browser.run("document.body.innerText"))
    assert found > 5
    label = "document.getElementById('view').getAttribute('aria-label')"
    wait_for(lambda: "RBC" in browser.run(label), lambda: browser.run(label))
    assert browser.run("document.documentElement.scrollWidth") <= 390
    unnamed = browser.run(
        "[...document.querySelectorAll('button, input, select, canvas')].filter(one => "
        "!(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).length"
    )
    assert unnamed == 0
    wait_for(lambda: text("rate") != "-", lambda: text("status"))
    browser.run(
        "const one = document.getElementById('threshold'); one.value = 0.95;"
        "one.dispatchEvent(new Event('input'))"
    )
    assert text("least") == "0.95"
    wait_for(lambda: int(text("count")) < found, lambda: text("count"))
    browser.run("document.getElementById('start').blur()")
    key("f")
    assert browser.run("document.getElementById('freeze').getAttribute('aria-pressed')") == "true"
    key("f")
    assert browser.run("document.getElementById('freeze').getAttribute('aria-pressed')") == "false"
    browser.run(
        "window.saved = []; HTMLAnchorElement.prototype.click = function () {"
        " window.saved.push(this.download) }"
    )
    key("s")
    names = wait_for(lambda: browser.run("window.saved"), lambda: text("status"))
    assert names[0].startswith("edge-edet-")
    posts = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
        and event["params"]["request"]["method"] != "GET"
    ]
    assert posts == []  # the picture stays on the device
    assert command.interrupt()[0] == 0


def test_a_plain_address_says_what_is_missing(started: Any, open_browser: Any, model: Path) -> None:
    """Browsers trust no plain http but localhost's: another name for this machine shows that."""
    command = started("live", str(model))
    browser = open_browser("--host-resolver-rules=MAP plain.test 127.0.0.1")
    browser.open(command.url.replace("127.0.0.1", "plain.test"), 390, 844, touch=True)
    lacks = "document.getElementById('lacks').innerText"
    text = wait_for(lambda: browser.run(lacks), lambda: browser.run("document.body.innerText"))
    assert "There is no camera here" in text
    assert browser.run("document.getElementById('start').disabled")


def test_a_threshold_below_the_graphs_is_refused(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["live", str(model), "--score-threshold", "7"]) == 2
    assert "score_threshold must be a number from 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "--port must be from 0 to 65535, but got 70000"),
        (["--http"], "--http is for --lan"),
        (
            ["--litertjs", "nowhere"],
            "no folder 'nowhere': make one for LiteRT.js, and run 'npm pack",
        ),
        (["--litertjs", "."], "'.' has neither litertjs-core-2.5.3.tgz nor"),
    ],
)
def test_bad_options_are_one_line(
    model: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["live"], ["bench", "--browser"]):
        assert main([*command, str(model), *arguments]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--delegate", "xnnpack"], "--delegate 'xnnpack' is none of browsers"),
        (["--board", "rpi4"], "--board means nothing in a browser"),
        (["--parallel", "2"], "--parallel means nothing in a browser"),
        (
            ["--max-samples", "200000"],
            "--max-samples is at most 100,000 in a browser, but got 200,000",
        ),
        (["--limit", "5"], "--limit means nothing in a browser"),
        (["--no-verify"], "--no-verify means nothing in a browser"),
        (
            ["--delegate", "webgpu", "--threads", "4"],
            "--threads is for wasm, and --delegate is webgpu",
        ),
        (["--stream-source", "film.mp4"], "--stream-source plays a video on this machine"),
    ],
)
def test_what_browsers_do_not_have_is_refused(
    model: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--browser", str(model), "--jsonl", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--port", "8080"], ["--lan"], ["--http"], ["--litertjs", "."]]
)
def test_options_of_pages_are_for_pages(
    model: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(model), "--jsonl", *arguments]) == 2
    assert f"{arguments[0]} is for --browser, which serves a page" in capsys.readouterr().err


def test_without_a_device_it_says_so(started: Any, model: Path) -> None:
    command = started("bench", "--browser", str(model), "-o", "rows.jsonl")
    assert command.interrupt() == (1, "")
    wait_for(lambda: "no row came: open the address" in command.said[-1], lambda: str(command.said))
    assert "edge-edet: Ctrl-C ends this\n" in command.said


def test_a_file_that_does_not_load_is_refused_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "convert --fp32 d0 --weights random --image-size 64 --to onnx --no-parity-report"
    assert main([*command.split(), "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["bench", "--browser", "--jsonl", str(tmp_path / "d0-64-fp32.onnx")]) == 2
    error = capsys.readouterr().err
    assert "does not load in browsers (refused: " in error
    assert "make one that does with 'edge-edet convert --int8 d0 " in error
    assert "--for litertjs" in error


def test_a_port_that_is_taken_is_said(
    started: Any, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["live", str(model), "--port", str(port)]) == 2
    assert f"cannot listen on 127.0.0.1:{port} (address already in use)" in capsys.readouterr().err
