"""A checkpoint alone is enough: its variant is found, and what it holds is shown."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_edet.converters import convert
from edge_edet.converters.checkpoints import find_variant, random_weights, write_safetensors
from edge_edet.converters.facts import Fact
from edge_edet.converters.output_formats import leave_out_openvino
from edge_edet.errors import CheckpointError, InputError, MissingExtraError
from edge_edet.variants import VARIANTS, get_variant


def saved(path, name, metadata=None, **changes):
    """Random weights of a variant in a file."""
    variant = VARIANTS[name].replace(num_classes=2, **changes)
    write_safetensors(path, random_weights(variant, 0), metadata or {})
    return path


@pytest.mark.parametrize("name", ["d0", "d1", "lite0", "lite3", "lite3x"])
def test_the_tensors_tell_the_variant(tmp_path, name):
    found = find_variant(saved(tmp_path / "mine.safetensors", name), lambda variant: [])
    assert (found.variant.name, found.variant.num_classes) == (name, 2)


def test_another_number_of_anchors_tells_it_too(tmp_path):
    from edge_edet.converters.facts import TrainingOptions, facts_of_options

    path = saved(tmp_path / "mine.safetensors", "d1", anchor_octaves=(1.0,))
    options = TrainingOptions(scales_per_octave=1)
    assert find_variant(path, lambda v: facts_of_options(options, v)).variant.name == "d1"
    with pytest.raises(CheckpointError, match="has 3 anchors at each position, but 3 scales x 3"):
        find_variant(path, lambda variant: [])


def test_d6_and_d7_are_one_network(tmp_path):
    """The size that something states decides, then the file's name, then its folder's."""
    path = saved(tmp_path / "last.safetensors", "d7")
    with pytest.raises(CheckpointError, match="fits d6 and d7, which are the same network: name"):
        find_variant(path, lambda variant: [])
    for size, name in ((1280, "d6"), (1536, "d7")):
        fact = Fact("--hparams", {"image_size": size})
        assert find_variant(path, lambda variant, fact=fact: [fact]).variant.name == name
    path = path.rename(tmp_path / "efficientdet_d7.safetensors")
    assert find_variant(path, lambda variant: []).variant.name == "d7"


def test_what_is_of_no_variant_is_said(tmp_path):
    weights = random_weights(VARIANTS["d0"].replace(num_classes=2), 0)
    del weights["backbone.bn1.bias"]
    write_safetensors(tmp_path / "mine.safetensors", weights, {})
    with pytest.raises(CheckpointError, match=r"fits none of d0, .* missing backbone.bn1.bias"):
        find_variant(tmp_path / "mine.safetensors", lambda variant: [])
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(CheckpointError, match=r"^text.pth: "):
        find_variant(tmp_path / "text.pth", lambda variant: [])


def test_convert_takes_the_checkpoint_alone(tmp_path, command):
    saved(tmp_path / "mine.safetensors", "lite0", {"labels": '["cat", "dog"]'})
    ran = command("convert", "--fp32", "mine.safetensors", "--to", "tflite", "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.startswith("note: mine.safetensors is a lite0, by its tensors\n")
    assert (tmp_path / "out/lite0-fp32.tflite").is_file()
    ran = command("convert", "--fp32", "mine.safetensors", "--weights", "bundled")
    assert ran.returncode == 2
    assert "'mine.safetensors' is a checkpoint itself: leave --weights bundled out" in ran.stderr


def test_a_model_of_another_checkpoint_is_not_replaced_without_a_word(tmp_path, command):
    for name, labels in (("one", '["a", "b"]'), ("two", '["c", "d"]')):
        saved(tmp_path / f"{name}.safetensors", "lite0", {"labels": labels})
        ran = command("convert", "--fp32", f"{name}.safetensors", "--to", "tflite", "-o", "out")
        assert ran.returncode == 0, ran.stderr
    assert "lite0-fp32.tflite replaces one that was made of one.safetensors" in ran.stderr
    ran = command("convert", "--fp32", "two.safetensors", "--to", "tflite", "-o", "out")
    assert "replaces" not in ran.stderr


def test_two_checkpoints_of_one_variant_are_not_written_over_each_other(tmp_path):
    files = [saved(tmp_path / f"{name}.safetensors", "lite0") for name in "ab"]
    with pytest.raises(
        InputError, match=r"is a lite0 as .*a.safetensors' is, and would be written"
    ):
        convert(files, "fp32", output=tmp_path / "out", formats="tflite")


@pytest.mark.parametrize(
    "name", ["D0", "efficientdet-d0", "EfficientDet-D0", "efficientdet_d0", "tf_efficientdet_d0"]
)
def test_names_as_people_write_them(name):
    assert get_variant(name) is VARIANTS["d0"]


def test_a_name_of_another_network_is_no_variant():
    for name in ("efficientdetv2_ds", "d0_ap", "efficientdet", "efficientdet-d9", ""):
        with pytest.raises(InputError, match="unknown variant"):
            get_variant(name)


def test_inspect_says_what_a_checkpoint_holds(tmp_path, command):
    path = saved(tmp_path / "mine.safetensors", "d0", {"mean": "127.5", "std": "127.5"})
    ran = command("inspect", path)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "mine.safetensors: d0 in effdet's format, 2 classes"
    assert "normalization    mean 127.5, std 127.5" in lines
    assert "classes          no file names them" in lines
    assert lines[-1] == (
        "note: anchors and size taken as the published d0's: the file does not state them"
    )
    facts = json.loads(command("inspect", path, "--json").stdout)
    assert (facts["variant"], facts["family"], facts["classes"]) == ("d0", "effdet", 2)
    assert facts["assumed"] == ["anchors", "size"]
    assert facts["stated_by"]["mean"] == "its metadata"
    ran = command("inspect", path, "--tensors")
    assert ran.returncode == 2
    assert "--tensors needs a model file" in ran.stderr


def test_classes_without_names_are_said_to_be(tmp_path, command):
    saved(tmp_path / "mine.safetensors", "lite0")
    ran = command("convert", "--fp32", "mine.safetensors", "--to", "tflite", "--image-size", 64)
    assert "note: classes are called 'class 0' to 'class 1': no file names them" in ran.stderr
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    ran = command(
        "convert",
        "--fp32",
        "mine.safetensors",
        "--to",
        "tflite",
        "--image-size",
        64,
        "--labels",
        "names.txt",
    )
    assert "classes are called" not in ran.stderr


def test_where_openvino_is_missing_the_rest_is_written(monkeypatch):
    """By default, with a note; an error where an IR was asked for by name."""
    monkeypatch.setattr("edge_edet.runtimes.is_installed", lambda name: False)
    planned = {"int8": ("tflite", "openvino")}
    left, note = leave_out_openvino(planned, None)
    assert left == {"int8": ("tflite",)}
    assert "no OpenVINO IR is written" in note
    with pytest.raises(MissingExtraError, match="openvino: pip install"):
        leave_out_openvino(planned, ("tflite", "openvino"))
    assert leave_out_openvino({"int8": ("tflite",)}, ("tflite",)) == ({"int8": ("tflite",)}, "")


def test_edge_edet_alone_prints_the_help(command):
    ran = command()
    assert ran.returncode == 0
    assert ran.stdout.startswith("usage: edge-edet")
    assert "convert" in ran.stdout


def test_counters_beside_a_model_in_a_tensorflow_checkpoint(tmp_path):
    """tf.train.Checkpoint(model=..., step=...): what is no network is named and passed over."""
    tf = pytest.importorskip("tensorflow")
    from edge_edet.converters.checkpoints.families.automl import AUTOML

    variant = VARIANTS["d0"].replace(num_classes=2, **AUTOML.changes)
    module = tf.Module()
    module.all = [
        tf.Variable(np.full(source.shape, 0.5, np.float32), name=name)
        for source in AUTOML.sources(variant).values()
        for name in source.names
    ]
    checkpoint = tf.train.Checkpoint(
        model=module, step=tf.Variable(7, dtype=tf.int64), best=tf.Variable(0.3)
    )
    checkpoint.save(str(tmp_path / "run/ckpt"))
    found = find_variant(tmp_path / "run", lambda variant: [])
    assert (found.family, found.variant.name) == ("automl", "d0")
    assert "not read, as outside of the network: " in found.notes[-1]
    assert "step" in found.notes[-1]
