"""Each command on files whose input is no square: a walk over formats, precisions and suppression."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import edge_edet
from edge_edet.cli import main
from edge_edet.demo_picture import CLASSES, draw_smear
from edge_edet.manifest import read_manifest

SIZE = "256x160"
INT8 = {"tflite": "minmax", "openvino": "channelwise-exact"}  # recipes that need no reconstruction


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two smears with labels in COCO's format, and the files of the bundled D0 at SIZE."""
    folder = tmp_path_factory.mktemp("everywhere")
    images, annotations = [], []
    for seed in range(2):
        pixels, boxes = draw_smear(seed)
        (folder / "pictures").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "pictures" / f"{seed}.png")
        height, width = pixels.shape[:2]
        images.append({"id": seed, "file_name": f"{seed}.png", "width": width, "height": height})
        for box in boxes:
            x0, y0, x1, y1, kind = box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": seed,
                    "category_id": kind + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
            )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
    }
    (folder / "labels.json").write_text(json.dumps(document))
    convert = ["convert", "d0", "--image-size", SIZE, "-o", str(folder), "--threads", "1"]
    calibration = ["--calibration", str(folder / "pictures"), "--no-parity-report"]
    for nms in ("none", "in-graph"):
        floats = ["--fp32", "--fp16", "--nms", nms, "--to", "tflite,openvino"]
        assert main([*convert, *floats]) == 0
        assert main([*convert, "--fp32", "--nms", nms, "--to", "onnx"]) == 0
        for format, recipe in INT8.items():
            int8 = ["--int8", "--to", format, "--recipe", recipe, "--nms", nms, *calibration]
            assert main([*convert, *int8]) == 0
    assert main([*convert, "--int8-dynamic"]) == 0
    return folder


FILES = [
    f"d0-{SIZE}-{precision}{nms}{suffix}"
    for precision, suffixes in (
        ("fp32", (".tflite", ".xml", ".onnx")),
        ("fp16", (".tflite", ".xml")),
        ("int8", (".tflite", ".xml")),
    )
    for suffix in suffixes
    for nms in ("", "-nms")
] + [f"d0-{SIZE}-int8-dynamic.tflite"]
PLAIN = [name for name in FILES if "-nms" not in name]
Command = Callable[..., Any]


@pytest.fixture
def run(folder: Path, tmp_path: Path, capsys: Any, monkeypatch: Any) -> Command:
    """Runs a command with --json in an empty folder, and returns what it printed."""

    def run(*arguments: object, status: int | None = 0) -> Any:
        monkeypatch.chdir(tmp_path)
        capsys.readouterr()
        done = main([str(one) for one in arguments])
        said = capsys.readouterr()
        assert status in (None, done), said.err
        return said.out

    return run


@pytest.fixture(scope="module")
def cells(folder: Path) -> list[dict[str, Any]]:
    """What the float .tflite is sure of."""
    with edge_edet.load(folder / FILES[0], threads=1, score_threshold=0.5) as detector:
        found = detector.detect(folder / "pictures" / "0.png")
    assert len(found) > 2
    return found.to_dicts()


@pytest.mark.parametrize("name", FILES)
def test_detect_finds_the_cells(
    name: str, folder: Path, run: Command, cells: list[dict[str, Any]]
) -> None:
    assert read_manifest(folder / name).variant.input_size == (160, 256)
    threads = ["--threads", "1", "--json"]
    picture = folder / "pictures" / "0.png"
    found = json.loads(run("detect", picture, "-m", folder / name, *threads))
    assert found["input_size"] == [160, 256]
    for one in cells:  # min-max INT8 is coarse: a box of the same class at about the same place
        assert any(
            other["class_id"] == one["class_id"]
            and max(abs(a - b) for a, b in zip(one["box"], other["box"], strict=True)) < 40
            for other in found["detections"]
        ), (name, one)


