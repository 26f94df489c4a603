"""Rows of a device as they arrive: what is taken, what is asked for again, what is left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge_edet import BackendError, InputError
from edge_edet.benchmarks.bench.emulated import board_key
from edge_edet.benchmarks.bench.labelled_data import Labelled
from edge_edet.benchmarks.bench.plan import ConfigGrid, Plan
from edge_edet.benchmarks.bench.remote import measure_remote
from edge_edet.benchmarks.measuring.events import (
    Event,
    MinuteMeasured,
    Note,
    RowMeasured,
    RunBegun,
)
from edge_edet.benchmarks.measuring.sampling import StopRule
from edge_edet.benchmarks.rows.parts import Accuracy, DeviceName
from edge_edet.benchmarks.rows.schema import BenchmarkRow, row_to_dict
from edge_edet.devices.remote.transport import Board


@dataclass
class Fake:
    """A transport that gives these messages."""

    messages: list[Any] = field(default_factory=list)
    how: str = "measured"
    program: str = "edge-edet"
    name: str = "pi"
    asked: list[str] = field(default_factory=list)
    extras: Sequence[str] = ()

    def prepare(self, extras: Sequence[str] = ()) -> Board:
        self.extras = extras
        return Board("rpi4", "test", "aarch64")

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        return {path: f"/there/{path.name}" for path in paths}

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        self.asked = list(arguments)
        yield from self.messages

    def clean(self) -> int:
        return 0

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def row(load_tests: Callable[[str], Any]) -> Callable[[int], BenchmarkRow]:
    """row(threads) of the tests of bench, on rpi4."""
    tests = load_tests("bench/conftest.py")
    device = DeviceName("rpi4", "Raspberry Pi 4")
    return lambda threads: tests._row(asked=tests.RequestedConfig(threads=threads), device=device)


def at(host: str, row: BenchmarkRow) -> BenchmarkRow:
    return dataclasses.replace(row, device=dataclasses.replace(row.device, host=host))


def said(*rows: BenchmarkRow) -> list[dict[str, Any]]:
    messages = [{"kind": "row", "key": one.key, "row": row_to_dict(one)} for one in rows]
    return [{"kind": "note", "text": "hello"}, *messages, {"kind": "end", "rows": len(rows)}]


def bench(
    device: Fake, *earlier: BenchmarkRow, model: Path = Path("d0.tflite"), **ways: Any
) -> list[Event]:
    """What was emitted."""
    emitted: list[Event] = []
    measure_remote(device, [model], Plan(ConfigGrid(**ways), StopRule()), earlier, emitted.append)
    return emitted


def rows_of(emitted: list[Event]) -> list[BenchmarkRow]:
    return [one.row for one in emitted if isinstance(one, RowMeasured)]


def test_rows_are_passed_on_under_the_name_of_the_host(row: Callable[[int], BenchmarkRow]) -> None:
    device = Fake(said(row(1), row(2)))
    emitted = bench(device, threads=(1, 2))
    assert rows_of(emitted) == [at("pi", row(1)), at("pi", row(2))]
    assert Note("pi: hello") in emitted
    assert device.asked[:5] == ["bench", "/there/d0.tflite", "--this-board", "rpi4", "--jsonl"]
    assert device.asked[5:7] == ["--threads", "1,2"]


def test_what_is_there_is_not_asked_for_again(row: Callable[[int], BenchmarkRow]) -> None:
    device = Fake(said())
    bench(device, at("pi", row(1)), at("another", row(2)), row(3))
    assert device.asked[-2:] == ["--skip", row(1).key]  # the others are of other boards


def test_minutes_go_to_the_row_of_their_host(row: Callable[[int], BenchmarkRow]) -> None:
    said_of_it = {"minute": 1, "samples_ms": [40.0], "temperature_c": 61.0}
    said_of_it |= {"frequency_mhz": None, "throttled": None}
    minute = {"kind": "minute", "key": row(1).key, "minute": said_of_it}
    begun = {"kind": "begun", "key": row(1).key, "row": row_to_dict(row(1))}
    emitted = bench(Fake([begun, minute, *said(row(1))]))
    key = at("pi", row(1)).key
    assert [one.key for one in emitted if isinstance(one, MinuteMeasured)] == [key]
    assert [one.row.key for one in emitted if isinstance(one, (RunBegun, RowMeasured))] == [key] * 2


def test_rows_without_the_ap_that_is_asked_for_are_measured_again(
    row: Callable[[int], BenchmarkRow], tmp_path: Path
) -> None:
    dataset: Any = None

    def labelled(digest: str, limit: int | None) -> Labelled:
        return Labelled(tmp_path, "test", limit, dataset, digest, limit or 72)

    def skipped(data: Labelled | None, *earlier: BenchmarkRow) -> set[str]:
        device = Fake(said())
        measure_remote(
            device,
            [Path("d0.tflite")],
            Plan(ConfigGrid(), StopRule()),
            earlier,
            lambda line: None,
            data,
        )
        if data is not None:
            assert "bench" in device.extras
            assert device.asked[device.asked.index("--data") :][:4] == [
                "--data",
                f"/there/{tmp_path.name}",
                "--split",
                "test",
            ]
        return {row(1).key, row(2).key} & set(device.asked)

    plain = at("pi", row(1))
    known = dataclasses.replace(
        at("pi", row(2)), accuracy=Accuracy({"ap": 0.5}, {}, 72, "data", "digest", {})
    )
    assert skipped(labelled("digest", None), plain, known) == {row(2).key}
    assert skipped(labelled("digest", 8), plain, known) == set()
    assert skipped(labelled("other", None), plain, known) == set()


def test_labels_and_class_map_are_sent_with_the_options_of_the_input(
    row: Callable[[int], BenchmarkRow], tmp_path: Path
) -> None:
    dataset: Any = None
    data = Labelled(tmp_path, None, None, dataset, "digest", 72, Path("map.json"))
    given = {"labels": "names.txt", "mean": "-1,0,1", "picture_range": "auto"}
    plan = Plan(ConfigGrid(), StopRule(), input=given)
    device = Fake(said())
    measure_remote(device, [Path("d0.tflite")], plan, [], lambda event: None, data)
    assert device.asked[-7:] == [
        "--data",
        f"/there/{tmp_path.name}",
        "--class-map",
        "/there/map.json",
        "--labels=/there/names.txt",
        "--mean=-1,0,1",
        "--range=auto",
    ]

    def with_map(text: str) -> BenchmarkRow:
        accuracy = Accuracy({"ap": 0.5}, {}, 72, "data", "digest", {"class_map": text})
        return dataclasses.replace(row(1), accuracy=accuracy)

    assert data.is_in(with_map("by name, then /there/map.json"))
    assert not data.is_in(with_map("by name"))


def test_a_file_of_labels_is_not_sent_without_its_pictures(tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    file.write_text("{}")
    dataset: Any = None
    with pytest.raises(InputError, match="is a file, and a board needs the pictures too: give th"):
        Labelled(file, None, None, dataset, "digest", 1).files()


def test_rows_that_do_not_come_to_an_end(row: Callable[[int], BenchmarkRow]) -> None:
    with pytest.raises(BackendError, match=r"^pi: its rows do not come to an end: run the c"):
        bench(Fake(said(row(1))[:-1]))


def test_of_an_emulated_board_no_time_is_kept(row: Callable[[int], BenchmarkRow]) -> None:
    device = Fake(said(row(1)), how="emulated")
    (kept,) = rows_of(bench(device))
    assert "--in-process" in device.asked
    assert (kept.how, kept.samples_ms, kept.machine) == ("emulated", {}, None)
    assert (kept.load_ms, kept.peak_memory_bytes, kept.throughput) == (None, None, None)
    assert kept.ran == row(1).ran
    assert [one.code for one in kept.warnings] == ["emulated"]
    assert kept.key != row(1).key  # it does not stand for a measurement
    assert board_key(kept) == row(1).key
    bench(device, kept)
    assert device.asked[device.asked.index("--skip") + 1] == row(1).key
    measured = Fake(said())
    bench(measured, kept)
    assert "--skip" not in measured.asked
    assert kept.device.host is None
    with pytest.raises(
        InputError, match=r"^pi is emulated, and its times mean nothing: leave --sustain out"
    ):
        measure_remote(device, [], Plan(ConfigGrid(), StopRule(), sustain_s=60.0), [], print)


@pytest.mark.parametrize(
    ("name", "ways", "extras"),
    [
        ("d0.tflite", {}, ["devices", "litert"]),
        ("d0.xml", {}, ["devices", "openvino"]),
        ("d0.onnx", {}, ["devices", "onnx"]),
        ("d0.tflite", {"runtimes": ("tflite-runtime",)}, ["devices", "tflite-runtime"]),
    ],
)
def test_the_board_gets_the_runtime_that_is_asked_for(
    name: str, ways: dict[str, Any], extras: list[str]
) -> None:
    device = Fake(said())
    bench(device, model=Path(name), **ways)
    assert list(device.extras) == extras


def test_a_phone_runs_benchmark_model(tiny_int8: Path, tmp_path: Path) -> None:
    log = (Path(__file__).parent / "logs" / "console-2.18.txt").read_text()
    size_mb = tiny_int8.stat().st_size / 1e6
    log = log.replace("(MB): 15.7002", f"(MB): {size_mb:.6g}")
    phone = Fake([{"log": log}], program="benchmark_model")
    rows = rows_of(bench(phone, model=tiny_int8, threads=(2, 4), delegates=("xnnpack",)))
    assert [one.asked.threads for one in rows] == [2, 4]
    assert [one.summary.mean_ms for one in rows if one.summary] == [200.25, 200.25]
    assert phone.asked[-2:] == ["--num_threads=4", "--use_xnnpack=true"]
    phone.asked = []
    again = bench(phone, *rows, model=tiny_int8, threads=(2, 4), delegates=("xnnpack",))
    assert (rows_of(again), phone.asked) == ([], [])
    refused: list[tuple[str, dict[str, Any]]] = [
        ("--runtime", {"runtimes": ("openvino",)}),
        ("--inference-precision", {"precision": "f32"}),
        ("--delegate-option", {"delegate_options": (("a", "b"),)}),
    ]
    for option, ways in refused:
        with pytest.raises(InputError, match=f"^pi runs benchmark_model, which has no {option}: l"):
            bench(phone, model=tiny_int8, **ways)
    dataset: Any = None
    data = Labelled(tmp_path, None, None, dataset, "digest", 1)
    with pytest.raises(
        InputError, match=r"^pi runs benchmark_model, which has no --data: leave it"
    ):
        measure_remote(phone, [tiny_int8], Plan(ConfigGrid(), StopRule()), [], print, data)
