"""Rows and their files: what goes in comes out, and nothing else is taken for a row."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.bench.table import details
from edge_edet.benchmarks.rows.file import (
    append_rows,
    done_keys,
    dump_row,
    open_rows,
    parse_rows,
    read_rows,
)
from edge_edet.benchmarks.rows.parts import (
    Accuracy,
    Estimate,
    Minute,
    RequestedConfig,
    Summary,
    Sustain,
    Warned,
)
from edge_edet.benchmarks.rows.schema import BenchmarkRow, row_from_dict, row_to_dict
from edge_edet.errors import InputError

Make = Callable[..., BenchmarkRow]


def test_a_row_reads_back_as_it_was(make_row: Make, tmp_path: Path) -> None:
    minute = Minute(1, (40.5,), 61.25, 1500.0, ("frequency capped",))
    row = make_row(sustain=Sustain(60.0, (minute,)), warnings=(Warned("busy", "text é", "advice"),))
    estimate = make_row(
        (),
        how="estimated",
        samples_ms={},
        ran=None,
        machine=None,
        estimate=Estimate(50.0, 40.0, 60.0, 0.9, "a model", ("a note",)),
    )
    log = make_row((), samples_ms={}, summary=Summary("tool", "inference", 9, 1, 0, 1, 1, 1, None))
    append_rows(tmp_path / "rows.jsonl", [row, estimate])
    append_rows(tmp_path / "rows.jsonl", [log])
    assert read_rows(tmp_path / "rows.jsonl") == [row, estimate, log]


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(document: dict[str, Any]) -> None:
        *inner, last = path.split(".")
        for key in inner:
            document = document[key]
        if value is KeyError:
            del document[last]
        else:
            document[last] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema_version", 2, "schema_version must be 1, but is 2: update edge-edet"),
        ("schema_version", "1", "but is '1': give a row of edge-edet bench"),
        ("surprise", 1, "unknown key 'surprise': known are schema_version, how"),
        ("model.size_bytes", KeyError, "the key 'model.size_bytes' is missing"),
        ("asked.threads", "4", "'asked.threads' must be an integer, but is '4'"),
        ("asked.threads", True, "'asked.threads' must be an integer, but is True"),
        ("model.format", "caffe", "'model.format' must be one of tflite, openvino, onnx"),
        ("model.image_size", [512], "'model.image_size' must be a list of 2, but is [512]"),
        ("samples_ms.inference", [1.0, None, 2], "'samples_ms.inference[1]' must be a number"),
        ("samples_ms.lunch", [1.0, 2, 3], "samples_ms.lunch is no stage: known are decode"),
        ("samples_ms.inference", [1.0], "must have as many of each stage, but has [1, 3]"),
        ("samples_ms.inference", [-1.0, 1, 1], "samples_ms.inference must not hold negative"),
        (
            "accuracy",
            {
                "numbers": {"ap": 33.5},
                "intervals": {},
                "pictures": 1,
                "data": "d",
                "data_digest": "0",
                "protocol": {},
            },
            "numbers.ap must be from 0 to 1, but is 33.5",
        ),
        ("samples_ms", {}, "samples_ms must not be empty: the row says that it is measured"),
        ("how", "estimated", "estimate must be there where how is 'estimated', and only there"),
        ("protocol", {}, "protocol.name must be text"),
        ("machine", 3, "'machine' must be an object, but is 3"),
        ("warnings", {}, "'warnings' must be a list"),
        ("load_ms", float("nan"), "'load_ms' must be a number, but is nan"),
        ("protocol.width", float("inf"), "'protocol.width' must be a finite number"),
    ],
)
def test_what_is_no_row_is_refused(make_row: Make, path: str, value: Any, message: str) -> None:
    document = row_to_dict(make_row())
    change(path, value)(document)
    with pytest.raises(InputError) as caught:
        parse_rows(json.dumps(document).encode() + b"\n", "a.jsonl")
    assert str(caught.value).startswith("a.jsonl, line 1: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_torn_last_row_is_passed_over_and_cut_off(make_row: Make, tmp_path: Path) -> None:
    path, row = tmp_path / "rows.jsonl", make_row()
    whole = dump_row(row).encode()
    for end in (1, 5, len(whole) // 2, len(whole)):
        path.write_bytes(whole + b"\n" + whole[:end])
        assert read_rows(path) == [row]
        append_rows(path, [row])
        assert read_rows(path) == [row, row]


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    for data, message in (
        (b"TFL3 without an end", "is no file of rows of 'edge-edet bench': it ends in"),
        (b"text\n", "line 1: expected a row as JSON, but found b'text'"),
        (b"[1]\n", "line 1 must be an object, but is [1]"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"model\.tflite") as caught, open_rows(path):
            pass
        assert message in str(caught.value)
        assert path.read_bytes() == data
    with pytest.raises(InputError, match=r"no file of rows .*: make one with 'edge-edet bench"):
        read_rows(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="it is a folder, expected a regular file"):
        read_rows(tmp_path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a device without an end")
def test_a_device_is_no_file_of_rows() -> None:
    with pytest.raises(
        InputError, match=r"^'/dev/zero' is no regular file, lines are to be added to it: give a"
    ):
        open_rows(Path("/dev/zero")).__enter__()
    with pytest.raises(InputError, match=r"rows '/dev/zero': it is a device, expected a reg"):
        read_rows(Path("/dev/zero"))


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with open_rows(path), pytest.raises(InputError, match="in use by another"), open_rows(path):
        pass


def test_the_key_is_of_what_was_asked_not_of_what_came(make_row: Make) -> None:
    row = make_row()
    assert make_row((1.0, 2.0), load_ms=None, machine=None).key == row.key
    others = [
        make_row(asked=RequestedConfig(threads=2)),
        make_row(protocol={"name": "edge-edet bench", "version": 2}),
        make_row(model=dataclasses.replace(row.model, sha256="cd" * 32)),
        make_row(device=dataclasses.replace(row.device, id="rpi4")),
        make_row(device=dataclasses.replace(row.device, id="rpi4", host="one")),
        make_row(device=dataclasses.replace(row.device, id="rpi4", host="two")),
    ]
    assert len({row.key, *(one.key for one in others)}) == 7
    (again,) = parse_rows(dump_row(row).encode() + b"\n", "x")
    assert again.key == row.key


def test_rows_from_before_hosts_were_told_apart_are_read(make_row: Make) -> None:
    document = row_to_dict(make_row())
    assert document["device"].pop("host") is None
    assert row_from_dict(document, "x") == make_row()


def test_a_sustained_run_that_was_cut_short_is_not_done(make_row: Make) -> None:
    minutes = tuple(Minute(n, (1.0,), None, None, None) for n in (1, 2))
    assert done_keys([make_row(sustain=Sustain(180.0, minutes))]) == set()
    whole = make_row(sustain=Sustain(120.0, minutes))
    assert done_keys([whole]) == {whole.key}


def test_notes_on_the_data_go_with_the_ap(make_row: Make) -> None:
    """Rows from before notes were kept have none."""
    accuracy = Accuracy({"ap": 0.5}, {}, 72, "data", "digest", {}, {"crowd boxes": 7})
    row = make_row(accuracy=accuracy)
    assert "    note: 7 crowd boxes" in list(details(row))
    document = row_to_dict(row)
    assert row_from_dict(document, "here") == row
    del document["accuracy"]["notes"]
    read = row_from_dict(document, "here")
    assert read.accuracy is not None
    assert read.accuracy.notes == {}


SUMMARY = {
    "source": "tool",
    "stage": "inference",
    "n": 50,
    "mean_ms": 40.0,
    "std_ms": 1.0,
    "min_ms": 38.0,
    "max_ms": 44.0,
    "p50_ms": 40.1,
    "p90_ms": 42.0,
}
ESTIMATE = {
    "p50_ms": 50.0,
    "low_ms": 40.0,
    "high_ms": 60.0,
    "coverage": 0.9,
    "source": "s",
    "notes": [],
}
ACCURACY = {
    "numbers": {"ap": 0.3},
    "intervals": {"ap": [0.28, 0.32]},
    "pictures": 10,
    "data": "x",
    "data_digest": "d",
    "protocol": {},
}
BIG = 10**400


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("summary", {"n": 0}, "summary.n must be at least 1, but is 0"),
        ("summary", {"mean_ms": 0.0}, "summary.mean_ms must be above 0, but is 0.0"),
        ("summary", {"min_ms": 45.0}, "summary.min_ms 45 is above mean_ms 40"),
        ("summary", {"min_ms": 39.0, "max_ms": 39.5}, "summary.mean_ms 40 is above max_ms 39.5"),
        ("summary", {"p50_ms": 43.0}, "summary.p50_ms 43 is above p90_ms 42"),
        ("summary", {"p90_ms": 45.0}, "summary.p90_ms 45 is above max_ms 44"),
        ("summary", {"std_ms": 9.0}, "summary.std_ms 9 is more than can be between"),
        ("summary", {"stage": "tea"}, "summary.stage 'tea' is no stage"),
        ("summary", {"n": BIG}, "'summary.n' must be at most 9,223,372,036,854,775,807"),
        ("summary", {"mean_ms": BIG}, "'summary.mean_ms' must be at most"),
        ("estimate", {"low_ms": 55.0}, "estimate.low_ms 55 is above p50_ms 50"),
        ("estimate", {"high_ms": 45.0}, "estimate.p50_ms 50 is above high_ms 45"),
        ("estimate", {"low_ms": 0.0}, "estimate.low_ms must be above 0"),
        ("estimate", {"coverage": 1.5}, "estimate.coverage must be at most 1"),
        (
            "accuracy",
            {"intervals": {"ap": [0.4, 0.2]}},
            "accuracy.intervals.ap must be low to high",
        ),
        ("accuracy", {"pictures": 0}, "accuracy.pictures must be at least 1"),
        ("accuracy", {"notes": {"crowds": -1}}, "accuracy.notes: 'crowds' must be a count"),
        ("accuracy", {"protocol": {"n": BIG}}, "'accuracy.protocol.n' must be at most"),
    ],
)
def test_a_part_that_cannot_be_is_refused(
    part: str, changes: dict[str, Any], said: str, make_row: Make
) -> None:
    document = row_to_dict(make_row())
    whole: dict[str, dict[str, Any]] = {
        "summary": SUMMARY,
        "estimate": ESTIMATE,
        "accuracy": ACCURACY,
    }
    if part != "accuracy":
        document["samples_ms"] = {}
    document["how"] = "estimated" if part == "estimate" else "measured"
    row_from_dict({**document, part: whole[part]}, "a row")  # it is good without the change
    with pytest.raises(InputError) as error:
        row_from_dict({**document, part: whole[part] | changes}, "a row")
    assert str(error.value).startswith(f"a row: {said}")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("started_at", "yesterday", "a row: started_at must be a time such as"),
        ("load_ms", -1, "a row: load_ms must be at least 0"),
        ("peak_memory_bytes", -1, "a row: peak_memory_bytes must be at least 0"),
        ("model.size_bytes", 0, "a row: model.size_bytes must be above 0"),
        ("model.image_size", [0, 512], "a row: model.image_size must be positive"),
        ("model.parameters", -5, "a row: model.parameters must be at least 0"),
        ("asked.threads", 0, "a row: asked.threads must be at least 1"),
        ("ran.delegated", -1, "a row: ran.delegated must be at least 0"),
        ("machine.cores", -1, "a row: machine.cores must be at least 0"),
        ("samples_ms.end_to_end", [0.0, 0.0, 0], "a row: samples_ms.end_to_end must not be all 0"),
        (
            "samples_ms.inference",
            [1e300, 1, 1],
            "a row: samples_ms.inference must not hold negative",
        ),
        ("throughput", {"streams": 1, "pictures": 0, "seconds": 1.0}, "a row: throughput.pictures"),
        (
            "energy",
            {"source": "s", "joules_per_picture": -1.0, "pictures": 1, "seconds": 1.0},
            "a row: energy.joules_per_picture must be at least 0",
        ),
        ("sustain", {"seconds": 0.0, "minutes": []}, "a row: sustain.seconds must be above 0"),
    ],
)
def test_a_number_out_of_its_range_is_refused(
    path: str, value: Any, said: str, make_row: Make
) -> None:
    document = row_to_dict(make_row())
    change(path, value)(document)
    with pytest.raises(InputError) as error:
        row_from_dict(document, "a row")
    assert str(error.value).startswith(said)


def test_minutes_out_of_order_are_refused(make_row: Make) -> None:
    minute = {
        "samples_ms": [40.0],
        "temperature_c": None,
        "frequency_mhz": None,
        "throttled": None,
    }
    document = row_to_dict(make_row())
    for numbers in ([2, 1], [1, 1], [0, 1]):
        document["sustain"] = {
            "seconds": 120.0,
            "minutes": [{"minute": n, **minute} for n in numbers],
        }
        with pytest.raises(InputError, match="minutes must be numbered upwards from 1"):
            row_from_dict(document, "a row")


def test_a_time_may_say_utc_as_z(make_row: Make) -> None:
    document = row_to_dict(make_row()) | {"started_at": "2026-01-02T03:04:05Z"}
    assert row_from_dict(document, "a row").started_at.endswith("Z")
