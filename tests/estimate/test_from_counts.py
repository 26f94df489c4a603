"""Estimates from counted instructions: what they are fitted to, how wrong they are, when they are used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet.benchmarks.estimate.cost_model import published_timings
from edge_edet.benchmarks.estimate.from_counts import (
    CORES,
    estimate_from_counts,
    fit_counts,
    left_out_errors,
)
from edge_edet.benchmarks.rows import (
    BenchmarkRow,
    Counts,
    DeviceName,
    RequestedConfig,
    model_facts,
    open_rows,
    read_rows,
)
from edge_edet.cli import main

SAID = "Raspberry Pi 4 Model B"


def counts(instructions: int, core: str = "cortex-a72", lookups: int = 0) -> Counts:
    kinds = {"integer": instructions - lookups, "table lookup": lookups}
    return Counts(core, kinds, 0, 0, 0, 1, 0.0)


# Measured: at most 1.0 % on rpi4 and 3.6 % on rpi5 of the inference without suppression.
@pytest.mark.parametrize(("device", "largest"), [("rpi4", 0.015), ("rpi5", 0.05)])
def test_models_that_are_left_out_come_out_right(device: str, largest: float) -> None:
    found = fit_counts(device, "int8")
    assert found is not None
    assert set(found.ns) == {"lite0", "lite1", "lite2"}
    assert max(map(abs, left_out_errors(found).values())) < largest
    for model, ns in found.ns.items():
        assert found.mean / found.spread < ns < found.mean * found.spread, model


def test_lite0_takes_what_is_published_less_its_suppression() -> None:
    found = fit_counts("rpi4", "int8")
    assert found is not None
    (row,) = (
        row
        for row in published_timings()
        if (row.device, row.model, row.precision, row.threads) == ("rpi4", "lite0", "int8", 1)
    )
    one = estimate_from_counts(counts(345_000_000), "rpi4", "int8")
    assert one is not None
    assert one.low_ms < one.p50_ms < one.high_ms
    # 19 ns for each of 1.73 million suppressed scores (docs/decisions/0008)
    assert one.p50_ms + 19e-6 * row.features.suppressed_scores == pytest.approx(
        row.mean_ms, rel=0.02
    )


def test_table_lookups_widen_the_interval() -> None:
    plain, looked = (
        estimate_from_counts(counts(10**9, lookups=n), "rpi4", "int8") for n in (0, 10**7)
    )
    assert plain is not None
    assert looked is not None
    assert looked.p50_ms == plain.p50_ms
    assert looked.low_ms < plain.low_ms
    assert looked.high_ms == pytest.approx(plain.high_ms * 1.07)


@pytest.mark.parametrize(
    ("device", "core", "precision"),
    [
        ("n100", "cortex-a72", "int8"),
        ("rpi4", "cortex-a76", "int8"),
        ("rpi4", "cortex-a72", "int8-dynamic"),
    ],
)
def test_what_has_no_fit_has_no_estimate(device: str, core: str, precision: str) -> None:
    assert estimate_from_counts(counts(10**9, core), device, precision) is None
    assert set(CORES) == {"rpi4", "rpi5"}


def test_the_command_uses_the_counts_of_the_same_file(
    converted: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, rows = converted("lite0", "int8"), tmp_path / "rows.jsonl"
    row = BenchmarkRow(
        1,
        "counted",
        "2026-01-02T03:04:05+00:00",
        "edge-edet 0.2.0",
        model_facts(model),
        RequestedConfig("ai-edge-litert", threads=1),
        None,
        DeviceName("rpi4", SAID),
        None,
        {"name": "edge-edet bench --count"},
        {},
        *(None,) * 8,
        (),
        counts=counts(300_000_000),
    )
    with open_rows(rows) as file:
        file.add(row)
    command = ["bench", str(model), "--board", "rpi4", "--threads", "1,4", "-o", str(rows)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "300 million instructions counted on QEMU's" in said
    _, one, four = read_rows(rows)
    assert one.estimate is not None
    assert four.estimate is not None
    assert "counted on QEMU's cortex-a72" in one.estimate.source
    assert "counted" not in four.estimate.source, "the other way, on more than one thread"
    assert one.estimate.high_ms / one.estimate.low_ms < 1.1
    assert json.loads(rows.read_text().splitlines()[1])["how"] == "estimated"
