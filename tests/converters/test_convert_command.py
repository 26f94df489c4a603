"""`edge-edet convert` as a person runs it: what it writes, what it says, and how it refuses."""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_edet
from edge_edet.converters.checkpoints import random_weights, write_safetensors
from edge_edet.converters.sources import asset
from edge_edet.tflite_file import read_tflite
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
    lines = done(command(
        "convert", "lite0", "d0", "lite0", "--fp32", "--fp16", "--int8", "--int8-dynamic", "--fp16",
        "-o", "out/models", "--json", *SMALL,
    ))  # fmt: skip
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
    (line,) = done(result)
    path = tmp_path / "build/lite0-64-fp32.tflite"
    n, size = len(read_tflite(path).operators), path.stat().st_size / 1e6
    start = f"build/lite0-64-fp32.tflite  {size:.1f} MB  {n} operators, {n} not integer  "
    assert line.startswith(start)
    assert line.endswith(" s")
    assert result.stderr == f"note: lite0: {RANDOM_NOTE}\n"


def test_bundled_is_taken_and_said(command: Run, tmp_path: Path) -> None:
    result = command("convert", "--int8", "d0", "-o", ".")
    line, other = done(result)
    assert line.startswith("d0-int8.tflite  ")
    assert "0 not integer" in line
    assert other.startswith("d0-int8.xml  ")
    assert " convolutions in float  " in other
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
    from edge_edet.converters.checkpoints.family_zylo117 import ZYLO117

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
        "convert", "--int8", "d0", "--weights", shared / "reference/checkpoints/automl_d0.h5",
        "--calibration", smears, "--calibration-images", "2", "--image-size", "128",
        "--recipe", "minmax",
    )  # fmt: skip
    done(result)
    manifest = edge_edet.read_manifest(tmp_path / "build/d0-128-int8.tflite")
    assert manifest.provenance["weights"]["family"] == "automl"
    assert manifest.provenance["calibration"]["images"] == 2
    assert manifest.provenance["calibration"]["source"] == smears.name
    assert len(manifest.labels) == 90


def test_calibrate_then_convert_with_the_record(smears: Path, command: Run, tmp_path: Path) -> None:
    common = ("--weights", "bundled", "--image-size", "128", "--threads", "1")
    pictures = ("--calibration", smears, "--calibration-images", "2")
    (line,) = done(command("calibrate", "d0", *pictures, *common))
    assert line.startswith("build/d0.calibration  ")
    assert "  2 pictures  digest " in line
    done(command("convert", "d0", "--int8", "--calibration", "build/d0.calibration", *common,
                 "--recipe", "minmax"))  # fmt: skip
    manifest = edge_edet.read_manifest(tmp_path / "build/d0-128-int8.tflite")
    assert manifest.provenance["calibration"]["digest"].startswith(line.rsplit(" ", 1)[1])
    refusal = command("convert", "d0", "--int8", "--calibration", "build/d0.calibration")
    assert refusal.returncode == 2
    assert "is for d0 at 128 pixels and the model is d0 at 512" in refusal.stderr


# --- errors --------------------------------------------------------------------------------------


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
    "precision": ("d0 --int4", 2, "unknown arguments '--int4'"),
    "nms": ("d0 --int8 --nms soft", 2, "argument --nms: invalid choice: 'soft'"),
    "recipe": ("d0 --int8 --recipe best", 2, "unknown recipe 'best': known are tflite: "),
    "size no multiple": ("d0 --fp32 --image-size 500", 2, "--image-size 500: expected a multiple"),
    "size too small": ("d0 --fp32 --image-size 32", 2, "a multiple of 32 from 64 to 4096"),
    "size too large": ("d0 --fp32 --image-size 65536", 2, "a multiple of 32 from 64 to 4096"),
    "size negative": ("d0 --fp32 --image-size -64", 2, "-64 is not positive"),
    "size no number": ("d0 --fp32 --image-size big", 2, "invalid positive value: 'big'"),
    "seed negative": ("d0 --fp32 --weights random --seed -1", 2, "-1 is negative"),
    "threads zero": ("d0 --fp32 --threads 0", 2, "0 is not positive"),
    "no weights at hand": (
        "d1 --fp32", 2, "no weights for d1: get the official ones with 'edge-edet weights pull "
        "d1', give a checkpoint with --weights FILE, or, to measure latency only, --weights random",
    ),
    "official not pulled": ("d0 --fp32 --weights official", 2, "run 'edge-edet weights pull d0'"),
    "bundled of another": ("d1 --fp32 --weights bundled", 2, "no weights of d1 are bundled, only"),
    "weights nowhere": ("d0 --fp32 --weights no.pth", 2, "no.pth: cannot be read: No such file"),
    "weights of another": (
        "d1 --fp32 --weights @trained.safetensors", 2, "it looks like d0, name that variant",
    ),
    "weights cut off": ("d0 --fp32 --weights @cut.safetensors", 2, "cut.safetensors: "),
    "weights NaN": ("d0 --fp32 --weights @nan.safetensors", 2, "has a NaN or an infinite number"),
    "weights hostile": ("d0 --fp32 --weights @hostile.pth", 2, "hostile.pth: "),
    "weights text": ("d0 --fp32 --weights @two.txt", 2, "two.txt: is not a checkpoint"),
    "weights folder": ("d0 --fp32 --weights @empty", 2, "is a folder without a TensorFlow check"),
    "classes": ("d0 --fp32 --num-classes 5", 2, "was trained for 3 classes and --num-classes says"),
    "labels count": (
        "d0 --fp32 --labels @two.txt", 2, "two.txt' has 2 labels, the weights have 3 classes",
    ),
    "labels nowhere": ("d0 --fp32 --labels no.txt", 2, "cannot read labels from 'no.txt'"),
    "labels binary": ("d0 --fp32 --labels @cut.safetensors", 2, "cannot read labels from"),
    "INT8 without pictures": (
        "d0 --int8 --weights @trained.safetensors", 2, "INT8 of trained.safetensors needs "
        "calibration pictures: give some 100 that look like what the model will see, with "
        "--calibration DIR",
    ),
    "INT8 at another size": ("d0 --int8 --image-size 256", 2, "needs calibration pictures"),
    "record of others": (
        f"d0 --int8 --weights @trained.safetensors --calibration {asset('d0-bccd.calibration')}", 2,
        "was taken from other weights of d0",
    ),
    "no record": ("d0 --int8 --calibration @not.calibration", 2, "is no calibration record"),
    "no pictures": ("d0 --int8 --calibration @empty", 2, "no pictures in "),
    "no folder": ("d0 --int8 --calibration nowhere", 2, "'nowhere' is no folder of pictures"),
    "bad picture": ("d0 --int8 --calibration @pictures", 2, "bad.jpg"),
    "output is a file": ("d0 --fp32 -o @file", 2, "cannot write into"),
    "output below a file": ("d0 --fp32 -o @file/deeper", 2, "cannot write into"),
    "output is no place": ("d0 --fp32 -o /proc/nowhere", 1, "/proc/nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_is_one_line_and_leaves_nothing(
    name: str, inputs: Path, command: Run, tmp_path: Path
) -> None:
    arguments, status, text = REFUSED[name]
    before = files_in(inputs)
    result = command("convert", *(f"{arguments}".replace("@", f"{inputs}/").split()))
    lines = result.stderr.splitlines()
    (error,) = [
        line for line in lines if not line.startswith(("note: ", "INFO: "))
    ]  # the runtime's
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
        (("d0", "--calibration", tmp_path), "no pictures in"),
    ):
        result = command("calibrate", *arguments)
        assert result.returncode == 2
        assert text in result.stderr
        assert files_in(tmp_path) == []


