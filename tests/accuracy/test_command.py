"""`edge-edet eval` as it is typed: its output, its errors of one line, several models."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.accuracy.coco_metrics import NAMES
from edge_edet.benchmarks.accuracy.evaluation import (
    DEFAULT_PROTOCOL,
    compare,
    evaluate,
    load_dataset,
)
from edge_edet.benchmarks.accuracy.text_report import difference_table, result_lines
from edge_edet.cli import main
from edge_edet.errors import InputError, MissingExtraError

MISSING = [{"id": 3, "file_name": "3.png"}, {"id": 8, "file_name": "no.png"}]
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_report_and_state_in_the_build_folder(
    run_eval: Run, foreign: Path, write_coco: Callable[..., Path], tmp_path: Path
) -> None:
    file = write_coco(tmp_path)
    done = run_eval(foreign, "--data", file, "--bootstrap", 20, "--threads", 1)
    assert done.returncode == 0, done.stderr
    for line in (
        "protocol: score > 0.02, the best 2,000 anchors with all their classes, hard, per class,",
        "evaluator: hotcoco 1.",
        "suppression: in the model, whatever the protocol",
        "note: 1 crowd boxes",
        "\nAP         ",
        "\nAR large   ",
        "95 % intervals over pictures, 20 resamples, seed 0",
    ):
        assert line in done.stdout
    (state,) = (tmp_path / "build" / "eval").glob("*.jsonl")
    again = run_eval(foreign, "--data", file, "--bootstrap", 0, "--threads", 1)
    assert ", 2 from an earlier run" in again.stdout
    assert len(state.read_text().splitlines()) == 3


def test_json(write_coco: Callable[..., Path], foreign: Path, tmp_path: Path, capsys: Any) -> None:
    options = ["--state", str(tmp_path / "s"), "--threads", "1", "--bootstrap", "20", "--json"]
    data = ["--data", str(write_coco(tmp_path))]
    assert main(["eval", str(foreign), str(foreign), *data, *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format_version"] == 1
    first, second = document["results"]
    assert list(first["numbers"]) == list(NAMES)
    assert first["protocol"]["evaluator_version"].startswith("1.")
    assert first["protocol"]["candidates"] == 2000
    assert [row["name"] for row in first["per_class"]] == ["person", "dog"]
    assert second["resumed"] == 2, "the same model again"
    (difference,) = document["differences"]
    assert difference["numbers"] == {"ap": 0, "ap50": 0, "ap75": 0}
    assert difference["intervals"]["ap"] == [0, 0]


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"categories": [{"id": 1, "name": "x"}, {"id": 18, "name": "dog"}]}, [], "no class for 1"),
        ({"annotations": []}, [], "no object to find in 2 pictures: 0 too small, 0 crowds"),
        ({"images": MISSING}, [], "1 of 2 pictures are missing, first"),
        ({}, ["--limit", "0"], "--limit must be at least 1"),
        ({}, ["--images", "tests"], "--images: no folder"),
        ({}, ["--suppression", "soft"], "suppression must be one of hard, soft-gaussian"),
        ({}, ["--score-threshold", "2"], "score_threshold must be a number from 0 to 1"),
        ({}, ["--min-side", "-1"], "min_side_px must be at least 0"),
        (
            {},
            ["--bootstrap", "-1"],
            "the number of resamples must be an integer from 0 to 100,000, but got -1",
        ),
        (
            {},
            ["--bootstrap", "9" * 30],
            "the number of resamples must be an integer from 0 to 100,000",
        ),
        ({}, ["--seed", "-1"], "the seed must be an integer from 0 to 2^64 - 1, but got -1"),
        ({}, ["--class-map", "no.json"], "no class map 'no.json'"),
        ({}, ["--scheduler", "nowhere"], "no Dask scheduler at 'nowhere'"),
    ],
)
def test_bad_input_is_one_line(
    changes: dict[str, Any],
    options: list[str],
    message: str,
    write_coco: Callable[..., Path],
    foreign: Path,
    tmp_path: Path,
    capfd: Any,
    monkeypatch: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edge_edet.benchmarks.accuracy.cluster_wait.CONNECT_S", 1)
    assert (
        main(["eval", str(foreign), "--data", str(write_coco(tmp_path, **changes)), *options]) == 2
    )
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("INFO")]
    assert len(lines) == 1
    assert lines[0].startswith("edge-edet: error: ")
    assert message in lines[0]


def test_pictures_that_do_not_fit_their_labels(
    write_coco: Callable[..., Path], draw: Callable[..., None], foreign: Path, tmp_path: Path
) -> None:
    file = write_coco(tmp_path)
    draw(tmp_path / "8.png", 1, (48, 64))
    with pytest.raises(InputError, match=r"8\.png' is 48 x 64, but its labels are for 64 x 48"):
        evaluate(foreign, load_dataset(file), threads=1)
    (tmp_path / "3.png").unlink()
    with pytest.raises(InputError, match="1 of 2 pictures are missing"):
        evaluate(foreign, load_dataset(file), threads=1)


def test_paired_difference_is_tighter_than_two_intervals(shared: Path, foreign: Path) -> None:
    """The same detector with a higher threshold: slightly worse on every draw of the pictures."""
    dataset = load_dataset(shared / "data" / "coco_val464")
    strict = DEFAULT_PROTOCOL.replace(score_threshold=0.4)
    first = evaluate(foreign, dataset, limit=60, threads=1, resamples=200)
    second = evaluate(foreign, dataset, strict, limit=60, threads=1, resamples=200)
    second.protocol.update(first.protocol)  # what `compare` refuses, for want of a second model
    change = compare(first, second)
    assert change.numbers["ap"] == pytest.approx(second.ap - first.ap)
    around, alone = change.intervals["ap"], first.intervals["ap"]
    assert around is not None
    assert alone is not None
    assert around.low <= change.numbers["ap"] <= around.high
    assert around.high - around.low < 0.7 * (alone.high - alone.low)
    assert change.per_class["person"] is not None
    assert compare(second, first).numbers["ap"] == -change.numbers["ap"]
    assert any("difference from" in line for line in difference_table([change]))
    assert any(line.startswith("AP50 ") for line in result_lines(first))


def test_missing_evaluator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_edet.benchmarks.accuracy.protocol.EVALUATOR", "no-such-evaluator")
    with pytest.raises(MissingExtraError, match=r"pip install 'edge-edet\[bench\]'"):
        DEFAULT_PROTOCOL.to_dict()


def test_default_protocol_is_pinned() -> None:
    """Published figures depend on every one of these."""
    found = {k: v for k, v in DEFAULT_PROTOCOL.to_dict().items() if k != "evaluator_version"}
    assert found == {
        "suppression": "hard",
        "score_threshold": 0.02,
        "iou_threshold": 0.5,
        "sigma": 0.5,
        "candidates": 2000,
        "detections_per_class": 100,
        "detections": None,
        "min_side_px": 1.0,
        "resizing": DEFAULT_PROTOCOL.resizing,
        "class_map": "by name",
        "evaluator": "hotcoco",
        "evaluator_detections": 100,
        "version": 1,
    }
    with pytest.raises(InputError, match="evaluator must be 'hotcoco'"):
        DEFAULT_PROTOCOL.replace(evaluator="other")
