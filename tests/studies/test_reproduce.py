"""`edge-edet reproduce`: tables from counts and rows, rounds that go on where they were stopped."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.latency import StopRule
from edge_edet.benchmarks.model_facts import _size_of
from edge_edet.benchmarks.published import read_rows as published
from edge_edet.benchmarks.reproduce.compared import Measured
from edge_edet.benchmarks.reproduce.items import STUDIES, Item, Way, find_items
from edge_edet.benchmarks.reproduce.lines import COLUMNS, Line, to_csv, to_text
from edge_edet.benchmarks.reproduce.measured_on import measured_on
from edge_edet.benchmarks.reproduce.models import ModelFolder
from edge_edet.benchmarks.reproduce.rounds import Rounds, pooled, turns
from edge_edet.benchmarks.reproduce.tables import DRIFT, NOT_BUILT, SPEEDUPS, remarks, table
from edge_edet.benchmarks.row_file import open_rows, read_rows
from edge_edet.benchmarks.rows import (
    Asked,
    BenchmarkRow,
    DeviceName,
    MachineState,
    ModelFacts,
    Ran,
    Warned,
)
from edge_edet.converters.studies.model import size
from edge_edet.outputs import layout_of
from edge_edet.read_model import read_model
from edge_edet.variants import VARIANTS

FLOAT, INT8 = Way("tflite", "fp32", 1), Way("tflite", "int8", 1)
RULE = StopRule(0, 0.0, 6, 1.0, 6, 0.0)
SMALL = VARIANTS["lite0"].replace(name="small", image_size=64, num_classes=2)


def a_row(
    variant: str, samples: tuple[float, ...], way: Way = FLOAT, **protocol: Any
) -> BenchmarkRow:
    nothing = ("load_ms", "peak_memory_bytes", "throughput", "energy", "sustain", "estimate",
               "summary", "accuracy", "ran", "machine")  # fmt: skip
    facts = ModelFacts(f"{variant}-{way.precision}.tflite", "ab" * 32, 4_000_000, variant, (64, 64),
                       way.precision, "tflite", 1, 1)  # fmt: skip
    return BenchmarkRow(
        schema_version=1, how="measured", started_at="2026-01-02T03:04:05+00:00", tool="t",
        model=facts, asked=Asked(threads=way.threads), device=DeviceName("host", "here"),
        protocol={"name": "p", "rounds": 2, **protocol}, samples_ms={"inference": samples},
        warnings=(), study="comparators", **dict.fromkeys(nothing),
    )  # fmt: skip


# --- published ----------------------------------------------------------------------------------


def test_published_tables_are_whole() -> None:
    rows = published("comparators")
    assert len([row for row in rows if row["source"] == "v7"]) == 11
    assert len([row for row in rows if row["source"] == "cvpr"]) == 11
    tables = [row["table"] for row in published("ablations")]
    assert {number: tables.count(number) for number in "456"} == {"4": 3, "5": 6, "6": 3}


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES)
def test_tables_fit_80_columns_and_count_from_the_graphs(study: str) -> None:
    chosen = {"fig4": ["d0"], "comparators": ["d1", "retinanet-r101-640"], "fig6": ["channels"],
              "table6": ["d0"]}.get(study, [])  # fmt: skip
    items = find_items(study, chosen)
    lines = table(study, items, Measured(study, [], [FLOAT]))
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
    for line in table(study, find_items(study, []), Measured(study, [], [])):
        if line.ratio is not None and abs(line.ratio - 1) > 0.005:
            assert line.note, line
        assert line.ratio is None or abs(line.ratio - 1) <= 0.03, line


def test_speedup_is_of_medians_beside_the_published_one() -> None:
    items = find_items("comparators", ["d1", "retinanet-r101-640"])
    rows = [a_row("d1", (10.0, 11.0, 12.0)), a_row("retinanet-r101-640", (50.0, 55.0, 60.0))]
    lines = table("comparators", items, Measured("comparators", rows, [FLOAT, INT8]))
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


def test_fusion_is_softmax_over_fast_with_the_gpu_ratio() -> None:
    items = find_items("table6", ["d0"])
    rows = [
        a_row(item.variant.name, (20.0,) * 6 if item.row.startswith("softmax") else (16.0,) * 6)
        for item in items
    ]
    lines = table("table6", items, Measured("table6", rows, [FLOAT]))
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
    lines = table("table6", items, Measured("table6", alike, [FLOAT]))
    assert not [line for line in lines if line.note == DRIFT]


def test_ratio_is_of_each_round_so_that_slow_spells_cancel() -> None:
    items = find_items("table6", ["d0"])[:2]
    names = [item.variant.name for item in items]
    rows = []
    for n, spell in enumerate((1.0, 3.0, 1.0, 2.0), 1):  # both are slow in the second and fourth
        rows += [
            a_row(names[0], (10.0 * spell,) * 6, round=n),
            a_row(names[1], (20.0 * spell,) * 6, round=n),
        ]
    rows += [a_row(names[1], (77.0,) * 6, round=1, min_samples=9)]  # the other has no such round
    line = Measured("table6", rows, [FLOAT]).ratio(*items, FLOAT, model="m", quantity="q")
    assert (line.ours, line.low, line.high, line.n) == (2.0, 2.0, 2.0, 24)


def test_table_tells_machine_runtime_and_disturbance() -> None:
    busy = Warned("busy", "other processes kept 1 of 2 cores busy meanwhile", "stop them")
    machine = MachineState(cpu="Cortex-A72", cores=4, features={"dotprod": False, "fp16": True})
    ran = Ran("ai-edge-litert", "2.3.0", "xnnpack", *(None,) * 7, ("CPU",), None, "none")
    rows = [
        dataclasses.replace(a_row("d0", (1.0,) * 6, round=n), machine=machine, ran=ran,
                            warnings=(busy,) if n == 2 else ())
        for n in (1, 2)
    ]  # fmt: skip
    assert measured_on([]) == []
    where, rounds, warning = measured_on(rows)
    assert (
        where == "measured 2026-01-02 on Cortex-A72, 4 cores (fp16); ai-edge-litert 2.3.0 xnnpack"
    )
    assert rounds == "2 rounds of 6 samples"
    assert warning.startswith("WARNING: other programs kept the processor busy in 1 of 2 measurem")
    assert "not of what changes" in measured_on(rows[:1])[1]


def test_table_only_tells_what_is_there(edge_edet: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with open_rows(tmp_path / "out" / "fig4.rounds.jsonl") as file:
        file.add(a_row("d0", (50.0,) * 6, round=1, rounds=1))
        file.add(a_row("d1", (90.0,) * 6, round=1, rounds=3))  # of another run
    asked = ("reproduce", "fig4", "-o", "out", "--table-only", "--variants", "d0,d1")
    result = edge_edet(*asked, "--threads", "1,2", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    lines = json.loads(result.stdout)["lines"]
    times = {(x["model"], x["quantity"]): x["ours"] for x in lines if x["unit"] == "ms"}
    assert times["d0", "LiteRT fp32 x1"] == 50.0
    assert times["d1", "LiteRT fp32 x1"] == 90.0
    assert ("d0", "LiteRT fp32 x2") not in times  # neither measured nor published


def test_text_says_each_sentence_once_and_shows_intervals() -> None:
    same = {"study": "s", "quantity": "q", "source": None, "note": "they differ"}
    lines = [
        Line(model="a", unit="B", published=2.0, ours=2.1, **same),
        Line(model="b", unit="x", published=2.0, ours=None, low=None, **same),
        Line(model="c", unit="x", published=None, ours=3.0, low=2.5, high=3.5, **same),
    ]
    text = to_text(lines, ["remark"])
    assert text.count("they differ") == 1
    assert "- a, b, c: they differ\n- remark\n" in text
    assert "(2.50x to 3.50x)" in text
    assert "1.050" in text


# --- rounds -------------------------------------------------------------------------------------


def test_rounds_take_turns_and_one_round_goes_network_by_network() -> None:
    items = [Item("a", "a", SMALL), Item("b", "b", SMALL.replace(name="other"))]
    order = [(t.item.row, t.way.precision, t.round) for t in turns(items, [FLOAT, INT8], 2)]
    assert order[:4] == [("a", "fp32", 1), ("b", "fp32", 1), ("a", "int8", 1), ("b", "int8", 1)]
    assert [turn[2] for turn in order] == [1] * 4 + [2] * 4
    order = [(t.item.row, t.way.precision, t.round) for t in turns(items, [FLOAT, INT8], 1)]
    assert order == [("a", "fp32", 1), ("a", "int8", 1), ("b", "fp32", 1), ("b", "int8", 1)]


def test_pooled_rows_hold_the_samples_of_all_rounds() -> None:
    rows = [
        a_row("d0", (1.0, 2.0), round=1),
        a_row("d1", (9.0,), round=1),
        a_row("d0", (3.0,), round=2),
    ]
    found = {row.model.variant: row for row in pooled(rows)}
    assert found["d0"].samples_ms == {"inference": (1.0, 2.0, 3.0)}
    assert found["d0"].protocol == {"name": "p", "rounds": 2}
    assert found["d1"].protocol["rounds"] == 1


def test_rows_of_other_settings_are_not_pooled() -> None:
    rows = [a_row("d0", (1.0,), round=1), a_row("d0", (3.0,), round=1, min_samples=9)]
    assert len(pooled(rows)) == 2


def test_a_stopped_run_goes_on_and_leaves_no_models(tmp_path: Path) -> None:
    items, path = [Item("small", "small", SMALL)], tmp_path / "rounds.jsonl"

    def plan() -> Rounds:
        return Rounds("fig4", items, [FLOAT, INT8], 2, RULE, ModelFolder(tmp_path / "models", 1))

    said: list[str] = []
    with open_rows(path) as file:
        assert list(plan().measure(file, said.append)) == []
    rows = read_rows(path)
    assert len(rows) == 4
    assert all(row.study == "fig4" and row.model.variant == "small" for row in rows)
    assert [row.protocol["round"] for row in rows] == [1, 1, 2, 2]
    assert list((tmp_path / "models").iterdir()) == []
    assert said[0].startswith("1 of 4: small, LiteRT fp32 x1: ")
    assert said[-1].endswith("0 s left")

    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + lines[3][:100])  # killed while writing the last row
    said.clear()
    with open_rows(path) as file:
        assert list(plan().measure(file, said.append)) == []
        assert len(plan().measured(file.rows)) == 4
    assert said[0] == "3 of 4 rows are there already"
    assert said[1].startswith("1 of 1: small, LiteRT int8 x1: ")


def test_a_network_that_fails_is_told_once_and_the_others_go_on(tmp_path: Path) -> None:
    broken = SMALL.replace(name="broken", feature_network="mesh")
    items = [Item("small", "small", SMALL), Item("broken", "broken", broken)]
    folder = ModelFolder(tmp_path / "models", 1)
    folder.multiply_adds = lambda variant: 1  # type: ignore[method-assign]  # it cannot be counted
    with open_rows(tmp_path / "rounds.jsonl") as file:
        plan = Rounds("fig4", items, [FLOAT], 2, RULE, folder)
        errors = list(plan.measure(file, lambda text: None))
        assert [row.model.variant for row in file.rows] == ["small", "small"]
    assert [str(error)[:25] for error in errors] == ["unknown feature network '"]


def test_kept_models_are_used_again_unless_they_are_of_another_network(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path, 1, keep=True)
    path = folder.path(SMALL, FLOAT)
    folder.make(SMALL, [FLOAT])
    first = path.stat().st_mtime_ns
    folder.make(SMALL, [FLOAT])
    assert path.stat().st_mtime_ns == first
    folder.make(dataclasses.replace(SMALL, fpn_repeats=1), [FLOAT])
    assert path.stat().st_mtime_ns != first
    path.write_bytes(b"damaged")
    folder.make(SMALL, [FLOAT])
    assert path.stat().st_size > 1000


def test_rows_of_an_unknown_feature_network_have_no_counts(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path, 1, keep=True)
    folder.make(SMALL, [FLOAT])
    layout = layout_of(read_model(folder.path(SMALL, FLOAT)))
    assert _size_of(layout) == size(SMALL)
    foreign = dataclasses.replace(layout, variant=SMALL.replace(feature_network="mesh"))
    assert _size_of(foreign) == (None, None)


# --- command ------------------------------------------------------------------------------------


def test_command_writes_what_it_prints(edge_edet: Callable[..., Any], tmp_path: Path) -> None:
    result = edge_edet("reproduce", "table5", "--count-only", "-o", "paper")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (tmp_path / "paper" / "table5.txt").read_text()
    with (tmp_path / "paper" / "table5.csv").open() as file:
        ratios = [row for row in csv.DictReader(file) if row["published"]]
    assert len(ratios) == 12
    assert all(abs(float(row["ratio"]) - 1) <= 0.03 for row in ratios)
    assert not (tmp_path / "paper" / "table5.rows.jsonl").exists()
    result = edge_edet("reproduce", "comparators", "--count-only", "-o", "paper", "--json")
    document = json.loads(result.stdout)
    assert document["study"] == "comparators"
    models = {line["model"] for line in document["lines"]}
    assert models > set(STUDIES["comparators"].names)
    assert {"mask-rcnn-x152", "resnet50-nas-fpn-640", "amoebanet-nas-fpn-aa-1536"} <= models
    alone = [line for line in document["lines"] if line["note"] == NOT_BUILT]
    assert len({line["model"] for line in alone}) == 9
    assert all(line["ours"] is None and line["published"] and line["source"] for line in alone)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fig9", "-o", "x"], "invalid choice: 'fig9'"),
        (["fig4"], "the following arguments are required: -o/--output"),
        (["fig4", "-o", "x", "--variants", "d9"], "--variants 'd9': fig4 has d0, d1, d2"),
        (["table6", "-o", "x", "--variants", "d6"], "--variants 'd6': table6 has d0, d1, d2, d3"),
        (["table6", "-o", "x", "--precision", "int8"], "its fusion weights stay in float"),
        (["fig4", "-o", "x", "--precision", "fp8"], "'fp8': fig4 is measured in fp32, int8"),
        (["fig4", "-o", "x", "--runtime", "onnx"], "'onnx': known are litert, openvino"),
        (["fig4", "-o", "x", "--threads", "0"], "--threads must be counts like 1,2,4"),
        (["fig4", "-o", "x", "--rounds", "0"], "--rounds must be from 1 to 20, but got 0"),
        (
            ["fig4", "-o", "x", "--table-only"],
            "nothing was measured yet: no file 'x/fig4.rounds.js",
        ),
        (["fig4", "-o", "x", "--table-only", "--count-only"], "nothing of it: give one"),
        (["fig4", "-o", "x", "--samples", "2"], "--samples must be at least 6, but got 2"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, edge_edet: Any) -> None:
    result = edge_edet("reproduce", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
