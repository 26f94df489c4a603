"""`edge-edet convert --for TARGET`: what it chooses, writes beside the model and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import edge_edet
from edge_edet.cli import main
from edge_edet.devices.targets import check_model, find_target, known_targets
from edge_edet.formats import read_model

MADE = sorted(name for name, target in known_targets().items() if target.convert)
RANDOM = ["--weights", "random", "--num-classes", "3", "--image-size", "128"]


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_for_a_target_is_not_refused_by_it(name: str, tmp_path: Path) -> None:
    making = find_target(name).convert
    assert making is not None
    precision = "fp32" if "fp32" in making.precisions else "int8"
    random = precision == "fp32" or making.recipe  # a recipe may need pictures, or noise
    options = {"weights": "random", "image_size": 128} if random else {}
    made = edge_edet.convert("d0", precision, target=name, output=tmp_path, **options)
    for path in made.paths:
        assert check_model(read_model(path), find_target(name)).verdict != "refused"


def test_frigate_gets_a_label_map_and_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "names.txt"
    labels.write_text("cat\ndog\n???\n")
    command = ["convert", "--fp32", "d0", *RANDOM, "--labels", str(labels), "-o", str(tmp_path)]
    assert main([*command, "--for", "frigate-cpu"]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: for ")]
    assert notes == [
        "note: for Frigate, detector cpu: tflite, suppression in the graph, uint8 input: it reads "
        "boxes, classes, scores and count by index, and feeds uint8"
    ]
    stem = "d0-128-fp32-nms"
    map_text = (tmp_path / f"{stem}-labelmap.txt").read_text()
    assert map_text == "0 cat\n1 dog\n2 unused_2\n"
    document = yaml.safe_load((tmp_path / f"{stem}-frigate.yml").read_text())
    assert document["detectors"] == {"cpu1": {"type": "cpu", "num_threads": 3}}
    assert document["model"]["path"] == f"/config/{stem}.tflite"
    assert document["model"]["labelmap_path"] == f"/config/{stem}-labelmap.txt"
    assert (document["model"]["width"], document["model"]["height"]) == (128, 128)
    assert main([*command, "--for", "frigate-cpu"]) == 0  # its own files are replaced
    (tmp_path / f"{stem}-labelmap.txt").write_text("mine\n")
    assert main([*command, "--for", "frigate-cpu"]) == 2
    assert f"{stem}-labelmap.txt" in capsys.readouterr().err
    assert (tmp_path / f"{stem}-labelmap.txt").read_text() == "mine\n"


def test_frigate_alone_is_the_one_without_an_accelerator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "--fp32", "d0", *RANDOM, "--for", "frigate", "-o", str(tmp_path)]) == 0
    (note,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("note: for ")]
    assert note.endswith(
        "; 'frigate' is taken as frigate-cpu; there are also frigate-edgetpu and frigate-openvino"
    )
    document = yaml.safe_load((tmp_path / "d0-128-fp32-nms-frigate.yml").read_text())
    assert document["detectors"]["cpu1"]["type"] == "cpu"
    assert (tmp_path / "d0-128-fp32-nms-labelmap.txt").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--fp32", "--for", "frigate-cpu", "--to", "openvino"],
            "--for frigate-cpu takes tflite, which --to openvino contradicts",
        ),
        (
            ["--fp32", "--for", "frigate-cpu", "--nms", "none"],
            "--for frigate-cpu takes in-graph, which --nms none contradicts",
        ),
        (
            ["--fp32", "--for", "frigate-cpu", "--input", "float32"],
            "--for frigate-cpu takes uint8, which --input float32 contradicts",
        ),
        (
            ["--int8", "--for", "litertjs", "--outputs", "int8"],
            "--for litertjs takes suppression in the graph, which ends in float32, which --outputs "
            "int8 contradicts",
        ),
        (
            ["--int8", "--for", "openvino-gpu", "--outputs", "int8"],
            "--for openvino-gpu takes openvino, which --outputs int8 contradicts",
        ),
        (
            ["--int8", "--for", "tflite-micro", "--outputs", "float32"],
            "--for tflite-micro takes integer operators only, which --outputs float32 contradicts",
        ),
        (["--fp16", "--for", "edgetpu"], "--for edgetpu takes int8, which --fp16 contradicts"),
        (
            ["--fp32", "--for", "frigat"],
            "unknown target 'frigat': known are edgetpu, frigate-cpu",
        ),
        (
            ["--fp32", "--for", "frigate", "--to", "openvino"],
            "--for frigate takes tflite, which --to openvino contradicts: 'frigate' is taken as "
            "frigate-cpu; there are also frigate-edgetpu and frigate-openvino",
        ),
        (
            ["--int8", "--for", "litert-npu-mediatek", "--recipe", "minmax"],
            "--for litert-npu-mediatek takes --recipe per-tensor, which --recipe minmax contradicts",
        ),
        (
            ["--int8", "--for", "litert-npu-mediatek", "--max-drop", "1", "--data", "."],
            "which --recipe per-tensor of --for litert-npu-mediatek contradicts",
        ),
    ],
)
def test_contradictions_are_one_line_before_any_work(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "d0", *RANDOM, *options, "-o", str(tmp_path)]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_a_target_takes_may_be_asked_for(tmp_path: Path) -> None:
    made = edge_edet.convert(
        "d0",
        "fp32",
        target="mediapipe",
        input_dtype="float32",
        weights="random",
        image_size=128,
        output=tmp_path,
    )
    assert [path.name for path in made.paths] == ["d0-128-fp32-nms-float32-input.tflite"]