@pytest.mark.parametrize("name", [name for name in PLAIN if "int8." in name])
def test_inspect_and_compare_float(name: str, folder: Path, run: Command) -> None:
    pair = [folder / name, "--against", folder / name.replace("int8", "fp32")]
    data = ["--data", folder / "pictures", "--threads", "1"]
    inspected = json.loads(run("inspect", *pair, *data, "--json"))
    assert inspected["model"]["manifest"]["image_size"] == [160, 256]
    assert "variant d0 at 256x160 pixels" in run("inspect", folder / name)
    if name.endswith(".xml"):
        return  # inspect runs the same comparison
    run("compare-float", *pair, *data, status=None)  # few pictures: the verdict may be any
    report = json.loads(Path("build/parity/report.json").read_text())
    assert report["image_size"] == [160, 256]


@pytest.mark.parametrize("name", [*PLAIN[-3:-1], f"d0-{SIZE}-fp32-nms.onnx"])
def test_eval_says_how_much_is_padding(name: str, folder: Path, run: Command) -> None:
    data = ["--data", folder / "labels.json", "--images", folder / "pictures"]
    options = ["--score-threshold", "0.05", "--bootstrap", "0", "--threads", "1"]
    said = run("eval", folder / name, *data, *options)
    assert "padding: 16.8% of the input on average" in said  # 160 rows are 213 of 256 columns
    assert "of the input is padding: " not in said
    document = run("eval", folder / name, *data, *options, "--limit", "1", "--json")
    (result,) = json.loads(document)["results"]
    assert result["padding"] == pytest.approx(1 - 213 / 256, abs=1e-6)
    assert result["numbers"]["ap"] > 0.1


def test_eval_warns_of_much_padding(folder: Path, run: Command, tmp_path: Path) -> None:
    wide = ["--image-size", "256x96", "--to", "tflite", "-o", tmp_path]
    run("convert", "--fp32", "d0", *wide)
    data = ["--data", folder / "labels.json", "--images", folder / "pictures", "--bootstrap", "0"]
    said = run("eval", tmp_path / "d0-256x96-fp32.tflite", *data, "--threads", "1")
    assert "note: on average 50% of the input is padding: 'edge-edet convert --image-size" in said


def test_bench_and_estimates(folder: Path, run: Command) -> None:
    few = ["--samples", "6", "--max-samples", "6", "--warmup", "1", "--warmup-seconds", "0"]
    names = [folder / name for name in PLAIN if name.endswith((".tflite", ".xml"))]
    run("bench", *names, "--in-process", "--threads", "1", *few, "-o", "rows.jsonl")
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    sizes = [row["model"]["image_size"] for row in rows if "model" in row]
    assert sizes == [[160, 256]] * len(names)
    estimated = ["--board", "rpi4", "--threads", "1", "-o", "board.jsonl"]
    run("bench", folder / f"d0-{SIZE}-int8.tflite", *estimated)
    *_, row = map(json.loads, Path("board.jsonl").read_text().splitlines())
    assert row["how"] == "estimated"
    assert row["model"]["image_size"] == [160, 256]


def test_a_search_within_a_budget(folder: Path, run: Command, tmp_path: Path) -> None:
    size = ["--image-size", "160x96", "--calibration", folder / "pictures", "--to", "tflite"]
    data = ["--data", folder / "pictures", "--max-drop", "100", "--no-parity-report"]
    run("convert", "--int8", "d0", *size, *data, "--threads", "1", "-o", tmp_path)
    assert read_manifest(tmp_path / "d0-160x96-int8.tflite").variant.input_size == (96, 160)


def test_hyperparameters_state_a_wide_training(folder: Path, run: Command, tmp_path: Path) -> None:
    """As google/automl's config.yaml has them: the input is built so without --image-size."""
    (tmp_path / "config.yaml").write_text("image_size: 256x160\n")
    weights = Path(edge_edet.__file__).parent / "assets" / "d0-bccd.safetensors"
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(weights.read_bytes())
    run(
        "convert",
        "--fp32",
        copy,
        "--hparams",
        tmp_path / "config.yaml",
        "--to",
        "tflite",
        "-o",
        tmp_path,
    )
    assert read_manifest(tmp_path / "d0-fp32.tflite").variant.image_size == (160, 256)
