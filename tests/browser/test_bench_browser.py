"""`bench --browser` in a real browser: rows of what really ran, each once, whatever the network does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

QUICK = ("--samples", "6", "--max-samples", "6", "--warmup", "1", "--warmup-seconds", "0")
WAIT_S = 120.0  # a browser that compiles WebAssembly on a busy machine

pytestmark = pytest.mark.usefixtures("litertjs")


def wait_for(what: Callable[[], Any], why: Callable[[], str]) -> Any:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError(f"it did not come: {why()}")


def measure(browser: Any, url: str, name: str) -> None:
    """Open the page as a phone does, type a name and start."""
    browser.open(url, 390, 844, touch=True)
    ready = "!document.getElementById('start').disabled"
    wait_for(lambda: browser.run(ready), lambda: str(browser.run("document.body.innerText")))
    browser.run(
        f"document.getElementById('name').value = {name!r};"
        "document.getElementById('form').requestSubmit()"
    )


def finished(browser: Any) -> str:
    wait_for(
        lambda: browser.run("document.getElementById('status').dataset.done"),
        lambda: str(browser.run("document.body.innerText")),
    )
    return str(browser.run("document.body.innerText"))


def start(started: Any, model: Path, *more: str) -> Any:
    return started("bench", "--browser", str(model), "-o", "rows.jsonl", *QUICK, *more)


def test_a_phone_measures_one_thread_and_two(started: Any, open_browser: Any, model: Path) -> None:
    command = start(started, model, "--threads", "1,2", "--delegate", "wasm")
    browser = open_browser()
    measure(browser, command.url, "Anna's phone")
    text = finished(browser)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert "ms inference" in text
    one, two = command.rows
    for row in (one, two):
        assert (row["how"], row["where"]) == ("measured", "browser")
        assert row["device"] == {"id": "anna-s-phone", "name": "Anna's phone", "host": None}
        assert row["ran"]["runtime"] == "litertjs"
        assert row["ran"]["delegate"] == "wasm"
        parity = row["browser"]["parity"]
        assert parity["boxes"] == parity["matched"] > 10
        assert parity["wrong"] == []
        assert row["browser"]["fell_back"] is None
        assert row["browser"]["heap_bytes"] > 20e6
        assert row["browser"]["isolated"]
        assert row["load_ms"] > 0
        samples = row["samples_ms"]
        assert {len(values) for values in samples.values()} == {6}
        stages = [samples[name] for name in ("decode", "preprocess", "inference", "postprocess")]
        for whole, parts in zip(samples["end_to_end"], zip(*stages, strict=True), strict=True):
            assert whole == pytest.approx(sum(parts), abs=0.01)  # each is rounded to 0.1 us
    assert (one["ran"]["threads"], one["browser"]["build"]) == (1, "plain")
    assert (two["ran"]["threads"], two["browser"]["build"]) == (2, "threaded")
    assert any("heap shared" in line for line in two["browser"]["seen"])
    status, printed = command.interrupt()
    assert status == 0
    assert "in Chromium" in " ".join(printed.split())
    assert any("Anna's phone is done" in line for line in command.said)


def test_a_gpu_that_is_a_program_is_told_from_wasm(
    started: Any, open_browser: Any, model: Path, gpu_flags: Any
) -> None:
    command = start(started, model, "--delegate", "webgpu,webnn")
    browser = open_browser(flags=gpu_flags)
    measure(browser, command.url, "gpu")
    finished(browser)
    gpu, webnn = command.rows
    assert gpu["ran"]["delegate"] == "webgpu"
    assert "swiftshader" in gpu["ran"]["device"].lower()
    assert "software-device" in [one["code"] for one in gpu["warnings"]]
    assert gpu["browser"]["parity"]["wrong"] == []
    # Chromium without its flag has navigator.ml and nothing behind it: LiteRT.js still says "webnn".
    assert webnn["asked"]["delegate"] == "webnn"
    assert webnn["ran"]["delegate"] == "wasm"
    assert webnn["browser"]["fell_back"] == "webnn was asked for, and wasm ran"
    assert "fell-back" in [one["code"] for one in webnn["warnings"]]


def test_a_lost_connection_loses_and_doubles_nothing(
    started: Any, open_browser: Any, model: Path
) -> None:
    command = start(started, model, "--delegate", "wasm", "--threads", "1")
    browser = open_browser()
    measure(browser, command.url, "lost")
    wait_for(
        lambda: "samples" in str(browser.run("document.getElementById('ways').innerText")),
        lambda: str(browser.run("document.body.innerText")),
    )
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.call("Network.emulateNetworkConditions", offline=True, **conditions)
    wait_for(
        lambda: "connection is lost" in str(browser.run("document.body.innerText")),
        lambda: str(browser.run("document.body.innerText")),
    )
    assert command.rows == []
    browser.call("Network.emulateNetworkConditions", offline=False, **conditions)
    assert "connection is lost" not in finished(browser)
    assert len(command.rows) == 1


def test_two_devices_at_once_and_one_is_closed(
    started: Any, open_browser: Any, model: Path
) -> None:
    command = start(started, model, "--delegate", "wasm", "--threads", "1")
    first, second = open_browser(), open_browser()
    measure(first, command.url, "phone")
    measure(second, command.url, "phone")
    wait_for(
        lambda: sum("joined as" in line for line in command.said) == 2, lambda: str(command.said)
    )
    second.call("Page.navigate", url="about:blank")
    finished(first)
    wait_for(
        lambda: any("closed the page" in line for line in command.said) or len(command.rows) == 2,
        lambda: str(command.said),
    )
    ids = [row["device"]["id"] for row in command.rows]
    assert ids[0] in ("phone", "phone-2")
    assert len(ids) == len(set(ids))
    assert command.interrupt()[0] == 0


def test_a_page_that_is_loaded_anew_goes_on(started: Any, open_browser: Any, model: Path) -> None:
    command = start(started, model, "--delegate", "wasm", "--threads", "1")
    browser = open_browser()
    measure(browser, command.url, "anew")
    finished(browser)
    measure(browser, command.url, "anew")
    finished(browser)
    assert len(command.rows) == 1
    assert any("anew is back" in line for line in command.said)


def test_a_name_that_is_refused_can_be_mended(
    started: Any, open_browser: Any, model: Path, tmp_path: Path
) -> None:
    another = tmp_path / "another.tflite"
    another.write_bytes(model.read_bytes())
    command = started(
        *("bench", "--browser", str(model), str(another), "-o", "rows.jsonl", *QUICK),
        *("--delegate", "wasm", "--threads", "1"),
    )
    browser = open_browser()
    # The two of this emoji are joined by what cannot be printed.
    measure(browser, command.url, "family \U0001f468\u200d\U0001f467")
    text = "document.getElementById('status').textContent"
    wait_for(lambda: "printable" in browser.run(text), lambda: str(browser.run(text)))
    fields = "[document.getElementById('start').disabled, document.getElementById('name').readOnly]"
    assert browser.run(fields) == [False, False]
    browser.run(
        "document.getElementById('name').value = 'family';"
        "document.getElementById('form').requestSubmit()"
    )
    finished(browser)
    assert [row["model"]["file"] for row in command.rows] == [model.name, another.name]
    assert {row["device"]["name"] for row in command.rows} == {"family"}


def test_a_sustained_run_keeps_its_minutes(started: Any, open_browser: Any, model: Path) -> None:
    command = start(started, model, "--delegate", "wasm", "--threads", "1", "--sustain", "2s")
    browser = open_browser()
    measure(browser, command.url, "long")
    finished(browser)
    (row,) = command.rows
    assert [minute["minute"] for minute in row["sustain"]["minutes"]] == [1]
    samples = row["sustain"]["minutes"][0]["samples_ms"]
    assert samples == row["samples_ms"]["end_to_end"]
    assert row["browser"]["wake_lock"] in (True, False)
    assert not list(command.rows_file.parent.glob("*.minutes"))


def test_what_ran_while_the_page_was_hidden_is_left_out(
    started: Any, open_browser: Any, model: Path
) -> None:
    command = started(
        *("bench", "--browser", str(model), "-o", "rows.jsonl", "--delegate", "wasm"),
        *("--threads", "1", "--samples", "20", "--max-samples", "20", "--ci-width", "1"),
    )
    browser = open_browser()
    measure(browser, command.url, "hidden")
    state = "document.getElementById('ways').innerText"
    wait_for(lambda: "samples" in str(browser.run(state)), lambda: str(browser.run(state)))
    for hidden in ("true", "false"):
        browser.run(
            f"Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        if hidden == "true":
            wait_for(lambda: "paused" in str(browser.run(state)), lambda: str(browser.run(state)))
    finished(browser)
    (row,) = command.rows
    assert len(row["browser"]["pauses"]) == 1
    assert "hidden" in [one["code"] for one in row["warnings"]]
    assert {len(samples) for samples in row["samples_ms"].values()} == {20}


def test_ctrl_c_without_a_device_says_so(started: Any, model: Path) -> None:
    command = start(started, model)
    assert any("only this machine can open it" in line for line in command.said) or wait_for(
        lambda: any("only this machine" in line for line in command.said), lambda: ""
    )
    assert command.interrupt()[0] == 1
