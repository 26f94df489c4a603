"""`edge-edet convert` as a person runs it: what it writes and what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_edet
from edge_edet.converters.checkpoints import random_weights, write_safetensors
from edge_edet.converters.commands.convert import table
from edge_edet.converters.pipeline import ConvertedFile
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.variants import VARIANTS

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = (
    "--to",
    "tflite",
    "--image-size",
    "64",
    "--weights",
    "random",
    "--threads",
    "1",
    "--recipe",
    "minmax",
)
RANDOM_NOTE = "random weights, good for latency only; it detects nothing"


def done(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on stdout of a command that worked."""
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def files_in(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


# --- what it writes ------------------------------------------------------------------------------


def test_several_variants_and_precisions(command: Run, tmp_path: Path) -> None:
    lines = done(
        command(
            "convert",
            "lite0",
            "d0",
            "lite0",
            "--fp32",
            "--fp16",
            "--int8",
            "--int8-dynamic",
            "--fp16",
            "-o",
            "out/models",
            "--json",
            *SMALL,
        )
    )
    rows = [json.loads(line) for line in lines]
    order = ("fp32", "fp16", "int8", "int8-dynamic")
    assert [(row["variant"], row["precision"]) for row in rows] == [
        (variant, precision) for variant in ("lite0", "d0") for precision in order
    ]
    assert files_in(tmp_path / "out") == sorted(
        f"models/{row['variant']}-64-{row['precision']}.tflite" for row in rows
    )
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    for row in rows:
        path = tmp_path / row["path"]
        model, manifest = read_tflite(path), edge_edet.read_manifest(path)
        assert row["size_bytes"] == path.stat().st_size
        assert row["operators"] == len(model.operators)
        assert row["non_integer_operators"] == len(model.non_integer_operators)
        assert (row["non_integer_operators"] == 0) == (row["precision"] == "int8")
        assert row["seconds"] >= 0
        assert (manifest.precision, manifest.variant.name) == (row["precision"], row["variant"])
        assert manifest.variant.image_size == 64
        assert manifest.provenance["weights"]["random"] is True
        assert manifest.provenance["command"].startswith("edge-edet convert lite0 d0")
        assert edge_edet.load(path, threads=1).detect(pixels[0]) is not None
    sizes = {(row["variant"], row["precision"]): row["size_bytes"] for row in rows}
    for variant in ("lite0", "d0"):
        full = sizes[variant, "fp32"]
        assert sizes[variant, "fp16"] < 0.6 * full
        assert sizes[variant, "int8"] < 0.4 * full
        assert sizes[variant, "int8-dynamic"] < 0.4 * full


def test_line_for_people_and_default_folder(command: Run, tmp_path: Path) -> None:
    result = command("convert", "lite0", "--fp32", *SMALL)
    head, line = done(result)
    path = tmp_path / "build/lite0-64-fp32.tflite"
    n, size = len(read_tflite(path).operators), path.stat().st_size / 1e6
    assert head.split("  ")[0] == "file"
    assert head.split()[1:] == ["size", "operators", "in", "float", "time"]
    assert line.split()[:-2] == [
        "build/lite0-64-fp32.tflite",
        f"{size:.1f}",
        "MB",
        str(n),
        "all",
    ]
    assert line.endswith(" s")
    assert len(line) == len(head) <= 80
    assert result.stderr == f"note: lite0: {RANDOM_NOTE}\n"


@pytest.mark.parametrize(
    ("paths", "width"),
    [
        (["build/d0-int8.tflite", "build/d0-int8.xml"], 80),
        (["a/" * 30 + "d0-int8.tflite", "build/d0-int8.xml"], 80),
        (["build/d0-int8.tflite"], 20),
    ],
)
def test_table_keeps_to_its_width_and_cuts_no_path(paths: list[str], width: int) -> None:
    files = [
        ConvertedFile(Path(path), "d0", "tflite", "int8", 5_000_000, 628, 0, None, 12.3)
        for path in paths
    ]
    lines = table(files, width)
    assert "\n".join(lines).count("d0-int8") == len(paths)
    figures = [line for line in lines if line.endswith((" s", "time"))]
    assert len(figures) == len(paths) + 1
    assert len({len(line) for line in figures}) == 1
    if width == 80:
        assert max(map(len, figures)) <= width
    for path in paths:
        assert any(line.startswith(path) for line in lines)


def test_notes_are_said_once(command: Run) -> None:
    result = command("convert", "--int8", "d0", "--fp32", "--weights", "bundled")
    assert [line.split(":")[1] for line in result.stderr.splitlines()] == [
        " no pictures were given, so no parity report"
    ]
    assert len(done(result)) == 5


def test_a_float_model_needs_nothing_of_quantization(tmp_path: Path) -> None:
    code = (
        "import sys, edge_edet\n"
        "found = edge_edet.convert('d0', 'fp32', weights='random', output=sys.argv[1], image_size=64,\n"
        "                          formats=('tflite', 'openvino', 'onnx'))\n"
        "assert len(found.files) == 3\n"
        "print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    unneeded = ("quantize", "calibrate", "search", "inspect")
    loaded = {name for name in result.stdout.split() if name.startswith("edge_edet.converters.")}
    assert not {name for name in loaded if name.split(".")[2] in unneeded}
    assert "edge_edet.converters.write.tflite" in loaded


def test_bundled_is_taken_and_said(command: Run, tmp_path: Path) -> None:
    result = command("convert", "--int8", "d0", "-o", ".")
    _, line, other = done(result)
    assert line.startswith("d0-int8.tflite  ")
    assert line.split()[4] == "0"
    assert other.startswith("d0-int8.xml  ")
    assert " conv  " in other
    assert result.stderr.splitlines()[0] == (
        "note: d0: using the bundled blood-cell weights (RBC, WBC, Platelets); for COCO's classes "
        "run 'edge-edet weights pull d0'"
    )
    assert edge_edet.read_manifest(tmp_path / "d0-int8.tflite").labels == (
        "RBC",
        "WBC",
        "Platelets",
    )


def test_bundled_by_name_says_nothing(command: Run) -> None:
    result = command("convert", "--fp16", "d0", "--weights", "bundled")
    done(result)
    assert result.stderr == ""


def test_labels_and_number_of_classes(command: Run, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\nsmall bird\n")
    done(
        command("convert", "--int8", "lite0", "--num-classes", "3", "--labels", "names.txt", *SMALL)
    )
    path = tmp_path / "build/lite0-64-int8.tflite"
    assert edge_edet.read_manifest(path).labels == ("cat", "dog", "small bird")
    assert read_tflite(path).output_tensors[1].shape[2] == 3


def test_labels_with_their_indices(command: Run, tmp_path: Path) -> None:
    """As Coral and Frigate write them: the indices are no part of the names."""
    (tmp_path / "names.txt").write_text("0 cat\n2 small bird\n")
    arguments = ["--num-classes", "3", "--labels", "names.txt", *SMALL]
    result = command("convert", "--fp32", "lite0", *arguments)
    done(result)
    manifest = edge_edet.read_manifest(tmp_path / "build/lite0-64-fp32.tflite")
    assert manifest.labels == ("cat", None, "small bird")
    assert "note: 'names.txt': each line has its index, such as '0 cat'" in result.stderr


def test_number_of_classes_names_them(command: Run, tmp_path: Path) -> None:
    done(command("convert", "--fp32", "lite0", "--num-classes", "2", *SMALL))
    manifest = edge_edet.read_manifest(tmp_path / "build/lite0-64-fp32.tflite")
    assert manifest.labels == ("class 0", "class 1")


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_suppression_in_the_graph(precision: str, command: Run, tmp_path: Path) -> None:
    done(command("convert", f"--{precision}", "lite0", "--nms", "in-graph", *SMALL))
    path = tmp_path / f"build/lite0-64-{precision}-nms.tflite"
    assert "TFLite_Detection_PostProcess" in read_tflite(path).custom_operators
    assert edge_edet.read_manifest(path).nms == "in-graph"


def test_same_command_same_bytes(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "build/lite0-64-int8.tflite"
    seen = []
    for _ in range(2):
        done(command("convert", "--int8", "lite0", *SMALL))
        seen.append(path.read_bytes())
        path.unlink()
    assert seen[0] == seen[1]
    done(command("convert", "--int8", "lite0", *SMALL, "--seed", "1"))
    assert path.read_bytes() != seen[0]


# --- where weights come from ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def zylo117(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A D0 in zylo117's names: the only family here whose max pools see zeros at the border."""
    from edge_edet.converters.checkpoints.families.zylo117 import ZYLO117

    variant = VARIANTS["d0"].replace(**ZYLO117.changes)
    weights = random_weights(variant, 0)
    tensors: dict[str, Any] = {}
    for name, source in ZYLO117.sources(variant).items():
        if len(source.names) > 1:
            tensors |= dict(zip(source.names, weights[name], strict=True))
        else:
            tensors[source.names[0]] = weights[name]
    path = tmp_path_factory.mktemp("zylo") / "efficientdet-d0.safetensors"
    write_safetensors(path, tensors, {})
    return path


def test_checkpoint_of_zylo117(zylo117: Path, command: Run, tmp_path: Path) -> None:
    done(command("convert", "--fp32", "d0", "--weights", zylo117, "--image-size", "128"))
    path = tmp_path / "build/d0-128-fp32.tflite"
    manifest = edge_edet.read_manifest(path)
    assert manifest.variant.pool_padding == "zero"
    assert manifest.provenance["weights"]["family"] == "zylo117"
    assert "PAD" in {op.name for op in read_tflite(path).operators}


def test_checkpoint_of_effdet_is_known_as_the_bundled_one(
    shared: Path, command: Run, tmp_path: Path
) -> None:
    """The same weights in another file: labels, padding colour and calibration are known."""
    path = shared / "weights/d0-bccd.pth"
    result = command("convert", "--int8", "d0", "--weights", path)
    done(result)
    assert "bundled" not in result.stderr
    manifest = edge_edet.read_manifest(tmp_path / "build/d0-int8.tflite")
    assert manifest.labels == ("RBC", "WBC", "Platelets")
    assert manifest.variant.pad_rgb == (0, 0, 0)
    assert manifest.provenance["weights"]["name"] == "d0-bccd.pth"
    assert manifest.provenance["weights"]["family"] == "effdet"
    assert manifest.provenance["calibration"]["images"] == 205


def test_checkpoint_of_automl_calibrated_on_a_folder(
    shared: Path, smears: Path, command: Run, tmp_path: Path
) -> None:
    result = command(
        "convert",
        "--int8",
        "d0",
        "--weights",
        shared / "reference/checkpoints/automl_d0.h5",
        "--calibration",
        smears,
        "--calibration-images",
        "2",
        "--image-size",
        "128",
        "--recipe",
        "minmax",
    )
    done(result)
    manifest = edge_edet.read_manifest(tmp_path / "build/d0-128-int8.tflite")
    assert manifest.provenance["weights"]["family"] == "automl"
    assert manifest.provenance["calibration"]["images"] == 2
    assert manifest.provenance["calibration"]["source"] == smears.name
    assert len(manifest.labels) == 90


def test_calibrate_then_convert_with_the_record(smears: Path, command: Run, tmp_path: Path) -> None:
    common = ("--weights", "bundled", "--image-size", "128", "--threads", "1")
    pictures = ("--calibration", smears, "--calibration-images", "2")
    line, other = done(command("calibrate", "d0", *pictures, *common))
    assert line.startswith("build/d0.calibration  ")
    assert "  2 pictures  digest " in line
    assert other.startswith("build/d0.corrections  ")
    assert "  recipe reconstructed  digest " in other
    done(
        command(
            "convert",
            "d0",
            "--int8",
            "--calibration",
            "build/d0.calibration",
            *common,
            "--recipe",
            "minmax",
        )
    )
    manifest = edge_edet.read_manifest(tmp_path / "build/d0-128-int8.tflite")
    assert manifest.provenance["calibration"]["digest"].startswith(line.rsplit(" ", 1)[1])
    refusal = command("convert", "d0", "--int8", "--calibration", "build/d0.calibration")
    assert refusal.returncode == 2
    assert "is for d0 at 128 pixels and the model is d0 at 512" in refusal.stderr
