"""Rows of browsers in the report and in recommend: a series of their own, found by the name typed."""

from __future__ import annotations

import dataclasses
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.analysis import way_of
from edge_edet.benchmarks.report.device_latency import device_latency_figures
from edge_edet.benchmarks.rows import BenchmarkRow, BrowserRun, DeviceName, Parity
from edge_edet.benchmarks.rows.file import append_rows, read_rows
from edge_edet.cli import main

rows_of_reports = runpy.run_path(str(Path(__file__).parents[1] / "report" / "conftest.py"))
native: Callable[..., BenchmarkRow] = rows_of_reports["build_row"]

RUN = BrowserRun(
    browser="Chrome 156.0.1.2",
    user_agent="Mozilla/5.0",
    screen=(412, 915),
    pixel_ratio=2.6,
    secure=True,
    isolated=True,
    timer_step_ms=0.005,
    build="plain",
    fell_back=None,
    seen=("0 workers",),
    heap_bytes=43_000_000,
    wake_lock=True,
    pauses=(),
    parity=Parity(2, 30, 30, 0.9, 0.05, ()),
)


def in_browser(ms: float, **changes: Any) -> BenchmarkRow:
    row = native("d0", "int8", ms)
    ran = dataclasses.replace(row.ran, runtime="litertjs", version="2.5.3", delegate="wasm")
    fields = {
        "ran": ran,
        "device": DeviceName("anna-s-phone", "Anna's phone"),
        "where": "browser",
        "browser": RUN,
        "protocol": {"name": "edge-edet bench --browser", "version": 1},
    }
    return dataclasses.replace(row, **(fields | changes))


def test_native_and_browser_rows_never_share_a_figure() -> None:
    rows = [native("d0", "int8", 20.0), in_browser(60.0)]
    devices, browsers = device_latency_figures(rows, "inference")
    assert (devices.name, browsers.name) == ("latency-devices", "latency-browsers")
    assert browsers.title.startswith("Phones in the browser")
    for figure, wanted in ((devices, None), (browsers, "browser")):
        own = [mark.row.where for *_, mark in figure.marks() if mark.row is not None]
        assert own == [wanted]


def test_without_browser_rows_there_is_no_such_figure() -> None:
    figures = device_latency_figures([native("d0", "int8", 20.0)], "inference")
    assert [figure.name for figure in figures] == ["latency-devices"]


def test_a_line_says_the_browser() -> None:
    assert way_of(in_browser(60.0)) == "anna-s-phone, litertjs wasm in Chrome 156.0.1.2, 1 thread"


@pytest.mark.parametrize("name", ["Anna's phone", "anna's PHONE", "anna-s-phone"])
def test_recommend_takes_the_name_that_was_typed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, [native("d0", "int8", 20.0, 0.33), in_browser(60.0)])
    command = ["recommend", str(path), "--board", name, "--budget", "100ms", "--published", "none"]
    assert main(command) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "litertjs wasm in Chrome" in out
    assert "33.0" in out  # the AP of the same file, measured natively


def test_rows_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, [in_browser(60.0)])
    (row,) = read_rows(path)
    assert row.browser == RUN


def test_rows_from_before_are_native(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, [native("d0", "int8", 20.0)])
    document = json.loads(path.read_text())
    assert (document.pop("where"), document.pop("browser")) == (None, None)
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    assert read_rows(path)[0].where is None


def test_a_browser_row_has_its_browser() -> None:
    with pytest.raises(ValueError, match="browser must be there where where is 'browser'"):
        in_browser(60.0, browser=None)


def test_a_name_that_nobody_typed_is_answered_with_those_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, [native("d0", "int8", 20.0, 0.33), in_browser(60.0)])
    command = ["recommend", str(path), "--board", "My phone", "--budget", "1s"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert 'there are rows of "Anna\'s phone", host; make some with' in error
    assert (
        "--board 'My phone'', or with that name in the page of 'edge-edet bench --browser'" in error
    )
