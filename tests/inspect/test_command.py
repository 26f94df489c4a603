"""The command `inspect`: text, JSON, figure, and one line for unusable input."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.cli import main


def run(*arguments: object) -> int:
    return main(["inspect", *map(str, arguments)])


def test_compares_draws_and_prints_json(
    model: Callable[[str], Path],
    float_path: Path,
    bench: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figure = tmp_path / "error.svg"
    status = run(
        model("clipped"),
        "--against",
        float_path,
        "--data",
        bench.pictures[0].parent,
        "--limit",
        1,
        "--threads",
        1,
        "--figure",
        figure,
        "--json",
    )
    document = json.loads(capsys.readouterr().out)
    assert status == 1
    assert document["findings"][0]["place"] == "backbone/blocks.3.1/add"
    assert document["model"]["operators"]["CONCATENATION"] == 2
    assert document["tensors"][0]["name"] == "backbone/blocks.3.1/add"
    assert len(document["pictures"]) == 1
    drawn = ET.parse(figure).getroot()
    names = [title.text or "" for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert any(name.startswith("backbone/blocks.3.1/add: own 1") for name in names)
    assert figure.stat().st_size < 300_000


def test_lists_every_tensor_in_80_columns(
    model: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model("equalized"), "--tensors") == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "float operators: none inside, 0 at the ends" in text
    assert "class_logits" in text
    assert "32 scales" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.tflite"], "no model file 'nothing.tflite'"),
        ([__file__], "is not a .tflite model"),
        (["INT8", "--against", "FLOAT"], "needs both --against FLOAT and --data PICTURES"),
        (["INT8", "--figure", "a.svg"], "--figure draws errors"),
        (["INT8", "--against", "FLOAT", "--data", "EMPTY"], "no pictures in folder"),
        (
            ["INT8", "--against", "FLOAT", "--data", "EMPTY", "--figure", "a.jpg"],
            "ends in .svg or .png",
        ),
        (["INT8", "--against", "INT8", "--data", "EMPTY"], "needs the float model"),
        (["FLOAT", "--against", "FLOAT", "--data", "EMPTY"], "is no INT8 model"),
        (["INT8", "--against", "OTHER", "--data", "EMPTY"], "model of another network"),
        (["INT8", "--against", "FLOAT", "--data", __file__], "is not a picture"),
        (["INT8", "--against", "FLOAT", "--data", "EMPTY", "--limit", "0"], "not positive"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    model: Callable[[str], Path],
    float_path: Path,
    planted: Any,
    shared: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    names = {
        "INT8": str(model("equalized")),
        "FLOAT": str(float_path),
        "EMPTY": str(tmp_path / "empty"),
    }
    if "OTHER" in arguments:
        names["OTHER"] = str(planted.lite(shared, tmp_path / "lite").float_model())
    assert run(*(names.get(a, a) for a in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
