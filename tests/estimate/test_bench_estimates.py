"""`edge-edet bench --board rpi4` where there is no rpi4."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet.benchmarks.rows.file import read_rows
from edge_edet.cli import main

Convert = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without hosts or profiles of the user's, and where nothing was measured yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_marks_every_figure_and_ends_with_how_to_measure(
    converted: Convert, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [str(converted("lite0", "int8")), str(converted("d0", "int8"))]
    capsys.readouterr()
    assert main(["bench", "--board", "rpi4", *models, "--threads", "1,4", "-o", "r.jsonl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert (
        sum(re.search(r" ~\d+ ms \(\d+-\d+, estimated\)$", line) is not None for line in lines) == 8
    )
    assert lines[-1] == "to measure: edge-edet bench --board rpi4 --host pi@ADDRESS"
    assert "decode" not in "".join(lines)  # stages that nobody timed
    rows = read_rows(own_folder / "r.jsonl")
    assert [(row.how, row.device.id) for row in rows] == [("estimated", "rpi4")] * 4


def test_resuming_doubles_nothing(converted: Convert, own_folder: Path) -> None:
    command = ["bench", "--board", "n100", str(converted("lite0", "int8")), "-o", "r.jsonl"]
    assert main(command) == main([*command, "--resume"]) == 0
    assert [row.asked.threads for row in read_rows(own_folder / "r.jsonl")] == [1, 2, 4]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    command = ["convert", "d0", "--int8", "--weights", "bundled", "--to", "tflite", "-o"]
    assert main([*command, str(folder)]) == 0
    return folder / "d0-int8.tflite"


def test_ap_is_measured_here_where_the_time_is_estimated(
    trained: Path,
    converted: Convert,
    own_folder: Path,
    write_smear: Callable[[Path], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_smear(own_folder / "data")
    models = [str(trained), str(converted("lite0", "int8"))]
    command = ["bench", "--board", "rpi4", *models, "--threads", "1,4", "-o", "r.jsonl"]
    capsys.readouterr()
    assert main([*command, "--data", "data"]) == 0
    told = capsys.readouterr()
    assert told.err.count("measuring AP on this machine") == 1  # of random weights there is none
    assert max(map(len, told.out.splitlines())) <= 80
    rows = read_rows(own_folder / "r.jsonl")
    first = rows[0].accuracy
    assert first is not None
    assert [row.accuracy for row in rows] == [first, first, None, None]
    assert first.ap is not None
    assert first.ap > 0.3
    assert re.search(rf"d0-int8\.tflite +1  {first.ap:.3f}  ~", told.out)
    assert rows[0].estimate is not None
    assert "AP was measured by ai-edge-litert" in rows[0].estimate.notes[-1]
    assert [one.code for one in rows[2].warnings] == ["random-weights"]
    assert main([*command, "--data", "data", "--resume"]) == 0
    assert len(read_rows(own_folder / "r.jsonl")) == 4
    assert main(["recommend", "r.jsonl", "--board", "rpi4", "--budget", "600ms"]) == 0
    assert "pick: d0-int8.tflite, rpi4, " in capsys.readouterr().out


def test_ap_that_is_in_the_file_of_rows_is_not_measured_again(
    trained: Path,
    own_folder: Path,
    write_smear: Callable[[Path], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_smear(own_folder / "data")
    quick = ["--samples", "6", "--max-samples", "6", "--warmup", "0", "--warmup-seconds", "0"]
    command = ["bench", str(trained), "--data", "data", "-o", "r.jsonl"]
    assert main([*command, *quick]) == 0
    capsys.readouterr()
    assert main([*command, "--board", "n100", "--threads", "4"]) == 0
    assert "measuring AP" not in capsys.readouterr().err
    here, estimated = read_rows(own_folder / "r.jsonl")
    assert here.accuracy == estimated.accuracy


def test_a_stream_is_estimated_too(
    converted: Convert, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bench", str(converted("d0", "int8")), "--board", "rpi4", "--threads", "4"]
    assert main([*command, "--jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["kind"] for one in lines] == ["row", "end"]
    assert lines[0]["row"]["how"] == "estimated"


def test_json_says_that_it_is_estimated(
    converted: Convert, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(converted("lite0", "int8"))
    capsys.readouterr()
    assert main(["bench", "--board", "rpi5,n100", "--threads", "2", "--json", model]) == 0
    rows = [one["row"] for one in json.loads(capsys.readouterr().out)["rows"]]
    assert [(row["how"], row["device"]["id"]) for row in rows] == [
        ("estimated", "rpi5"),
        ("estimated", "n100"),
    ]
    assert all(set(row["estimate"]) >= {"low_ms", "high_ms", "notes"} for row in rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--board", "pixel8"], "no estimate for 'pixel8': .* rpi4, rpi5, n100; to measure"),
        (["--board", "rpi4", "--threads", "8"], "no estimate for 8 threads"),
        (["--board", "rpi4", "--runtime", "openvino"], "no estimate for runtime 'openvino'"),
        (["--board", "rpi4", "--sustain", "1m"], "has no --sustain: give --host"),
        (["--board", "rpi4", "--data", "bccd"], "no data 'bccd'"),
        (["--board", "rpi4", "--images", "a.png"], "has no --images: give --host|a.png"),
    ],
)
def test_what_cannot_be_estimated_is_refused_before_anything_is_converted(
    own_folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["bench", *options]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert len(error.splitlines()) == 1
    assert not (own_folder / "build").exists()
