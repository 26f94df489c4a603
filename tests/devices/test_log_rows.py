"""Logs of benchmark_model become rows that claim no more than the log states."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge_edet.benchmarks.rows import from_benchmark_model as log_rows
from edge_edet.benchmarks.rows.file import read_rows
from edge_edet.cli import main

LOGS = Path(__file__).parent / "logs"


@pytest.fixture
def log(tiny_int8: Path, tmp_path: Path) -> Callable[..., Path]:
    """log(name) is that log, as if it were of the smallest model."""

    def make(name: str = "console-2.18", size: int | None = None) -> Path:
        text = (LOGS / f"{name}.txt").read_text()
        size_mb = (size or tiny_int8.stat().st_size) / 1e6
        for stated in ("15.7002", "5.01234"):
            text = text.replace(f"file size (MB): {stated}", f"file size (MB): {size_mb:.6g}")
        path = tmp_path / f"{name}.txt"
        path.write_text(text)
        return path

    return make


def test_a_log_becomes_a_row(
    log: Callable[..., Path], tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows_file = tmp_path / "rows.jsonl"
    command = ["import-log", str(log()), "-m", str(tiny_int8), "--board", "pixel8"]
    assert main([*command, "-o", str(rows_file)]) == 0
    assert capsys.readouterr().out == f"1 row of pixel8 added to {rows_file}\n"
    assert main([*command, "-o", str(rows_file)]) == 0
    stated = f"0 rows of pixel8 added to {rows_file}, 1 was there already\n"
    assert capsys.readouterr().out == stated
    (row,) = read_rows(rows_file)
    assert (row.how, row.device.id, row.samples_ms) == ("measured", "pixel8", {})
    assert row.summary is not None
    assert (row.summary.n, row.summary.mean_ms, row.summary.p50_ms) == (50, 200.25, 200.125)
    assert row.summary.p90_ms is None  # it has p95
    assert row.ran is not None
    assert (row.ran.delegate, row.ran.delegated, row.ran.operators) == ("xnnpack", 599, 612)
    assert row.ran.version == "unknown"
    assert row.peak_memory_bytes == round(110.5 * 2**20)
    assert row.protocol == {"name": "benchmark_model", "warmup": 10, "runs": 50}
    assert [one.code for one in row.warnings] == ["no-samples"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["mean_ms"] == 200.25


def test_a_delegate_that_did_nothing_is_told(
    log: Callable[..., Path], tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log("logcat-nnapi-ignored")
    assert main(["import-log", str(path), "-m", str(tiny_int8), "--board", "pixel6"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["ran"]["delegate"] == "none"
    stated = {one["code"]: one["text"] for one in row["warnings"]}
    assert stated["delegate-not-used"] == "nnapi was asked for, but none executed the model"
    assert row["peak_memory_bytes"] == round(40.25 * 2**20)


def test_a_log_out_of_a_pipe_begins_now(
    log: Callable[..., Path], tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as of a shell's <(adb logcat -d)."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(log().read_bytes(),), daemon=True)
    writer.start()
    before = datetime.now(timezone.utc).replace(microsecond=0)
    assert main(["import-log", str(pipe), "-m", str(tiny_int8), "--board", "pixel8"]) == 0
    writer.join()
    row = json.loads(capsys.readouterr().out)
    assert before <= datetime.fromisoformat(row["started_at"]) <= datetime.now(timezone.utc)


def test_the_same_log_twice_is_one_row(
    log: Callable[..., Path], tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, rows = str(log()), str(tmp_path / "rows.jsonl")
    command = ["import-log", path, path, "-m", str(tiny_int8), "--board", "pixel8", "-o", rows]
    assert main(command) == 0
    assert capsys.readouterr().out == f"1 row of pixel8 added to {rows}, 1 was there already\n"


def test_a_log_of_two_phones_programs_is_two_rows(
    log: Callable[..., Path], tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log()
    text = path.read_text()
    mixed = zip(text.splitlines(), text.replace("200250", "200150").splitlines(), strict=True)
    path.write_text("".join(f"I/a( 1): {one}\nI/a( 2): {other}\n" for one, other in mixed))
    assert main(["import-log", str(path), "-m", str(tiny_int8), "--board", "pixel8"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["summary"]["mean_ms"] for row in rows] == [200.25, 200.15]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_log_that_powershell_wrote(
    encoding: str, log: Callable[..., Path], tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its > writes UTF-16 with a byte order mark, and lines end with \\r\\n."""
    path = log()
    path.write_bytes(path.read_text().replace("\n", "\r\n").encode(encoding))
    assert main(["import-log", str(path), "-m", str(tiny_int8), "--board", "pixel8"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["mean_ms"] == 200.25


def test_a_log_that_cannot_be_read(
    tiny_int8: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    big = tmp_path / "big.txt"
    big.write_bytes(b"x" * 2_000_000)
    monkeypatch.setattr(log_rows, "LIMIT", log_rows.LIMIT._replace(size_bytes=1 << 20))
    command = ["import-log", str(big), "-m", str(tiny_int8), "--board", "pixel8"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said == (
        f"edge-edet: error: cannot read log '{big}': it has 2,000,000 bytes, at most 1,048,576 are "
        "read: cut the part of benchmark_model out\n"
    )
    assert main(["import-log", str(tmp_path), *command[2:]]) == 2
    assert "it is a folder, expected a regular file" in capsys.readouterr().err


def test_what_is_refused(
    log: Callable[..., Path], tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log()
    assert main(["import-log", str(path), "-m", str(tiny_int8), "--board", "pixel88"]) == 2
    assert "error: unknown board 'pixel88': known are " in capsys.readouterr().err
    none = path.with_suffix(".none")
    assert main(["import-log", str(none), "-m", str(tiny_int8), "--board", "pixel8"]) == 2
    said = capsys.readouterr().err
    assert said == f"edge-edet: error: there is no file '{none}': give a log of benchmark_model\n"


def test_a_log_of_another_model(
    log: Callable[..., Path], tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(size=4_276_350)
    assert main(["import-log", str(path), "-m", str(tiny_int8), "--board", "pixel8"]) == 2
    said = capsys.readouterr().err
    assert "is of a model of 4,276,350 bytes (d0-fp32.tflite), but tiny-int8.tflite has " in said
    assert said.endswith(": give the model that was measured\n")


def test_a_log_without_a_size_proves_no_model(
    log: Callable[..., Path], tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log()
    path.write_text(path.read_text().replace("model file size", "model"))
    assert main(["import-log", str(path), "-m", str(tiny_int8), "--board", "pixel8"]) == 0
    codes = [one["code"] for one in json.loads(capsys.readouterr().out)["warnings"]]
    assert codes == ["no-samples", "model-not-proven"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("min=198000 max=207000", "min=207000 max=198000", "min_ms 207 is above mean_ms 200.25"),
        ("max=207000", "max=200000", "mean_ms 200.25 is above max_ms 200"),
        ("median=200125", "median=250000", "p50_ms 250 is above max_ms 207"),
        (
            "std=1549",
            "std=99999",
            "std_ms 99.999 is more than can be between min_ms 198 and max_ms 207",
        ),
        ("std=1549", "std=-1", "std_ms must be at least 0, but is -0.001"),
        ("std=1549", "std=nan", "std_ms must be at least 0, but is nan"),
        ("max=207000", "max=inf", "max_ms must be at least 0, but is inf"),
        ("monitoring: 110", "monitoring: -110", "peak_memory_bytes must be at least 0"),
        (
            "monitoring: 110.5",
            "monitoring: 1e999",
            "peak_memory_bytes must be a number, but is inf",
        ),
    ],
)
def test_numbers_that_cannot_be_make_no_row(
    old: str,
    new: str,
    said: str,
    log: Callable[..., Path],
    tiny_int8: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A log is believed as a whole, or not at all."""
    path = log()
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert main(["import-log", str(path), "-m", str(tiny_int8), "--board", "pixel8"]) == 2
    output = capsys.readouterr()
    assert f"has impossible values: {said}" in output.err
    assert output.out == ""


def test_no_inferences_and_no_time_make_no_row(
    log: Callable[..., Path], tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log()
    text = path.read_text()
    for old, new, said in (
        ("count=50 first=200000", "count=0 first=200000", "no inference was measured"),
        ("200250", "0", "mean_ms must be above 0, but is 0"),
    ):
        path.write_text(text.replace(old, new))
        assert main(["import-log", str(path), "-m", str(tiny_int8), "--board", "pixel8"]) == 2
        assert said in capsys.readouterr().err
