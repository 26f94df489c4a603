"""What `edge-edet convert` and `calibrate` refuse: one line, and nothing is left behind."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights, write_safetensors
from edge_edet.converters.weights.source import asset
from edge_edet.variants import VARIANTS

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def files_in(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of things to be refused."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "hostile.pth").write_bytes(pickle.dumps(Hostile(), 2))
    whole = asset("d0-bccd.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:1_000_000])
    weights = random_weights(VARIANTS["d0"], 0)
    write_safetensors(folder / "trained.safetensors", weights, {})
    trained = (folder / "trained.safetensors").read_bytes()
    write_safetensors(folder / "tf_efficientdet_d7.safetensors", {"a": np.zeros(1, np.float32)}, {})
    (folder / "nan.safetensors").write_bytes(trained[:-2] + b"\x00\x7e")  # the last number
    (folder / "two.txt").write_text("a\nb\n")
    (folder / "file").write_text("")
    (folder / "empty").mkdir()
    (folder / "pictures").mkdir()
    (folder / "pictures" / "bad.jpg").write_text("no picture")
    (folder / "not.calibration").write_text("no record")
    return folder


# arguments, where a path into the fixture's folder begins with @; exit status; what stderr says
REFUSED: dict[str, tuple[str, int, str]] = {
    "variant": ("d9 --int8", 2, "unknown variant 'd9': known are d0, d1, "),
    "second variant": ("d0 d9 --fp32", 2, "unknown variant 'd9'"),
    "no variant": ("--int8", 2, "the following arguments are required: VARIANT"),
    "no precision": ("d0", 2, "say which precision to write: --int8, --fp16, --fp32, --int8-dyn"),
    "recipe beside a budget": (
        "d0 --int8 --recipe mse --max-drop 1 --data @pictures",
        2,
        "--max-drop chooses among the recipes itself, which --recipe mse contradicts",
    ),
    "precision": ("d0 --int4", 2, "unknown arguments '--int4'"),
    "nms": ("d0 --int8 --nms soft", 2, "argument --nms: invalid choice: 'soft'"),
    "recipe": ("d0 --int8 --recipe best", 2, "unknown recipe 'best': known are tflite: "),
    "size no multiple": ("d0 --fp32 --image-size 500", 2, "'500': expected multiples of 32 from"),
    "size too small": ("d0 --fp32 --image-size 32", 2, "multiples of 32 from 64 to 4096"),
    "size too large": ("d0 --fp32 --image-size 65536", 2, "multiples of 32 from 64 to 4096"),
    "size negative": (
        "d0 --fp32 --image-size -64",
        2,
        "'-64' is no size of an input: expected 512",
    ),
    "size zero": ("d0 --fp32 --image-size 0", 2, "'0': expected multiples of 32 from 64 to 4096"),
    "size no number": (
        "d0 --fp32 --image-size big",
        2,
        "'big' is no size of an input",
    ),
    "size with a side of none": ("d0 --fp32 --image-size 512x0", 2, "'512x0': expected multiples"),
    "size with an odd side": ("d0 --fp32 --image-size 512x380", 2, "'512x380': expected multiples"),
    "size huge": (
        "d0 --fp32 --image-size 512x99999",
        2,
        "as in 512, 512x384 (width x height), 16:9 or auto",
    ),
    "size too flat": (
        "d0 --fp32 --image-size 512x64",
        2,
        "the shorter side of d0 must be at least 96",
    ),
    "size too flat for d7x": (
        "d7x --fp32 --weights random --image-size 512x128",
        2,
        "the shorter side of d7x must be at least 160",
    ),
    "ratio of nothing": ("d0 --fp32 --image-size 16:0", 2, "'16:0' is no ratio of sides"),
    "ratio that leaves no anchors": (
        "d0 --fp32 --image-size 100:1",
        2,
        "--image-size 100:1 of d0: 512x32",
    ),
    "seed negative": ("d0 --fp32 --weights random --seed -1", 2, "-1 is negative"),
    "threads zero": ("d0 --fp32 --threads 0", 2, "0 is not positive"),
    "no weights at hand": (
        "d1 --fp32",
        2,
        "no weights for d1: get the official ones with 'edge-edet weights pull "
        "d1', give a checkpoint with --weights FILE, or, to measure latency only, --weights random",
    ),
    "official not pulled": ("d0 --fp32 --weights official", 2, "run 'edge-edet weights pull d0'"),
    "bundled of another": ("d1 --fp32 --weights bundled", 2, "no weights of d1 are bundled, only"),
    "weights nowhere": ("d0 --fp32 --weights no.pth", 2, "no.pth: cannot be read: No such file"),
    "weights of another": (
        "d1 --fp32 --weights @trained.safetensors",
        2,
        "it looks like d0, name that variant",
    ),
    "weights cut off": ("d0 --fp32 --weights @cut.safetensors", 2, "cut.safetensors: "),
    "weights NaN": ("d0 --fp32 --weights @nan.safetensors", 2, "has a NaN or an infinite number"),
    "weights hostile": ("d0 --fp32 --weights @hostile.pth", 2, "hostile.pth: "),
    "weights text": ("d0 --fp32 --weights @two.txt", 2, "two.txt: is not a checkpoint"),
    "weights folder": ("d0 --fp32 --weights @empty", 2, "is a folder without a TensorFlow check"),
    "classes": ("d0 --fp32 --num-classes 5", 2, "was trained for 3 classes and --num-classes says"),
    "classes by a configuration": (
        "d0 --fp32 --weights @trained.safetensors --hparams num_classes=3,image_size=512",
        2,
        "'trained.safetensors' has 90 classes, --hparams num_classes=3,image_size=512 says 3: is it",
    ),
    "named as a variant of the same tensors": (
        "d6 --fp32 --weights @tf_efficientdet_d7.safetensors",
        2,
        "another input size and other anchors",
    ),
    "labels count": (
        "d0 --fp32 --labels @two.txt",
        2,
        "two.txt' has 2 labels, the weights have 3 classes",
    ),
    "labels nowhere": ("d0 --fp32 --labels no.txt", 2, "cannot read labels from 'no.txt'"),
    "labels binary": ("d0 --fp32 --labels @cut.safetensors", 2, "cannot read labels from"),
    "INT8 without pictures": (
        "d0 --int8 --weights @trained.safetensors",
        2,
        "INT8 of trained.safetensors needs "
        "calibration pictures: give some 100 that look like what the model will see, with "
        "--calibration DIR",
    ),
    "INT8 at another size": ("d0 --int8 --image-size 256", 2, "needs calibration pictures"),
    "record of others": (
        f"d0 --int8 --weights @trained.safetensors --calibration {asset('d0-bccd.calibration')}",
        2,
        "was taken from other weights of d0",
    ),
    "no record": (
        "d0 --int8 --calibration @not.calibration",
        2,
        "is neither a folder of pictures nor",
    ),
    "no pictures": ("d0 --int8 --calibration @empty", 2, "no pictures in folder "),
    "no folder": ("d0 --int8 --calibration nowhere", 2, "'nowhere' is not there"),
    "bad picture": ("d0 --int8 --calibration @pictures", 2, "bad.jpg"),
    "output is a file": ("d0 --fp32 -o @file", 2, "cannot write into"),
    "output below a file": ("d0 --fp32 -o @file/deeper", 2, "cannot write into"),
    "output is no place": ("d0 --fp32 -o /proc/nowhere", 1, "/proc/nowhere"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_is_one_line_and_leaves_nothing(
    name: str, inputs: Path, command: Run, tmp_path: Path
) -> None:
    arguments, status, text = REFUSED[name]
    before = files_in(inputs)
    result = command("convert", *(f"{arguments}".replace("@", f"{inputs}/").split()))
    lines = result.stderr.splitlines()
    (error,) = [line for line in lines if not line.startswith("note: ")]
    assert error.startswith("edge-edet: error: ")
    assert text in error
    assert "Traceback" not in result.stderr
    assert (result.returncode, result.stdout) == (status, "")
    assert files_in(tmp_path) == []
    assert files_in(inputs) == before
    assert not (tmp_path / "pwned").exists()


def test_calibrate_refuses_what_has_no_meaning(command: Run, smears: Path, tmp_path: Path) -> None:
    for arguments, text in (
        (("d0",), "say which pictures to calibrate on: --calibration DIR"),
        (("d0", "--calibration", smears, "--weights", "random"), "random weights have no stat"),
        (("d0", "--calibration", tmp_path), "no pictures in folder"),
    ):
        result = command("calibrate", *arguments)
        assert result.returncode == 2
        assert text in result.stderr
        assert files_in(tmp_path) == []
