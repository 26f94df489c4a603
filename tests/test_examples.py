"""The examples run as they stand, on drawn pictures and the bundled D0."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import edge_edet
from edge_edet.converters.weights import asset

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MOST_LINES = 40
OBJECTS = 12  # of 0.5 or more in the drawn smear


def python(folder: Path, *arguments: object) -> str:
    result = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def example(folder: Path, name: str, *arguments: object) -> list[str]:
    """The lines that it prints."""
    return python(folder, ROOT / "examples" / f"{name}.py", *arguments).splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With smears 1.png and 2.png in pictures/, and the bundled D0 in float and INT8."""
    folder = tmp_path_factory.mktemp("examples")
    for number in (1, 2):
        python(folder, "-m", "edge_edet.demo_picture", f"pictures/{number}.png")
    convert = ("-m", "edge_edet", "convert", "d0", "--weights", "bundled", "--to", "tflite")
    python(folder, *convert, "--int8", "--fp32", "-o", "build")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    return folder / "build" / "d0-int8.tflite"


def test_every_example_is_short_and_listed() -> None:
    listed = (ROOT / "examples" / "README.md").read_text("utf-8")
    for path in EXAMPLES:
        assert len(path.read_text("utf-8").splitlines()) < MOST_LINES, path.name
        assert f"`{path.name} " in listed
    assert len(re.findall(r"^\| `", listed, re.MULTILINE)) == len(EXAMPLES)


def test_detect_picture(folder: Path, model: Path) -> None:
    lines = example(folder, "detect_picture", model, "pictures/1.png")
    assert len(lines) == OBJECTS
    assert lines[0].startswith("WBC 0.9")


def test_detect_folder(folder: Path, model: Path) -> None:
    (folder / "pictures" / "broken.png").write_bytes(b"no picture")
    try:
        lines = [json.loads(line) for line in example(folder, "detect_folder", model, "pictures")]
    finally:
        (folder / "pictures" / "broken.png").unlink()
    assert [line["picture"] for line in lines] == ["1.png", "2.png"]
    assert all(line["objects"] for line in lines)


@pytest.mark.skipif("convert" not in edge_edet.__all__, reason="edge_edet.convert is not there yet")
def test_convert_checkpoint(folder: Path) -> None:
    checkpoint = asset("d0-bccd.safetensors")
    lines = example(folder, "convert_checkpoint", checkpoint, "pictures", "own")
    (written,) = (line for line in lines if "int8.tflite: " in line)
    assert re.search(r"d0-int8.tflite: 5\.\d MB, \d+ operators$", written)
    assert (folder / "own" / "d0-fp32.tflite").is_file()


def test_compare_int8(folder: Path, model: Path) -> None:
    (line,) = example(
        folder, "compare_int8", model, "build/d0-fp32.tflite", "pictures/1.png", "pictures/2.png"
    )
    kept, wanted = map(int, re.findall(r"\d+", line))
    assert wanted >= 2 * OBJECTS - 4
    assert wanted - 1 <= kept <= wanted


def test_own_postprocessing_finds_what_detect_finds(folder: Path, model: Path) -> None:
    ours = example(folder, "detect_picture", model, "pictures/1.png")
    own = example(folder, "own_postprocessing", model, "pictures/1.png")
    assert [line.split()[0] for line in own] == [line.split()[0] for line in ours]
    assert [float(line.split()[1]) for line in own] == pytest.approx(
        [float(line.split()[1].rstrip(":")) for line in ours], abs=0.011
    )


def test_mediapipe_detect(folder: Path) -> None:
    try:
        from mediapipe.tasks.python import vision  # noqa: F401  loaded for its effect
    except (ImportError, OSError) as error:
        reason = f"MediaPipe cannot be imported: {error}"
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    convert = ("-m", "edge_edet", "convert", "d0", "--weights", "bundled", "--to", "tflite")
    python(folder, *convert, "--int8", "--nms", "in-graph", "-o", "nms")
    lines = example(folder, "mediapipe_detect", "nms/d0-int8-nms.tflite", "pictures/1.png")
    assert len(lines) >= OBJECTS
    assert lines[0].startswith("WBC 0.9")


def test_row_medians(folder: Path, model: Path) -> None:
    bench = ("-m", "edge_edet", "bench", model, "--samples", "6", "--max-samples", "6")
    python(folder, *bench, "--warmup", "0", "--warmup-seconds", "0", "-o", "rows.jsonl")
    estimate = ("-m", "edge_edet", "bench", model, "--board", "rpi4", "--threads", "1")
    python(folder, *estimate, "-o", "rows.jsonl")
    measured, estimated = example(folder, "row_medians", "rows.jsonl")
    assert re.fullmatch(r"d0-int8.tflite on .+, n=6, ms: decode .+ end_to_end [\d.]+", measured)
    assert estimated == "d0-int8.tflite on Raspberry Pi 4 Model B: estimated"
