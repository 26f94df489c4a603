"""Logs of benchmark_model, in the formats of several years: see logs/README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_edet import InputError
from edge_edet.devices.benchmark_model.tool import arguments, parse_logs

LOGS = Path(__file__).parent / "logs"


def text(name: str) -> str:
    return (LOGS / f"{name}.txt").read_text()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "console-2.5",
            {
                "graph": "d0-int8.tflite",
                "size_mb": 5.01234,
                "threads": 4,
                "warmup_runs": 2,
                "load_ms": 21.25,
                "first_ms": 301,
                "n": 50,
                "mean_ms": 290,
                "std_ms": 1.5,
                "min_ms": 287,
                "max_ms": 299,
                "median_ms": None,
                "peak_memory_mib": None,
                "asked_delegate": None,
                "delegate": "xnnpack",
                "delegated": None,
                "operators": None,
                "partitions": None,
            },
        ),
        (
            "console-2.18",
            {
                "threads": 2,
                "warmup_runs": 10,
                "mean_ms": 200.25,
                "median_ms": 200.125,
                "peak_memory_mib": 110.5,
                "asked_delegate": "xnnpack",
                "delegate": "xnnpack",
                "delegated": 599,
                "operators": 612,
                "partitions": 14,
            },
        ),
        (
            "gpu",
            {
                "asked_delegate": "gpu",
                "delegate": "gpu",
                "delegated": None,
                "partitions": None,
                "mean_ms": 36.15,
                "load_ms": 900.5,
                "peak_memory_mib": None,
            },
        ),
        (
            "logcat-nnapi-ignored",
            {
                "graph": "/data/local/tmp/d0-int8.tflite",
                "asked_delegate": "nnapi",
                "delegate": "none",
                "delegated": 0,
                "warmup_runs": 1,
                "mean_ms": 795,
                "threads": None,
                "peak_memory_mib": 40.25,
            },
        ),
    ],
)
def test_what_a_log_says(name: str, expected: dict[str, Any]) -> None:
    (log,) = parse_logs(text(name), name)
    assert {key: getattr(log, key) for key in expected} == expected


@pytest.mark.parametrize(
    "prefix",
    ["I/tflite  ( 4321): ", "05-31 10:31:13.022 I/tflite  ( 4321): "],
    ids=["brief", "time"],
)
def test_the_other_forms_of_logcat(prefix: str) -> None:
    given = "".join(f"{prefix}{line}\r\n" for line in text("console-2.18").splitlines())
    assert parse_logs(given, "x") == parse_logs(text("console-2.18"), "x")


def test_several_runs_in_one_file_stay_apart() -> None:
    logs = parse_logs(text("console-2.18") + text("gpu"), "both")
    assert [(log.delegate, log.mean_ms) for log in logs] == [("xnnpack", 200.25), ("gpu", 36.15)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", r"^x is not a log of benchmark_model: no line has a count of inferences$"),
        ("hello\n", r"^x is not a log of benchmark_model"),
        (
            text("gpu").partition("Inference timings")[0],
            r"^x, run 1: benchmark_model did not finish, .* the last line is 'count=50 ",
        ),
        (
            text("gpu") + text("console-2.5").partition("count=50")[0],
            r"^x, run 2: benchmark_model did not finish",
        ),
        (
            text("gpu").replace("count=14", "counted=14"),
            r"^x, run 1: expected two lines that begin with 'count=', .* but found 1$",
        ),
    ],
    ids=["empty", "something else", "cut short", "the second cut short", "no warm-up"],
)
def test_what_is_no_whole_log(given: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_logs(given, "x")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"threads": None}, []),
        ({"threads": 4}, ["--num_threads=4"]),
        ({"threads": 2, "delegate": "none"}, ["--num_threads=2", "--use_xnnpack=false"]),
        (
            {"threads": None, "delegate": "gpu"},
            ["--use_xnnpack=false", "--use_gpu=true", "--gpu_precision_loss_allowed=false"],
        ),
    ],
)
def test_arguments(options: dict[str, Any], expected: list[str]) -> None:
    given = arguments("m.tflite", warmup_runs=3, runs=7, **options)
    assert given == ["--graph=m.tflite", "--warmup_runs=3", "--num_runs=7", *expected]


def test_a_delegate_that_it_is_not_called_with() -> None:
    with pytest.raises(
        InputError, match=r"^benchmark_model cannot be called with the delegate 'edge"
    ):
        arguments("m.tflite", threads=1, delegate="edgetpu")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("count=50 ", f"count={'9' * 5000} "),
        ("min=198000", f"min={'1' * 400}"),
        ("Inference (avg): 200250", f"Inference (avg): {'2' * 5000}"),
        ("Init: 21250", f"Init: {'2' * 5000}"),
    ],
)
def test_numbers_of_thousands_of_digits_are_refused(old: str, new: str) -> None:
    found = text("console-2.18")
    if old not in found:
        old = "Init: " + found.partition("Init: ")[2].partition(",")[0]
    with pytest.raises(InputError, match=r"x: \w+ is a number of \d+ characters, .* is damaged$"):
        parse_logs(found.replace(old, new), "x")


def test_settings_may_be_long_and_begin_with_a_digit() -> None:
    found = text("console-2.18").replace("Num threads: [2]", f"Num threads: [{'2' * 60}]")
    assert parse_logs(found, "x")[0].threads is None
