"""`convert --to openvino` as a person runs it, with NNCF too; what a kill or a full disk leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_edet
from edge_edet.converters.write.model_writer import write_checked
from edge_edet.formats.openvino_ir import read_ir
from edge_edet.manifest import MANIFEST_KEY, read_manifest

pytest.importorskip("openvino")
Run = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = ("--image-size", "64", "--weights", "random", "--threads", "1", "--to", "openvino")


def done(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on stdout of a command that worked."""
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_default_formats_and_what_they_say(command: Run, tmp_path: Path) -> None:
    lines = done(
        command(
            "convert",
            "--int8",
            "lite0",
            "--weights",
            "random",
            "--image-size",
            "64",
            "--threads",
            "1",
            "--recipe",
            "minmax",
            "--json",
        )
    )
    written = [json.loads(line) for line in lines]
    assert [one["format"] for one in written] == ["tflite", "openvino"]
    assert files_in(tmp_path / "build") == [
        "lite0-64-int8.bin",
        "lite0-64-int8.tflite",
        "lite0-64-int8.xml",
    ]
    xml = tmp_path / "build/lite0-64-int8.xml"
    recipe = read_manifest(xml).provenance["recipe"]
    assert (recipe["name"], recipe["float_depthwise"]) == ("channelwise", "backbone")
    assert len(recipe["float_convolutions"]) == written[1]["float_convolutions"] > 0
    assert written[1]["size_bytes"] == sum(
        xml.with_suffix(s).stat().st_size for s in (".xml", ".bin")
    )
    metadata = read_ir(xml).metadata
    assert json.loads(metadata[MANIFEST_KEY])["precision"] == "int8"
    assert metadata["model_info/resize_type"] == b"fit_to_window", "top left, as letterbox() does"
    assert metadata["model_info/labels"].split()[:12:11] == [b"person", b"unused_11"]


def test_the_runtime_takes_it_for_what_it_is(helpers: Any, tmp_path: Path) -> None:
    request = {"variants": ("d0",), "weights": "random", "image_size": 64, "threads": 1}
    for precision in ("fp32", "fp16", "int8"):
        (path,) = helpers.write_models(
            tmp_path, precision, formats=("openvino",), **request
        ).values()
        with edge_edet.load(path, threads=1) as detector:
            detector.detect(np.zeros((48, 64, 3), np.uint8))
            layers = detector.info.layers
        assert layers is not None
        assert (layers["int8"] > 100) == (precision == "int8")


# --- NNCF ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["no pictures", "a record"])
def test_nncf_wants_pictures(command: Run, tmp_path: Path, given: str) -> None:
    record = tmp_path / "d0.calibration"
    record.write_bytes(b"any")
    options = ("--calibration", record) if given == "a record" else ()
    result = command("convert", "--int8", "lite0", *SMALL, "--recipe", "nncf-mixed", *options)
    why = "a calibration record keeps too little for it" if options else "got none"
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"edge-edet: error: recipe 'nncf-mixed' runs the float model on pictures ({why}): give a "
        "folder of them with --calibration DIR"
    ]


def test_nncf_that_is_not_installed(command: Run, tmp_path: Path, smears: Path) -> None:
    """One line before any work; a folder of that name without a module in it stands for it."""
    (tmp_path / "nncf.py").write_text("raise ModuleNotFoundError('gone', name='nncf')")
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "edge_edet",
            "convert",
            "--int8",
            "lite0",
            *SMALL,
            "--recipe",
            "nncf-mixed",
            "--calibration",
            str(smears),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "edge-edet: error: this needs the package nncf: pip install 'edge-edet[nncf]'"
    ]


def test_nncf_states_what_it_did(command: Run, tmp_path: Path, smears: Path) -> None:
    """Preset, ignored layers, what stayed in float; on the streams nothing of NNCF's own."""
    pytest.importorskip("nncf")
    result = command(
        "convert",
        "--int8",
        "d0",
        *SMALL,
        "--recipe",
        "nncf-mixed",
        "--no-parity-report",
        "--calibration",
        smears,
        "--calibration-images",
        "1",
    )
    _, line = done(result)
    assert line.startswith("build/d0-64-int8.xml  ")
    assert "  32 conv  " in line  # in the column "in float"
    assert not [text for text in ("WARNING", "Statistics", "nncf:") if text in result.stderr]
    path = tmp_path / "build/d0-64-int8.xml"
    recipe = read_manifest(path).provenance["recipe"]
    assert (recipe["name"], recipe["tool"], recipe["preset"]) == ("nncf-mixed", "nncf", "mixed")
    assert "backbone/blocks.0.0/se/conv_reduce/convolution" in recipe["ignored_layers"]
    assert set(recipe["float_convolutions"].values()) == {"squeeze-and-excitation"}
    assert len(recipe["float_convolutions"]) == 32
    with edge_edet.load(path, threads=1) as detector:
        assert detector.info.layers is not None
        assert detector.info.layers["int8"] > 100


