"""`edge-edet reproduce ap`: a real sweep on drawn pictures, gone on with, and refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.rows.file import read_rows
from edge_edet.benchmarks.rows.schema import BenchmarkRow
from edge_edet.studies.ap.table import to_text

FAST = ("--samples", "6", "--variants", "d0", "--weights", "bundled", "--threads", "1")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn smears with the boxes that a detector might be held to."""
    root = tmp_path_factory.mktemp("ap")
    images = []
    for number in (1, 2):
        name = f"{number}.png"
        smear = [sys.executable, "-m", "edge_edet.demo_picture", str(root / name)]
        subprocess.run(smear, check=True, capture_output=True)
        images.append({"id": number, "file_name": name, "width": 640, "height": 480})
    boxes = [
        {
            "id": n,
            "image_id": image,
            "category_id": 1,
            "bbox": [20.0 * n, 30.0, 90.0, 90.0],
            "area": 8100,
        }
        for n, image in enumerate((1, 1, 2), 1)
    ]
    categories = [
        {"id": 1, "name": "RBC"},
        {"id": 2, "name": "WBC"},
        {"id": 3, "name": "Platelets"},
    ]
    document = {"images": images, "annotations": boxes, "categories": categories}
    (root / "drawn.json").write_text(json.dumps(document), "utf-8")
    return root


@pytest.fixture
def run(folder: Path) -> Run:
    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge_edet", "reproduce", "ap", *map(str, arguments)]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ)

    return call


def test_a_sweep_and_going_on_with_it(run: Run, folder: Path) -> None:
    asked = (*FAST, "--data", "drawn.json", "-o", "out", "--json", "--precision", "int8")
    first = run(*asked, "--runtime", "ai-edge-litert")
    assert first.returncode == 0, first.stderr
    (line,) = json.loads(first.stdout)
    assert (line["variant"], line["precision"], line["runtime"]) == ("d0", "int8", "ai-edge-litert")
    assert 0 <= line["ap"] <= 100
    assert line["published_ap"] is None  # of other pictures
    second = run(*asked, "--runtime", "ai-edge-litert,openvino")
    assert second.returncode == 0, second.stderr
    assert "1 of 2 rows exist already" in second.stderr
    lines: list[dict[str, Any]] = json.loads(second.stdout)
    assert [one["runtime"] for one in lines] == ["ai-edge-litert", "openvino"]
    rows = read_rows(folder / "out" / "ap.rows.jsonl")
    assert [row.accuracy.pictures for row in rows if row.accuracy] == [2, 2]
    other = run(*asked, "--weights", "random")
    assert other.returncode == 2
    assert "was begun with" in other.stderr


def test_the_table_tells_data_and_machine(make_row: Callable[..., BenchmarkRow]) -> None:
    text = to_text([make_row("d0", ap=0.335), make_row("d0", "int8", 40.0)])
    assert "33.50  32.50 to 34.50       34.3" in text  # val2017: beside the published one
    assert "AP in points, on COCO val2017; ms: inference, median" in text
    assert "- measured 2026-01-02 on host; ai-edge-litert 2.3.0 xnnpack" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x"], "reproduce ap needs labelled pictures: give --data"),
        (["-o", "x", "--data", "nowhere"], "no data 'nowhere'"),
        (["-o", "x", "--data", "drawn.json", "--variants", "d9"], "--variants 'd9': known are d0"),
        (
            ["-o", "x", "--data", "drawn.json", "--runtime", "tf"],
            "--runtime 'tf': known are ai-edge-litert",
        ),
        (
            ["-o", "x", "--data", "drawn.json", "--precision", "int4"],
            "--precision 'int4': known are fp32",
        ),
        (["-o", "x", "--data", "drawn.json", "--models", "1.png"], "'1.png' is no model file"),
    ],
)
def test_what_is_refused(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    from edge_edet.cli import main

    monkeypatch.chdir(folder)
    assert main(["reproduce", "ap", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