# --- interrupted, killed, full -------------------------------------------------------------------


def limit_files(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_full_disk_keeps_the_old_file(command: Run, tmp_path: Path) -> None:
    arguments = ("convert", "--fp32", "lite0", *SMALL)
    done(command(*arguments))
    path = tmp_path / "build/lite0-64-fp32.tflite"
    before = path.read_bytes()
    result = command(*arguments, preexec_fn=limit_files(1_000_000))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "edge-edet: error: cannot use 'build/lite0-64-fp32.tflite': file too large"
    )
    assert path.read_bytes() == before
    assert files_in(tmp_path / "build") == [path.name]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("this process may not mount a small file system")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_full_device(command: Run, small_disk: Path) -> None:
    result = command("convert", "--fp32", "lite0", "-o", small_disk, *SMALL)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert f"no space left on device '{small_disk}/lite0-64-fp32.tflite': free some" in last
    assert files_in(small_disk) == []


def test_read_only_device(command: Run, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    result = command("convert", "--fp32", "lite0", "-o", small_disk / "deeper", *SMALL)
    assert result.returncode == 1
    assert "not allowed to use" in result.stderr.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_folder_without_permission(command: Run, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    result = command("convert", "--fp32", "lite0", "-o", folder, *SMALL)
    assert result.returncode == 1
    assert "not allowed to use" in result.stderr.splitlines()[-1]
    assert files_in(folder) == []


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge_edet", *arguments],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"EDGE_EDET_HOME": str(tmp_path / "home")},
    )  # fmt: skip


def test_interrupt_is_one_line(smears: Path, tmp_path: Path) -> None:
    """While it calibrates, which is where people lose patience."""
    process = start(tmp_path, "convert", "--fp32", "--int8", "d0", "--weights", "bundled",
                    "--calibration", str(smears), "--image-size", "1024", "--to", "tflite")  # fmt: skip
    with process:
        assert process.stdout is not None
        assert "fp32" in process.stdout.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.splitlines()[-1]) == (130, "edge-edet: error: interrupted")
    assert "Traceback" not in errors
    assert files_in(tmp_path / "build") == ["d0-1024-fp32.tflite"]


def test_kill_leaves_the_old_file_or_the_new(command: Run, tmp_path: Path) -> None:
    """Killed at moments all over the run, most while it writes."""
    arguments = ("convert", "--fp32", "lite0", *SMALL)
    done(command(*arguments, "--seed", "1"))
    path = tmp_path / "build/lite0-64-fp32.tflite"
    whole = {path.read_bytes()}
    began = time.monotonic()
    done(command(*arguments, "--seed", "2"))
    took = time.monotonic() - began
    whole.add(path.read_bytes())
    assert len(whole) == 2
    for part, seed in ((0.5, "1"), (0.8, "2"), (0.9, "1"), (0.97, "2")):
        with start(tmp_path, *arguments, "--seed", seed) as process:
            time.sleep(part * took)
            process.kill()
        assert path.read_bytes() in whole
    left = [tmp_path / "build" / name for name in files_in(tmp_path / "build")]
    assert all(p == path or p.name.startswith(".") for p in left)  # and nothing that looks whole
    done(command(*arguments, "--seed", "1"))
    assert path.read_bytes() in whole
