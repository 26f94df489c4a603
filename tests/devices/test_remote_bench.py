"""Rows of other devices arrive in one file: each once, checked, whatever one device does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge_edet import BackendError, EdgeEdetError, InputError
from edge_edet.benchmarks.remote_bench import RemoteBench, bench_on
from edge_edet.benchmarks.row_file import open_rows, read_rows
from edge_edet.benchmarks.rows import BenchmarkRow, row_to_dict
from edge_edet.devices.transport import Board


@dataclass
class Fake:
    """A transport that gives these messages."""

    name: str
    messages: list[Any] = field(default_factory=list)
    how: str = "measured"
    program: str = "edge-edet"
    asked: list[str] = field(default_factory=list)
    extras: Sequence[str] = ()

    def prepare(self, extras: Sequence[str] = ()) -> Board:
        self.extras = extras
        return Board("rpi4", "test", "aarch64")

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        return {path: f"/there/{path.name}" for path in paths}

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        self.asked = list(arguments)
        for message in self.messages:
            if isinstance(message, EdgeEdetError):
                raise message
            yield message

    def clean(self) -> int:
        return 0

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def row(load_tests: Callable[[str], Any]) -> Callable[[int], BenchmarkRow]:
    """row(threads) of the tests of bench."""
    tests = load_tests("bench/conftest.py")
    return lambda threads: tests._row(asked=tests.Asked(threads=threads))


def said(*rows: BenchmarkRow, end: int | None = None) -> list[dict[str, Any]]:
    messages = [{"kind": "row", "key": one.key, "row": row_to_dict(one)} for one in rows]
    count = len(rows) if end is None else end
    return [{"kind": "note", "text": "hello"}, *messages, {"kind": "end", "rows": count}]


def bench(path: Path, *transports: Any, **asked: Any) -> list[str]:
    """The errors."""
    with open_rows(path) as file:
        given = RemoteBench((Path("d0.tflite"),), **asked)
        return [str(error) for error in bench_on(transports, given, file)]


def test_rows_of_several_devices(
    row: Callable[[int], BenchmarkRow], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    one, other = Fake("a", said(row(1), row(2))), Fake("b", said(row(4)))
    assert bench(path, one, other, images=(Path("x.png"),), threads=(1, 2)) == []
    assert sorted(r.asked.threads or 0 for r in read_rows(path)) == [1, 2, 4]
    assert one.asked == [
        "bench", "/there/d0.tflite", "--device", "rpi4", "--stream", "--threads", "1,2",
        "--images", "/there/x.png",
    ]  # fmt: skip
    assert list(one.extras) == ["devices", "litert"]
    assert "a: hello\n" in capsys.readouterr().err


def test_a_continued_run_repeats_nothing(
    row: Callable[[int], BenchmarkRow], tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    broken = Fake("a", [*said(row(1))[:2], BackendError("a: it is gone")])
    assert bench(path, broken) == ["a: it is gone"]
    assert len(read_rows(path)) == 1  # what came before stays
    again = Fake("a", said(row(2)))
    assert bench(path, again) == []
    assert again.asked[-2:] == ["--skip", row(1).key]
    doubled = Fake("a", said(row(1), row(2)))  # as if it had not heard
    assert bench(path, doubled) == []
    assert [r.asked.threads for r in read_rows(path)] == [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"how": "emulated"}, "a: a row says that it is measured, expected emulated"),
        ({"key": "0"}, "a: a row has another key than was announced"),
        ({"schema": 2}, "a row of a: schema_version must be 1, but is 2: update edge-edet"),
        ({"end": 3}, "a: 1 rows arrived, but not all that were measured: run the same command"),
        ({"end": None}, "a: 1 rows arrived, but not all that were measured: run the same command"),
    ],
)
def test_rows_that_cannot_be_taken(
    row: Callable[[int], BenchmarkRow], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    messages = said(row(1), end=change.get("end", 1) or 0)
    if "end" in change and change["end"] is None:
        messages.pop()
    if "key" in change:
        messages[1]["key"] = "0"
    if "schema" in change:
        messages[1]["row"]["schema_version"] = 2
    (error,) = bench(tmp_path / "r", Fake("a", messages, how=change.get("how", "measured")))
    assert error.startswith(message)


@pytest.mark.parametrize(
    ("name", "asked", "extras"),
    [
        ("d0.xml", {}, ["devices", "openvino"]),
        ("d0.onnx", {"data": Path("coco")}, ["bench", "devices", "onnx"]),
        ("d0.tflite", {"runtime": "tflite-runtime"}, ["devices", "tflite-runtime"]),
    ],
)
def test_the_board_gets_what_it_needs(name: str, asked: dict[str, Any], extras: list[str]) -> None:
    assert RemoteBench((Path(name),), **asked).extras() == extras


def test_a_phone_runs_benchmark_model(tiny_int8: Path, tmp_path: Path) -> None:
    log = (Path(__file__).parent / "logs" / "console-2.18.txt").read_text()
    size_mb = tiny_int8.stat().st_size / 1e6
    log = log.replace("(MB): 15.7002", f"(MB): {size_mb:.6g}")
    phone = Fake("p", [{"log": log}], program="benchmark_model")
    path = tmp_path / "rows.jsonl"
    with open_rows(path) as file:
        assert bench_on([phone], RemoteBench((tiny_int8,), threads=(2, 4)), file) == []
    rows = read_rows(path)
    assert [one.asked.threads for one in rows] == [2, 4]
    assert [one.summary.mean_ms for one in rows if one.summary] == [200.25, 200.25]
    phone.asked = []
    with open_rows(path) as file:
        assert bench_on([phone], RemoteBench((tiny_int8,), threads=(2, 4)), file) == []
    assert phone.asked == []  # both are there already
    with open_rows(path) as file:
        (error,) = bench_on([phone], RemoteBench((tiny_int8,), data=Path("coco")), file)
    assert isinstance(error, InputError)
    assert str(error).startswith("p is measured by benchmark_model, which takes no pictures")
