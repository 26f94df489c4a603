"""Posts of strangers: 4xx, and nothing is left of them; correct ones count once."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from edge_edet.benchmarks.browser import parity
from edge_edet.benchmarks.browser.address import certificate
from edge_edet.benchmarks.browser.bench import make_ways
from edge_edet.benchmarks.browser.messages import MESSAGES
from edge_edet.benchmarks.browser.served_model import read_served
from edge_edet.benchmarks.browser.server import Content, Page, serving
from edge_edet.benchmarks.browser.session import MOST_DEVICES, BrowserSession
from edge_edet.benchmarks.measuring import RowMeasured, StopRule
from edge_edet.detection import PostprocessConfig

FACTS: dict[str, Any] = {
    "user_agent": "Mozilla/5.0",
    "browser": "Chromium 156",
    "platform": "Android 16",
    "model": "Pixel 8",
    "architecture": None,
    "mobile": True,
    "screen": [412, 915],
    "pixel_ratio": 2.6,
    "cores": 9,
    "memory_gib": 8,
    "secure": True,
    "isolated": True,
    "timer_step_ms": 0.005,
    "webgpu": None,
    "webnn": False,
    "jspi": True,
}
HELLO = {"name": "phone", "device": None, "facts": FACTS}


class Server:
    """What pages talk to, and all that it made of it."""

    def __init__(self, port: int, token: str, events: list[Any], boxes: list[Any]):
        self.port, self.token, self.events, self.boxes = port, token, events, boxes

    @property
    def rows(self) -> list[Any]:
        return [event.row for event in self.events if isinstance(event, RowMeasured)]

    def send(
        self, path: str, body: bytes, headers: dict[str, str] | None = None, method: str = "POST"
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        connection.request(method, path, body, given if headers is None else headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, json.loads(data)

    def post(self, what: str, content: Any) -> tuple[int, Any]:
        return self.send(f"/{self.token}/{what}", json.dumps(content).encode())

    def row(self, device: str, way: int = 0) -> dict[str, Any]:
        return {
            "device": device,
            "way": way,
            "started_at": "2026-11-29T07:00:00+00:00",
            "load_ms": 300.5,
            "evidence": {
                "ran": "wasm",
                "threads": 1,
                "build": "plain",
                "device": None,
                "fully": False,
                "seen": ["0 workers"],
            },
            "parity": copy.deepcopy(self.boxes),
            "wake_lock": True,
            "samples_ms": {
                "decode": [1.0, 1.0],
                "preprocess": [2, 2],
                "inference": [30.0, 31.0],
                "postprocess": [1, 1],
                "end_to_end": [34.0, 35.0],
            },
            "heap_bytes": 42_000_000,
            "pauses": [],
        }


@pytest.fixture(scope="module")
def expected(model: Path) -> Any:
    config = PostprocessConfig()
    drawn = parity.pictures()
    served = read_served(model, config)
    return dataclasses.replace(served, expected=parity.reference(model, drawn, config))


def serve(served: Any, sustain_s: float | None) -> Iterator[Server]:
    events: list[Any] = []
    ways = make_ways(1, ["wasm"], [1, 2])
    session = BrowserSession([served], ways, StopRule(), sustain_s, {"pictures": 1}, events.append)
    boxes = [
        [{"box": list(one.box), "score": one.score, "class_id": one.class_id} for one in detections]
        for detections in served.expected
    ]
    files = {"": Content(b'{"page": 1}', "text/html")}
    page = Page(files, MESSAGES, lambda message, path: session.take(message))
    with serving(page, "127.0.0.1", 0) as (port, token):
        yield Server(port, token, events, boxes)


@pytest.fixture
def server(expected: Any) -> Iterator[Server]:
    yield from serve(expected, None)


@pytest.fixture
def sustaining(expected: Any) -> Iterator[Server]:
    yield from serve(expected, 120.0)


def test_a_row_counts_once(server: Server) -> None:
    status, hello = server.post("hello", HELLO)
    assert status == 200
    for _ in range(2):  # a page that lost the answer sends again
        assert server.post("row", server.row(hello["device"]))[0] == 200
    (row,) = server.rows
    assert row.device.id == "phone"
    assert row.browser.parity.matched == row.browser.parity.boxes > 0
    assert server.post("hello", {**HELLO, "device": hello["device"]})[1]["done"] == [0]


def test_boxes_that_differ_are_named(server: Server) -> None:
    device = server.post("hello", HELLO)[1]["device"]
    row = server.row(device)
    first, second = copy.deepcopy(row["parity"])
    moved = first[0]["box"]
    moved[0] += (moved[2] - moved[0]) * 0.3
    second[0]["score"] -= 0.06
    row["parity"] = [first, second]
    assert server.post("row", row)[0] == 200
    found = server.rows[0].browser.parity
    assert found.matched == found.boxes - 2
    lost, extra, score = found.wrong
    assert lost.startswith("picture 1: ")
    assert lost.endswith("is not found")
    assert extra.endswith("is found in the browser only")
    assert "picture 2: " in score
    assert " has score " in score
    assert server.rows[0].warnings[0].code == "wrong-boxes"


def test_two_of_one_name_stay_two(server: Server) -> None:
    one, two = (server.post("hello", HELLO)[1]["device"] for _ in range(2))
    for device in (one, two):
        assert server.post("row", server.row(device))[0] == 200
    assert [row.device.id for row in server.rows] == ["phone", "phone-2"]
    assert len({row.key for row in server.rows}) == 2


@pytest.mark.parametrize(
    ("name", "device_id"),
    [
        ("rpi4", "rpi4-2"),  # no board of ours, whatever it is called
        ("host", "host-2"),
        ("Anna's phone", "anna-s-phone"),
        ("...", "browser"),
    ],
)
def test_a_typed_name_is_no_board(server: Server, name: str, device_id: str) -> None:
    device = server.post("hello", {**HELLO, "name": name})[1]["device"]
    assert server.post("row", server.row(device))[0] == 200
    assert server.rows[0].device.id == device_id


def test_names_of_other_scripts_stay_apart_in_all_runs(expected: Any) -> None:
    keys = set()
    for name in ("\u0442\u0435\u043b\u0435\u0444\u043e\u043d 1", "\u624b\u6a5f 1", "\u624b\u6a5f"):
        for server in serve(expected, None):  # each in a run of its own
            device = server.post("hello", {**HELLO, "name": name})[1]["device"]
            assert server.post("row", server.row(device))[0] == 200
            (row,) = server.rows
            assert row.device.name == name
            keys.add(row.key)
    assert len(keys) == 3


def change(path: str, value: Any) -> Any:
    def changed(row: dict[str, Any]) -> Any:
        target: Any = row
        *inner, last = path.split(".")
        for key in inner:
            target = target[int(key) if key.isdigit() else key]
        target[last] = value
        return row

    return changed


HOSTILE = {
    "no object": lambda row: [row],
    "no number": change("load_ms", "1"),
    "NaN": change("load_ms", float("nan")),
    "a huge integer": change("heap_bytes", 10**30),
    "a negative heap": change("heap_bytes", -1),
    "an unknown key": change("more", 1),
    "another stage": change("samples_ms.sleep", [1, 2]),
    "stages of unequal length": change("samples_ms.decode", [1.0]),
    "no samples": change("samples_ms", {}),
    "empty samples": change("samples_ms.decode", []),
    "times below 0": change("samples_ms.inference", [-1, 2]),
    "all times 0": change("samples_ms.end_to_end", [0, 0]),
    "no time": change("started_at", "yesterday"),
    "another way": change("way", 2),
    "a way below 0": change("way", -1),
    "an accelerator of its own": change("evidence.ran", "tpu"),
    "no threads": change("evidence.threads", 0),
    "many lines": change("evidence.seen", ["x"] * 100),
    "a long line": change("evidence.seen", ["x" * 10_000]),
    "one picture": change("parity", [[]]),
    "a box that is none": change("parity.0.0.box", [5, 5, 1, 1]),
    "a box far outside": change("parity.0.0.box", [0, 0, 1e300, 1e300]),
    "a pause without end": change("pauses", [{"at_s": 1, "seconds": 1e308}]),
    "a score above 1": change("parity.0.0.score", 2),
    "many boxes": lambda row: {**row, "parity": [row["parity"][0] * 200, []]},
    "another device": change("device", "nobody"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_rows_leave_nothing(server: Server, name: str) -> None:
    device = server.post("hello", HELLO)[1]["device"]
    status, answer = server.post("row", HOSTILE[name](server.row(device)))
    assert 400 <= status < 500, answer
    assert answer["error"]
    assert server.rows == []
    assert server.post("row", server.row(device))[0] == 200  # the page itself is still welcome
    assert len(server.rows) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", ""),
        ("name", "x" * 61),
        ("name", "two\nlines"),
        ("name", "\x1b[2J"),
        ("facts.user_agent", "x" * 1000),
        ("facts.cores", 0),
        ("facts.screen", [1]),
        ("facts.screen", [-1, 5]),
        ("facts", None),
    ],
)
def test_hostile_devices_do_not_join(server: Server, path: str, value: Any) -> None:
    status, answer = server.post("hello", change(path, value)(copy.deepcopy(HELLO)))
    assert status == 400, answer
    assert server.events == []


def test_bodies_are_limited_and_must_be_json(server: Server) -> None:
    path = f"/{server.token}/hello"
    plain = {"Content-Type": "text/plain", "Content-Length": "2"}
    endless = {"Content-Type": "application/json", "Content-Length": "9" * 11}
    for body, headers, expected in (
        (b"{", None, 400),
        (b"\xff\xfe", None, 400),
        (b"[" * 15_000, None, 400),
        (b'{"name": ' + b"9" * 9000 + b"}", None, 400),
        (b" " * 20_000, None, 413),
        (b"", endless, 413),
        (b"{}", plain, 415),
        (b"", {"Content-Type": "application/json"}, 400),
        (b"", {"Content-Type": "application/json", "Content-Length": "-1"}, 411),
    ):
        status, _ = server.send(path, body, headers)
        assert status == expected, (body[:10], headers)
    foreign = {
        "Content-Type": "application/json",
        "Content-Length": "2",
        "Origin": "https://example.org",
    }
    assert server.send(path, b"{}", foreign)[0] == 403
    assert server.events == []


@pytest.mark.parametrize(
    "path", ["/", "/hello", "/TOKEN/nothing", "/TOKEN/../../etc/passwd", "/x/hello", "//hello", "*"]
)
def test_other_addresses_are_not_there(server: Server, path: str) -> None:
    path = path.replace("TOKEN", server.token)
    assert server.send(path, b"{}")[0] == 404
    assert server.send(path, b"", {}, "GET")[0] == 404


def test_an_address_without_its_last_slash_is_led_on(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", f"/{server.token}")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (308, f"/{server.token}/")
    assert answer.read() == b""
    connection.close()


def test_headers_isolate_the_page(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", f"/{server.token}/")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    connection.close()


def test_there_are_so_many_devices_and_no_more(server: Server) -> None:
    for _ in range(MOST_DEVICES):
        assert server.post("hello", HELLO)[0] == 200
    status, answer = server.post("hello", HELLO)
    assert status == 403
    assert "there are 64 devices already" in answer["error"]


def test_minutes_come_in_order_and_once(sustaining: Server) -> None:
    device = sustaining.post("hello", HELLO)[1]["device"]
    row = sustaining.row(device)
    minute = {"device": device, "way": 0, "number": 1, "samples_ms": [34.0, 35.0]}
    assert sustaining.post("minute", minute)[0] == 400  # before begun
    assert sustaining.post("row", row)[0] == 400
    begun = {k: v for k, v in row.items() if k not in ("samples_ms", "heap_bytes", "pauses")}
    assert sustaining.post("begun", begun)[0] == 200
    for changed, status in (
        ({}, 200),
        ({}, 200),  # again: it has arrived
        ({"number": 2, "samples_ms": []}, 400),
        ({"number": 0}, 400),
        ({"number": 4}, 400),
        ({"number": 2, "samples_ms": [36.0]}, 200),
        ({"number": 1, "samples_ms": [1.0]}, 400),
    ):
        assert sustaining.post("minute", minute | changed)[0] == status, changed
    assert sustaining.post("row", row)[0] == 200
    (done,) = sustaining.rows
    assert [one.samples_ms for one in done.sustain.minutes] == [(34.0, 35.0), (36.0,)]


def test_begun_is_for_sustained_runs(server: Server) -> None:
    device = server.post("hello", HELLO)[1]["device"]
    row = server.row(device)
    begun = {k: v for k, v in row.items() if k not in ("samples_ms", "heap_bytes", "pauses")}
    assert server.post("begun", begun)[0] == 400


def test_https_answers_with_the_certificate_of_its_address() -> None:
    page = Page({"": Content(b"{}", "text/html")}, {}, lambda message, path: {})
    with serving(page, "127.0.0.1", 0, certificate("127.0.0.1")) as (port, token):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
        connection.request("GET", f"/{token}/")
        assert connection.getresponse().status == 200
        connection.close()
        pem = ssl.get_server_certificate(("127.0.0.1", port))
        lasts = x509.load_pem_x509_certificate(pem.encode())
        now = datetime.datetime.now(datetime.timezone.utc)
        assert lasts.not_valid_before_utc < now < lasts.not_valid_after_utc
        assert (lasts.not_valid_after_utc - lasts.not_valid_before_utc).days <= 31
        strict = http.client.HTTPSConnection("127.0.0.1", port, timeout=20)
        with pytest.raises(ssl.SSLCertVerificationError):
            strict.request("GET", "/")
