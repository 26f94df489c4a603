"""How phones reach the page: adb, a QR code, the network."""

from __future__ import annotations

import contextlib
import ipaddress
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.browser.address import (
    adb_reversed,
    certificate,
    lan_address,
    qr_code,
)
from edge_edet.benchmarks.browser.server import Content, Page, serving
from edge_edet.errors import InputError

ADB = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  devices) printf 'List of devices attached\\nABC123\\tdevice\\nXYZ9\\tunauthorized\\n\\n';;
  *"-s BAD"*) echo "error: closed" >&2; exit 1;;
esac
"""


@pytest.fixture
def adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    log = tmp_path / "log"
    program = tmp_path / "bin" / "adb"
    program.parent.mkdir()
    program.write_text(ADB.format(log=log))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return log


def test_phones_behind_adb_reach_the_port_as_localhost(adb: Path) -> None:
    with adb_reversed(4711) as serials:
        assert serials == ["ABC123"]  # the other one has not allowed this computer
        assert adb.read_text().splitlines() == ["devices", "-s ABC123 reverse tcp:4711 tcp:4711"]
    assert adb.read_text().splitlines()[-1] == "-s ABC123 reverse --remove tcp:4711"


def test_a_phone_that_refuses_is_said(adb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = adb.parent / "bin" / "adb"
    program.write_text(program.read_text().replace("ABC123", "BAD"))
    with adb_reversed(4711) as serials:
        assert serials == []
    assert "adb reverse for BAD failed: error: closed" in capsys.readouterr().err


def test_without_adb_there_is_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with adb_reversed(4711) as serials:
        assert serials == []


def test_a_qr_code_is_drawn() -> None:
    drawn = qr_code("https://192.168.1.7:40123/abcdefghijklmnop/")
    assert drawn is not None
    lines = drawn.splitlines()
    assert len(lines) > 10
    assert len({len(line) for line in lines if line.strip()}) <= 3


def test_a_certificate_of_ours_makes_an_address_trusted(open_browser: Any) -> None:
    """Once the warning is answered: only then do browsers give camera, threads and WebGPU."""
    page = Page({"": Content(b"<!doctype html><title>x</title>", "text/html")}, {}, lambda *_: {})
    browser = open_browser(
        "--host-resolver-rules=MAP plain.test 127.0.0.1", "--ignore-certificate-errors"
    )
    for context, trusted in ((None, False), (certificate("plain.test"), True)):
        scheme = "https" if trusted else "http"
        with serving(page, "127.0.0.1", 0, context) as (port, token):
            browser.open(f"{scheme}://plain.test:{port}/{token}/", 390, 844)
            assert browser.run("[isSecureContext, crossOriginIsolated]") == [trusted, trusted]
            browser.call("Page.navigate", url="about:blank")


def test_the_address_of_the_network_is_no_loopback() -> None:
    with contextlib.suppress(InputError):  # a machine in no network is told so
        assert not ipaddress.ip_address(lan_address()).is_loopback
