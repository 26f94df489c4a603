"""The tables of `edge-edet reproduce`: from counts, rows and published numbers."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable

import pytest

from edge_edet.benchmarks.published import read_rows as published
from edge_edet.benchmarks.rows.parts import ActualConfig, MachineState, Warned
from edge_edet.benchmarks.rows.schema import BenchmarkRow
from edge_edet.studies.conditions import measuring_conditions
from edge_edet.studies.measured_rows import MeasuredRows
from edge_edet.studies.study_networks import STUDIES, RunConfig, find_networks
from edge_edet.studies.table_lines import COLUMNS, TableLine, to_csv, to_text
from edge_edet.studies.tables import DRIFT, SPEEDUPS, remarks, table

FLOAT, INT8 = RunConfig("tflite", "fp32", 1), RunConfig("tflite", "int8", 1)
Make = Callable[..., BenchmarkRow]


def test_published_tables_are_whole() -> None:
    rows = published("comparators")
    assert len([row for row in rows if row["source"] == "v7"]) == 11
    assert len([row for row in rows if row["source"] == "cvpr"]) == 11
    tables = [row["table"] for row in published("ablations")]
    assert {number: tables.count(number) for number in "456"} == {"4": 3, "5": 6, "6": 3}


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES)
def test_tables_fit_80_columns_and_count_from_the_graphs(study: str) -> None:
    chosen = {
        "fig4": ["d0"],
        "comparators": ["d1", "retinanet-r101-640"],
        "fig6": ["channels"],
        "table6": ["d0"],
    }.get(study, [])
    items = find_networks(study, chosen)
    lines = table(study, items, MeasuredRows(study, [], [FLOAT]))
    text = to_text(lines, remarks(study))
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert len(list(csv.DictReader(to_csv(lines).splitlines()))) == len(lines)
    counted = [line for line in lines if line.quantity.startswith("multiply-adds")]
    assert counted
    assert all(line.ours for line in counted if "not built" not in line.note)
    timed = [line for line in lines if line.unit == "ms"]
    assert timed
    assert all(line.ours is None for line in timed)  # nothing was measured: a gap, no figure


@pytest.mark.parametrize("study", STUDIES)
def test_every_difference_has_a_sentence(study: str) -> None:
    for line in table(study, find_networks(study, []), MeasuredRows(study, [], [])):
        if line.ratio is not None and abs(line.ratio - 1) > 0.005:
            assert line.note, line
        assert line.ratio is None or abs(line.ratio - 1) <= 0.03, line


def test_speedup_is_of_medians_beside_the_published_one(a_row: Make) -> None:
    items = find_networks("comparators", ["d1", "retinanet-r101-640"])
    rows = [a_row("d1", (10.0, 11.0, 12.0)), a_row("retinanet-r101-640", (50.0, 55.0, 60.0))]
    lines = table("comparators", items, MeasuredRows("comparators", rows, [FLOAT, INT8]))
    found = {line.quantity: line for line in lines if line.model == "retinanet-r101-640 / d1"}
    line = found["LiteRT fp32 x1"]
    assert line.ours == pytest.approx(5.0)
    assert line.published == pytest.approx(3.6 / 0.74)  # the paper's 4.9x
    assert line.low is not None
    assert line.low < 5 < (line.high or 0)
    missing = found["LiteRT int8 x1"]
    assert (missing.ours, missing.published, missing.ratio) == (None, None, None)


def test_speedups_are_of_published_cpu_times() -> None:
    timed = {
        f"{row['model']}-{row['input_size']}" for row in published("comparators") if row["cpu_s"]
    }
    assert {slow for _, slow in SPEEDUPS} <= timed


def test_fusion_is_softmax_over_fast_with_the_gpu_ratio(a_row: Make) -> None:
    items = find_networks("table6", ["d0"])
    rows = [
        a_row(item.variant.name, (20.0,) * 6 if item.row.startswith("softmax") else (16.0,) * 6)
        for item in items
    ]
    lines = table("table6", items, MeasuredRows("table6", rows, [FLOAT]))
    ratios = {line.model: line for line in lines if line.unit == "x"}
    assert {model: line.published for model, line in ratios.items()} == {
        "d0 softmax/fast stacked": 1.28,
        "d0 softmax/fast runtime": 1.28,
        "d0 softmax/fast constant": None,
    }
    assert all(line.ours == pytest.approx(1.25) for line in ratios.values())
    # constants make the two forms one network: a ratio there is no finding, and is told as drift
    assert ratios["d0 softmax/fast constant"].note == DRIFT
    alike = [a_row(item.variant.name, (16.0, 17.0, 18.0) * 2) for item in items]
    lines = table("table6", items, MeasuredRows("table6", alike, [FLOAT]))
    assert not [line for line in lines if line.note == DRIFT]


def test_ratio_is_of_each_round_so_that_slow_spells_cancel(a_row: Make) -> None:
    items = find_networks("table6", ["d0"])[:2]
    names = [item.variant.name for item in items]
    rows = []
    for n, spell in enumerate((1.0, 3.0, 1.0, 2.0), 1):  # both are slow in the second and fourth
        rows += [
            a_row(names[0], (10.0 * spell,) * 6, round=n),
            a_row(names[1], (20.0 * spell,) * 6, round=n),
        ]
    rows += [a_row(names[1], (77.0,) * 6, round=1, min_samples=9)]  # the other has no such round
    line = MeasuredRows("table6", rows, [FLOAT]).ratio(*items, FLOAT, model="m", quantity="q")
    assert (line.ours, line.low, line.high, line.n) == (2.0, 2.0, 2.0, 24)


def test_table_tells_machine_runtime_and_disturbance(a_row: Make) -> None:
    busy = Warned("busy", "other processes kept 1 of 2 cores busy meanwhile", "stop them")
    machine = MachineState(cpu="Cortex-A72", cores=4, features={"dotprod": False, "fp16": True})
    ran = ActualConfig("ai-edge-litert", "2.3.0", "xnnpack", *(None,) * 7, ("CPU",), None, "none")
    rows = [
        dataclasses.replace(
            a_row("d0", (1.0,) * 6, round=n),
            machine=machine,
            ran=ran,
            warnings=(busy,) if n == 2 else (),
        )
        for n in (1, 2)
    ]
    assert measuring_conditions([]) == []
    where, rounds, warning = measuring_conditions(rows)
    assert (
        where == "measured 2026-01-02 on Cortex-A72, 4 cores (fp16); ai-edge-litert 2.3.0 xnnpack"
    )
    assert rounds == "2 rounds of 6 samples"
    assert warning.startswith("WARNING: other programs kept the processor busy in 1 of 2 measurem")
    assert "not changes from minute" in measuring_conditions(rows[:1])[1]


def test_text_says_each_sentence_once_and_shows_intervals() -> None:
    same = {"study": "s", "quantity": "q", "source": None, "note": "they differ"}
    lines = [
        TableLine(model="a", unit="B", published=2.0, ours=2.1, **same),
        TableLine(model="b", unit="x", published=2.0, ours=None, low=None, **same),
        TableLine(model="c", unit="x", published=None, ours=3.0, low=2.5, high=3.5, **same),
    ]
    text = to_text(lines, ["remark"])
    assert text.count("they differ") == 1
    assert "- a, b, c: they differ\n- remark\n" in text
    assert "(2.50x to 3.50x)" in text
    assert "1.050" in text
