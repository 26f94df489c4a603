"""`edge-edet reproduce`: rounds that go on where they were stopped, and the command."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.measuring.sampling import StopRule
from edge_edet.benchmarks.rows.facts_of_model import _size_of
from edge_edet.benchmarks.rows.file import open_rows, read_rows
from edge_edet.benchmarks.rows.schema import BenchmarkRow
from edge_edet.detection.model_layout import layout_of
from edge_edet.errors import InputError
from edge_edet.formats.read import read_model
from edge_edet.output_files.outputs import Outputs
from edge_edet.studies.model_folder import ModelFolder
from edge_edet.studies.rounds import Rounds, pooled, turns
from edge_edet.studies.study_model import size
from edge_edet.studies.study_networks import STUDIES, RunConfig, StudyNetwork
from edge_edet.studies.tables import NOT_BUILT
from edge_edet.variants import VARIANTS

RULE = StopRule(0, 0.0, 6, 1.0, 6, 0.0)
SMALL = VARIANTS["lite0"].replace(name="small", image_size=64, num_classes=2)

FLOAT, INT8 = RunConfig("tflite", "fp32", 1), RunConfig("tflite", "int8", 1)
Make = Callable[..., BenchmarkRow]


# --- rounds -------------------------------------------------------------------------------------


def test_rounds_take_turns_and_one_round_goes_network_by_network() -> None:
    items = [StudyNetwork("a", "a", SMALL), StudyNetwork("b", "b", SMALL.replace(name="other"))]
    order = [(t.network.row, t.config.precision, t.round) for t in turns(items, [FLOAT, INT8], 2)]
    assert order[:4] == [("a", "fp32", 1), ("b", "fp32", 1), ("a", "int8", 1), ("b", "int8", 1)]
    assert [turn[2] for turn in order] == [1] * 4 + [2] * 4
    order = [(t.network.row, t.config.precision, t.round) for t in turns(items, [FLOAT, INT8], 1)]
    assert order == [("a", "fp32", 1), ("a", "int8", 1), ("b", "fp32", 1), ("b", "int8", 1)]


def test_pooled_rows_hold_the_samples_of_all_rounds(a_row: Make) -> None:
    rows = [
        a_row("d0", (1.0, 2.0), round=1),
        a_row("d1", (9.0,), round=1),
        a_row("d0", (3.0,), round=2),
    ]
    found = {row.model.variant: row for row in pooled(rows)}
    assert found["d0"].samples_ms == {"inference": (1.0, 2.0, 3.0)}
    assert found["d0"].protocol == {"name": "p", "rounds": 2}
    assert found["d1"].protocol["rounds"] == 1


def test_rows_of_other_settings_are_not_pooled(a_row: Make) -> None:
    rows = [a_row("d0", (1.0,), round=1), a_row("d0", (3.0,), round=1, min_samples=9)]
    assert len(pooled(rows)) == 2


def test_a_stopped_run_goes_on_and_leaves_no_models(tmp_path: Path) -> None:
    items, path = [StudyNetwork("small", "small", SMALL)], tmp_path / "rounds.jsonl"

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
    assert said[0].startswith("4 to measure, roughly ")
    assert said[1].startswith("1 of 4: small, LiteRT fp32 x1: ")
    assert said[-1].endswith("0 s left")

    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + lines[3][:100])  # killed while writing the last row
    said.clear()
    with open_rows(path) as file:
        assert list(plan().measure(file, said.append)) == []
        assert len(plan().measured(file.rows)) == 4
    assert said[0] == "3 of 4 rows exist already"
    assert said[2].startswith("1 of 1: small, LiteRT int8 x1: ")


def test_a_network_that_fails_is_told_once_and_the_others_go_on(tmp_path: Path) -> None:
    broken = SMALL.replace(name="broken", feature_network="mesh")
    items = [StudyNetwork("small", "small", SMALL), StudyNetwork("broken", "broken", broken)]
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
    with pytest.raises(InputError, match="is there and is not a model of 'edge-edet reproduce'"):
        folder.make(SMALL, [FLOAT])
    folder.drop(SMALL, FLOAT)
    folder.keep = False
    folder.drop(SMALL, FLOAT)
    assert path.read_bytes() == b"damaged"
    ModelFolder(tmp_path, 1, outputs=Outputs(overwrite=True)).make(SMALL, [FLOAT])
    assert path.stat().st_size > 1000
    folder.drop(SMALL, FLOAT)
    assert not path.exists()


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


def test_table_only_tells_what_is_there(
    edge_edet: Callable[..., Any], tmp_path: Path, a_row: Make
) -> None:
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fig9", "-o", "x"], "invalid choice: 'fig9'"),
        (["fig4"], "the following arguments are required: -o/--output"),
        (["fig4", "-o", "x", "--variants", "d9"], "--variants 'd9': fig4 has d0, d1, d2"),
        (["table6", "-o", "x", "--variants", "d6"], "--variants 'd6': table6 has d0, d1, d2, d3"),
        (["table6", "-o", "x", "--precision", "int8"], "its fusion weights stay in float"),
        (["fig4", "-o", "x", "--precision", "fp8"], "'fp8': fig4 is measured in fp32, int8"),
        (["fig4", "-o", "x", "--runtime", "tf"], "'tf': known are ai-edge-litert, openvino"),
        (
            ["fig4", "-o", "x", "--runtime", "litert"],
            "'litert': it is called 'ai-edge-litert' here",
        ),
        (["fig4", "-o", "x", "--threads", "0"], "--threads must be counts like 1,2,4"),
        (["fig4", "-o", "x", "--rounds", "0"], "--rounds must be from 1 to 20, but got 0"),
        (
            ["fig4", "-o", "x", "--table-only"],
            "nothing was measured yet: there is no file 'x/fig4",
        ),
        (
            ["fig4", "-o", "x", "--limit", "9"],
            "--limit is for ap only: leave it out of 'reproduce f",
        ),
        (["ap", "-o", "x", "--count-only"], "--count-only is not for ap: leave it out of 'reprodu"),
        (["fig4", "-o", "x", "--table-only", "--count-only"], "--count-only excludes them"),
        (["fig4", "-o", "x", "--samples", "2"], "--samples must be at least 6, but got 2"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, edge_edet: Any) -> None:
    result = edge_edet("reproduce", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
