"""Warnings: each is there when it should be, says what it means and what to do, and not otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from edge_edet.benchmarks.measuring.sustained import parse_duration, run_sustained
from edge_edet.benchmarks.rows.parts import MachineState, Minute, Sustain
from edge_edet.benchmarks.rows.ratio import median_ratio
from edge_edet.benchmarks.rows.schema import BenchmarkRow
from edge_edet.benchmarks.rows.sustained_verdict import verdict
from edge_edet.benchmarks.rows.warnings import check_row, with_checks
from edge_edet.errors import InputError

Make = Callable[..., BenchmarkRow]
QUIET = MachineState(threads=4, governor="performance", busy_cores=0.0, throttled=())
STEADY = tuple(40.0 + 0.01 * (n % 7) for n in range(50))
WILD = tuple(40.0 + 30 * (n % 2) for n in range(50))
PROTOCOL = {"name": "edge-edet bench", "relative_width": 0.02}


@pytest.fixture
def quiet(make_row: Make) -> BenchmarkRow:
    return make_row(STEADY, machine=QUIET, protocol=PROTOCOL)


def changed(row: BenchmarkRow, **parts: dict[str, Any]) -> BenchmarkRow:
    """changed(row, ran={"precision": "bf16"}): fields of parts of the row."""
    return dataclasses.replace(
        row,
        **{name: dataclasses.replace(getattr(row, name), **new) for name, new in parts.items()},
    )


def test_a_quiet_machine_gives_none(quiet: BenchmarkRow) -> None:
    assert check_row(quiet) == []
    assert check_row(changed(quiet, machine={"governor": None, "busy_cores": None})) == []


@pytest.mark.parametrize(
    ("parts", "code", "text", "advice"),
    [
        (
            {"machine": {"busy_cores": 1.25}},
            "busy",
            "other processes kept 1.2 of 4 cores busy",
            "end them and measure again",
        ),
        (
            {"machine": {"governor": "ondemand"}},
            "governor",
            "governor is ondemand",
            "cpupower frequency-set -g performance",
        ),
        (
            {"machine": {"throttled": ("undervoltage",)}},
            "throttled",
            "held down: undervoltage",
            "better power supply",
        ),
        ({"ran": {"threads": 8}}, "threads", "8 threads share 4 hardware threads", "--threads 4"),
        (
            {"model": {"precision": "fp32"}, "ran": {"precision": "bf16"}},
            "reduced-precision",
            "the float model ran as bf16",
            "--inference-precision f32",
        ),
        (
            {"ran": {"device": "SwiftShader Device (CPU / Software)"}},
            "software-device",
            "SwiftShader Device (CPU / Software) is not hardware",
            "use its detections only",
        ),
        (
            {"ran": {"delegated": 359}},
            "delegate-coverage",
            "xnnpack covers 60% of the nodes (359 of 599)",
            "--delegate none",
        ),
        (
            {
                "model": {"precision": "int8-dynamic"},
                "ran": {"runtime": "tflite-runtime", "version": "2.14.0", "delegated": 440},
            },
            "slow-runtime",
            "in tflite-runtime 2.14.0 XNNPACK takes only 73%",
            "use ai-edge-litert",
        ),
        (
            {
                "ran": {
                    "runtime": "tflite-runtime",
                    "version": "2.14.0",
                    "delegate": "none",
                    "delegated": 0,
                }
            },
            "slow-runtime",
            "9.3 times the time of float",
            "or an fp32 file",
        ),
    ],
)
def test_what_is_wrong_is_said_with_advice(
    quiet: BenchmarkRow, parts: dict[str, Any], code: str, text: str, advice: str
) -> None:
    (found,) = check_row(changed(quiet, **parts))
    assert found.code == code
    assert text in found.text
    assert advice in found.advice


@pytest.mark.parametrize(
    "parts",
    [
        {"machine": {"busy_cores": 0.2}},
        {
            "model": {"precision": "fp32"},
            "ran": {"precision": "bf16"},
            "asked": {"precision": "bf16"},
        },
        {"model": {"precision": "fp32"}, "ran": {"precision": "f32"}},
        {"ran": {"delegate": "none", "delegated": 0}},
        {
            "ran": {
                "runtime": "tflite-runtime",
                "version": "2.14.0",
                "delegate": "none",
                "delegated": 0,
            },
            "asked": {"delegate": "none"},
        },
        {"ran": {"delegated": None, "partitions": None}},
    ],
)
def test_what_is_right_is_not(quiet: BenchmarkRow, parts: dict[str, Any]) -> None:
    assert check_row(changed(quiet, **parts)) == []


def test_spread_samples_are_told_where_the_width_was_not_reached(make_row: Make) -> None:
    row = make_row(WILD, machine=QUIET, protocol=PROTOCOL)
    (found,) = check_row(row)
    assert found.code == "spread"
    assert "is 54.5% wide, more than the 2.0% that were requested" in found.text
    assert "--max-samples" in found.advice
    assert check_row(dataclasses.replace(row, protocol={**PROTOCOL, "relative_width": 1.0})) == []


def test_dynamic_range_int8_is_held_against_float_that_ran_alike(quiet: BenchmarkRow) -> None:
    dynamic = changed(quiet, model={"precision": "int8-dynamic"})
    slow = dataclasses.replace(dynamic, samples_ms={"inference": tuple(2 * ms for ms in STEADY)})
    fp32 = changed(quiet, model={"precision": "fp32"})
    (found,) = (one for one in check_row(slow, [fp32]) if one.code == "dynamic-slower")
    assert "80.1 ms against 40.0" in found.text
    assert "convert --int8" in found.advice
    for other in (
        changed(fp32, asked={"threads": 2}),
        changed(fp32, model={"variant": "d1"}),
        changed(fp32, device={"id": "rpi4"}),
        quiet,
    ):
        assert check_row(slow, [other]) == []
    assert check_row(dynamic, [fp32]) == []


def test_warnings_are_added_once(quiet: BenchmarkRow) -> None:
    row = with_checks(changed(quiet, machine={"governor": "powersave"}))
    assert [one.code for one in row.warnings] == ["governor"]
    assert with_checks(row) == row


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800.0), ("90s", 90.0), ("1.5h", 5400.0)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "0s", "-1m", "1d", "169h", "m", "1e3s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="must be like 90s, 30m or 1h"):
        parse_duration(text)


def test_minutes_hold_the_pictures_that_ended_in_them(clock: Any) -> None:
    heats = iter(range(60, 80))
    from edge_edet.benchmarks.measuring.machine_state import ThermalState

    told: list[Minute] = []
    sustain, first = run_sustained(
        clock.step([25_000.0] * 6),
        150.0,
        clock,
        lambda: ThermalState(float(next(heats)), 1500.0, ()),
        told.append,
    )
    assert [len(minute.samples_ms) for minute in sustain.minutes] == [3, 2, 1]
    assert [minute.temperature_c for minute in sustain.minutes] == [60.0, 61.0, 62.0]
    assert tuple(told) == sustain.minutes
    assert first.ms["end_to_end"] == (25_000.0,) * 3
    assert first.seconds == 75.0


def minutes(*medians: float, throttled: tuple[str, ...] = ()) -> tuple[Minute, ...]:
    return tuple(
        Minute(n, tuple(median + 0.1 * (k % 5 - 2) for k in range(100)), 60.0, 1e3, throttled)
        for n, median in enumerate(medians, 1)
    )


@pytest.mark.parametrize(
    ("sustain", "code", "text"),
    [
        (Sustain(180.0, minutes(40, 45, 40.5)), "steady", "minute 3 is as fast as minute 1"),
        (
            Sustain(180.0, minutes(40, 45, 50, throttled=("throttled",))),
            "slower",
            "minute 3 is slower than minute 1: 1.250 times its median, 1.250 to 1.250; throttled",
        ),
        (Sustain(180.0, minutes(40, 45, 30)), "faster", "minute 3 is faster than minute 1: 0.750"),
        (Sustain(180.0, minutes(40, 45)), "cut-short", "ended after minute 2 of 3"),
        (Sustain(50.0, minutes(40)), "too-short", "one minute cannot be compared"),
    ],
)
def test_the_verdict_is_of_the_first_and_last_minute(
    make_row: Make, sustain: Sustain, code: str, text: str
) -> None:
    found = verdict(sustain)
    assert found.code == code
    assert text in found.text
    codes = [one.code for one in check_row(make_row(STEADY, machine=QUIET, sustain=sustain))]
    assert codes == ([f"sustain-{code}"] if code in ("slower", "cut-short") else [])


def test_chance_alone_is_rarely_called_a_change() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    found, moved = 0, 0
    for seed in range(60):
        a, b = (list(rng.gamma(50.0, 1.0, 100)) for _ in range(2))
        found += median_ratio(a, b, seed).beyond_noise
        moved += median_ratio(a, [1.2 * ms for ms in b], seed).beyond_noise
    assert found / 60 < 0.15
    assert moved / 60 > 0.95


def test_slow_spells_are_not_taken_for_evidence() -> None:
    """The same samples, in one run apart and in the other in a row: the row's interval is wider."""
    mixed, rows = [10.0, 20.0] * 50, [10.0] * 50 + [20.0] * 50
    steady = [14.9 + 0.1 * (n % 3) for n in range(100)]
    wide, narrow = (median_ratio(steady, one) for one in (rows, mixed))
    assert wide.high - wide.low >= narrow.high - narrow.low


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [([], [1.0], "no samples to compare"), ([0.0], [1.0], "medians of 0 ms have no ratio")],
)
def test_nothing_has_no_ratio(first: list[float], second: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        median_ratio(first, second)