def test_nncf_gives_the_same_bytes_again(helpers: Any, tmp_path: Path, smears: Path) -> None:
    pytest.importorskip("nncf")
    request = {
        "variants": ("lite0",),
        "weights": "random",
        "image_size": 64,
        "threads": 1,
        "formats": ("openvino",),
        "recipe": "nncf-performance",
        "calibration": smears,
        "calibration_images": 1,
        "parity_report": False,
    }
    paths = [
        helpers.write_models(tmp_path / name, "int8", **request)["int8"] for name in ("a", "b")
    ]
    for suffix in (".xml", ".bin"):
        first, second = (path.with_suffix(suffix).read_bytes() for path in paths)
        assert first == second


# --- two files that belong together ------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, helpers: Any) -> list[dict[str, bytes]]:
    """The same network with two sets of weights: suffix -> file."""
    found = []
    for seed in (1, 2):
        folder = tmp_path_factory.mktemp(f"pair{seed}")
        request = {"variants": ("lite0",), "weights": "random", "image_size": 64, "seed": seed}
        path = helpers.write_models(folder, "fp32", formats=("openvino",), **request)["fp32"]
        found.append({suffix: path.with_suffix(suffix).read_bytes() for suffix in (".bin", ".xml")})
    assert found[0][".bin"] != found[1][".bin"]
    return found


KILLED = """
import os, sys
from pathlib import Path
from edge_edet.converters.write.model_writer import write_checked
step, path, new = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
steps = 0
def counted(real):
    def wrapper(*arguments, **options):
        global steps
        if steps == step:
            os._exit(9)
        steps += 1
        return real(*arguments, **options)
    return wrapper
for name in ("mkdir", "unlink", "replace"):
    setattr(Path, name, counted(getattr(Path, name)))
os.fsync = counted(os.fsync)
files = {suffix: new.with_suffix(suffix).read_bytes() for suffix in (".bin", ".xml")}
write_checked(path, files)
"""


def test_a_kill_at_any_step_leaves_no_wrong_pair(
    pairs: list[dict[str, bytes]], tmp_path: Path
) -> None:
    """The old model, the new one or none: never the graph of one with the weights of the other."""
    new = tmp_path / "new.xml"
    for suffix, data in pairs[1].items():
        new.with_suffix(suffix).write_bytes(data)
    seen = set()
    for step in range(24):
        path = tmp_path / f"kill{step}" / "model.xml"
        write_checked(path, pairs[0])
        command = [sys.executable, "-c", KILLED, str(step), str(path), str(new)]
        status = subprocess.run(command, timeout=60).returncode
        if path.exists():
            whole = {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".bin", ".xml")}
            assert whole in pairs
            seen.add("old" if whole == pairs[0] else "new")
        else:
            seen.add("none")
        if status == 0:
            break
        assert status == 9
    assert status == 0, "the last step was never reached"
    assert seen == {"old", "none", "new"}


def test_a_full_disk_keeps_the_old_pair(
    pairs: list[dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.xml"
    write_checked(path, pairs[0])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_checked(path, pairs[1])
    assert caught.value.filename == str(path)
    assert path.read_bytes() == pairs[0][".xml"]
    assert path.with_suffix(".bin").read_bytes() == pairs[0][".bin"]
    assert hidden(tmp_path) == []


def test_weights_that_do_not_belong_are_never_put_in_place(
    pairs: list[dict[str, bytes]], tmp_path: Path
) -> None:
    path = tmp_path / "model.xml"
    with pytest.raises(edge_edet.ModelFileError):
        write_checked(path, {".bin": pairs[1][".bin"], ".xml": pairs[0][".xml"]})
    assert list(tmp_path.iterdir()) == []
