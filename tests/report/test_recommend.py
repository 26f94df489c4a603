"""`edge-edet recommend`: the front, the pick, what it rests on, and when there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.analysis.recommend import Candidate, choose_model
from edge_edet.benchmarks.analysis.values import Value
from edge_edet.benchmarks.rows.file import append_rows
from edge_edet.benchmarks.rows.schema import BenchmarkRow

Cli = Callable[..., tuple[int, str, str]]
Make = Callable[..., BenchmarkRow]


def candidate(name: str, ms: float, ap: float, high: float | None = None) -> Candidate:
    low = None if high is None else 2 * ms - high
    return Candidate(
        name, Value(ms, "measured", "", low, high), "end_to_end", Value(ap, "measured", ""), None
    )


def names(found: tuple[Candidate, ...]) -> str:
    return "".join(one.name for one in found)


@pytest.mark.parametrize(
    ("candidates", "front", "pick", "sure", "better", "nearest"),
    [
        ([("a", 50, 30, 55), ("b", 90, 40, 95), ("c", 150, 50, 160)], "abc", "b", True, None, ""),
        ([("a", 50, 30, 55), ("b", 95, 40, 105)], "ab", "a", True, "b", ""),
        ([("a", 95, 40, 105)], "a", "a", False, None, ""),
        ([("a", 95, 40, None)], "a", "a", False, None, ""),
        ([("a", 50, 30, 55), ("b", 60, 30, 65), ("c", 70, 29, 75)], "a", "a", True, None, ""),
        (
            [("a", 50, 10, 55), ("b", 150, 40, 160), ("c", 170, 45, 180)],
            "abc",
            None,
            False,
            None,
            "ba",
        ),
        ([("a", 100, 40, 100)], "a", "a", True, None, ""),
    ],
    ids=[
        "middle",
        "only its middle is inside",
        "unsure",
        "no interval",
        "dominated",
        "nothing",
        "just",
    ],
)
def test_choice(
    candidates: list[tuple[str, float, float, float | None]],
    front: str,
    pick: str | None,
    sure: bool,
    better: str | None,
    nearest: str,
) -> None:
    found = choose_model([candidate(*one) for one in candidates], budget_ms=100.0, min_ap=20.0)
    assert names(found.front) == front
    assert (found.pick and found.pick.name) == pick
    assert found.sure == sure
    assert (found.better and found.better.name) == better
    assert names(found.nearest) == nearest


@pytest.fixture
def rows(tmp_path: Path, make_row: Make, make_estimate: Make, make_long_run: Make) -> Path:
    path = tmp_path / "rows.jsonl"
    append_rows(
        path,
        [
            make_row("d0", ms=80.0, ap=0.335),
            make_row("d1", ms=165.0, ap=0.394),
            make_row("d0", "int8", ms=40.0, ap=0.331),
            make_estimate("lite0", "int8", 78.0),
            make_estimate("d0", "int8", 130.0),
            make_long_run(hole=None),
        ],
    )
    return path


def test_a_measured_pick_says_what_it_rests_on(cli: Cli, rows: Path) -> None:
    status, out, _ = cli(
        "recommend", rows, "--board", "host", "--budget", "100ms", "--min-ap", "33.4"
    )
    assert status == 0
    assert "pick: d0-fp32.tflite, host" in out
    for said in (
        "time: measured, of end to end; median of 40, its 95 % interval",
        "inside the budget",
        "AP: measured, 32.5 to 34.5",
        "the lower end of its AP is below",
    ):
        assert said in out


def test_an_estimated_pick_says_so_twice(cli: Cli, rows: Path) -> None:
    asked = ("recommend", rows, "--board", "rpi4", "--budget", "0.15s")
    status, out, _ = cli(*asked)
    assert status == 0  # the AP of the same file, measured on another device
    flat = " ".join(out.split())
    assert "pick: d0-int8.tflite, rpi4, 1 thread" in flat
    assert (
        "in another row of the same file (sha256): host, ai-edge-litert xnnpack, 1 thread" in flat
    )
    assert "left out: no AP measured: 'edge-edet bench --data DIR' measures it" in flat
    status, out, _ = cli(*asked, "--published-ap", "--json")
    document: dict[str, Any] = json.loads(out)
    pick, better = document["pick"], document["better_but_unsure"]
    assert (status, pick["model"], pick["stage"]) == (0, "lite0-int8.tflite", "inference")
    assert (pick["time_ms"]["how"], pick["ap"]["how"]) == ("estimated", "published")
    assert pick["upper_end_within_budget"] is True
    assert (better["model"], better["upper_end_within_budget"]) == ("d0-int8.tflite", False)
    assert "in a long run" in " ".join(better["notes"])
    _, text, _ = cli(*asked, "--published-ap")
    assert "inference alone: decoding and the like come on top" in text
    assert "but only the middle of its time" in " ".join(text.split())


def test_nothing_fits_says_what_comes_nearest(cli: Cli, rows: Path) -> None:
    status, out, _ = cli("recommend", rows, "--board", "host", "--budget", "20ms", "--min-ap", "33")
    assert status == 1
    assert "nothing fits; nearest:\n- d0-int8.tflite" in out


def test_without_rows_it_goes_by_what_is_published(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = cli("recommend", "--board", "rpi4", "--budget", "150ms", "--min-ap", "30")
    assert status == 0
    assert "pick: lite1 int8, rpi4, 4 threads" in out
    assert "no interval is known" in out
    assert "all numbers are published" in out
    status, _, err = cli("recommend", "--board", "pixel8", "--budget", "150ms")
    assert status == 2
    assert "nothing is published for device 'pixel8': known are rpi4, rpi5, n100" in err
    status, _, err = cli("recommend", "--board", "rpi4", "--budget", "150ms", "--published", "none")
    assert (status, "there are no numbers to choose from" in err) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--board", "rpi5", "--budget", "100ms"],
            "no row is of board 'rpi5': there are rows of host",
        ),
        (
            ["--board", "host", "--budget", "100"],
            "--budget must be a time like 100ms or 0.5s, but",
        ),
        (["--board", "host", "--budget", "0ms"], "--budget must be a time"),
        (
            ["--board", "host", "--budget", "1s", "--min-ap", "0.3"],
            "in points, 0 to 100, but got 0.3: did you mean 30?",
        ),
        (["--board", "host", "--budget", "1s", "--min-ap", "101"], "0 to 100, but got 101"),
        (["--board", "host", "--budget", "1s", "--min-ap", "nan"], "0 to 100, but got nan"),
    ],
)
def test_bad_questions(cli: Cli, rows: Path, options: list[str], said: str) -> None:
    status, out, err = cli("recommend", rows, *options)
    assert (status, out) == (2, "")
    assert said in err


def test_aps_of_different_data_are_not_compared(cli: Cli, make_row: Make, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, [make_row("d0", ap=0.3), make_row("d1", ap=0.5, data="bccd", pictures=72)])
    status, _, err = cli("recommend", path, "--board", "host", "--budget", "1s")
    assert status == 2
    assert "not of the same data and protocol (COCO val2017; bccd, 72 pictures)" in err
