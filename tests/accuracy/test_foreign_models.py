"""What a foreign model is fed with stands beside its AP, and no two ways of it share rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.accuracy.evaluation import evaluate, load_dataset
from edge_edet.benchmarks.accuracy.text_report import result_lines
from edge_edet.cli import main
from edge_edet.errors import InputError
from edge_edet.labels.coco import COCO_LABELS


def test_the_report_says_how_pictures_fit(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    dataset = load_dataset(write_coco(tmp_path))
    lines = list(result_lines(evaluate(foreign, dataset, resamples=0)))
    stretched = "pictures: stretch to 300 x 300, nothing in the file says EfficientDet"
    assert any(line.startswith(stretched) for line in lines)
    boxed = evaluate(foreign, dataset, resamples=0, fit="letterbox", pad=7)
    assert "pictures: letterbox to 300 x 300, as asked; padded with 7,7,7" in result_lines(boxed)
    assert (boxed.ran_on["fit"], boxed.ran_on["pad_rgb"]) == ("letterbox", [7, 7, 7])


def test_each_fit_has_rows_of_its_own(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    state, dataset = tmp_path / "s.jsonl", load_dataset(write_coco(tmp_path))
    ways: list[dict[str, Any]] = [{}, {"fit": "letterbox"}, {"fit": "letterbox", "pad": 7}]
    for options in ways:
        assert evaluate(foreign, dataset, state=state, resamples=0, **options).resumed == 0
    for options in [*ways, {"fit": "stretch"}]:
        assert evaluate(foreign, dataset, state=state, resamples=0, **options).resumed == 2


def test_labels_from_a_file(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path, capsys: Any
) -> None:
    """As Coral's coco_labels.txt: indices, with gaps. Its names count, not those in the model."""
    data = write_coco(tmp_path)
    (tmp_path / "coco_labels.txt").write_text(
        "\n".join(
            f"{i}  {'hound' if name == 'dog' else name}"
            for i, name in enumerate(COCO_LABELS)
            if name
        )
    )
    command = ["eval", str(foreign), "--data", str(data), "--bootstrap", "0", "--json"]
    command += ["--state", str(tmp_path / "s"), "--threads", "1"]
    assert main(command) == 0
    expected = json.loads(capsys.readouterr().out)["results"][0]
    assert main([*command, "--labels", str(tmp_path / "coco_labels.txt")]) == 2
    assert (
        "the model has no class for 1 of 2 categories of the data: 'dog'" in capsys.readouterr().err
    )
    labels = "\n".join(f"{i}  {name}" for i, name in enumerate(COCO_LABELS) if name)
    (tmp_path / "coco_labels.txt").write_text(labels)
    assert main([*command, "--labels", str(tmp_path / "coco_labels.txt")]) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    assert result["numbers"] == expected["numbers"]
    assert result["class_map"] == expected["class_map"]
    assert any("each line has its index" in note for note in result["ran_on"]["notes"])


def test_a_uint8_model_takes_no_mean(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="its input is uint8"):
        evaluate(foreign, load_dataset(write_coco(tmp_path)), resamples=0, mean=127.5, std=127.5)
