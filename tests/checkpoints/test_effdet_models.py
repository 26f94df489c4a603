"""effdet's own efficientdet_d0 to d3 and lite0 (0.4.1, model_config.py), and its other networks."""

from __future__ import annotations

import re

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights, read_checkpoint, write_safetensors
from edge_edet.converters.checkpoints.families.effdet import EFFDET
from edge_edet.converters.checkpoints.families.effdet_models import (
    PYTORCH_EPSILON,
    REDUNDANT,
    effdet_family,
    notes_on_name,
)
from edge_edet.converters.weights.find import find_weights
from edge_edet.errors import CheckpointError
from edge_edet.network.architecture import BATCH_NORM_EPSILON, parameter_shapes
from edge_edet.variants import IMAGENET_MEAN, IMAGENET_STD, VARIANTS

D0, LITE0 = VARIANTS["d0"], VARIANTS["lite0"]


def without_biases(weights):
    return {name: array for name, array in weights.items() if not REDUNDANT.search(name)}


def by_level(weights):
    """As effdet has them with head_bn_level_first, or after toggle_head_bn_level_first."""
    return {
        re.sub(r"(bn_rep)\.(\d+)\.(\d+)\.bn\.", r"\1.\3.\2.", name): array
        for name, array in weights.items()
    }


def own_lite0():
    """effdet's efficientdet_lite0: weighted fusion, batch norms by level."""
    return by_level(without_biases(random_weights(LITE0.replace(fusion="fast"), 3)))


def read(folder, tensors, name="d0"):
    path = folder / f"efficientdet_{name}.safetensors"
    write_safetensors(path, tensors, {}, np.float32)
    return read_checkpoint(path, VARIANTS[name])


@pytest.fixture(scope="module")
def weights():
    return random_weights(D0, 3)


def test_a_file_without_redundant_biases_pads_as_pytorch_does(tmp_path, weights, write):
    stored = without_biases(weights)
    assert len(weights) - len(stored) == 36
    tensors = {f"model.{name}": array for name, array in stored.items()}
    checkpoint = read_checkpoint(
        write.state(tmp_path / "efficientdet_d0-f3276ba8.pth", tensors), D0
    )
    assert checkpoint.family == "effdet"
    assert checkpoint.variant == D0.replace(conv_padding="symmetric", pool_padding="symmetric")
    assert checkpoint.notes == ()
    assert list(checkpoint.weights) == list(parameter_shapes(D0))
    for name, array in checkpoint.weights.items():
        if REDUNDANT.search(name):
            assert not array.any()
        elif not (name.startswith("backbone.") and re.search(r"\.bn\d\.weight$", name)):
            np.testing.assert_array_equal(array, weights[name], name)


def test_its_backbone_divides_by_pytorchs_epsilon(tmp_path, weights):
    stored = without_biases(weights) | {"backbone.bn1.running_var": np.full(32, 2e-4, np.float32)}
    found = read(tmp_path, stored).weights
    for name in ("backbone.bn1", "backbone.blocks.3.1.bn2", "fpn.resample.3.conv.bn"):
        gamma, variance = (stored[f"{name}.{leaf}"] for leaf in ("weight", "running_var"))
        epsilon = PYTORCH_EPSILON if name.startswith("backbone") else BATCH_NORM_EPSILON
        np.testing.assert_allclose(
            found[f"{name}.weight"] / np.sqrt(found[f"{name}.running_var"] + BATCH_NORM_EPSILON),
            gamma / np.sqrt(variance + epsilon),
            rtol=1e-6,
        )


def test_a_file_with_the_biases_pads_as_tensorflow_does(tmp_path, weights):
    checkpoint = read(tmp_path, weights)
    assert checkpoint.variant == D0
    np.testing.assert_array_equal(
        checkpoint.weights["backbone.bn1.weight"], weights["backbone.bn1.weight"]
    )


@pytest.mark.parametrize("kept", ["fpn.cell.1.fnode.2.after_combine.conv.conv_pw.bias", None])
def test_some_of_the_biases_are_refused(tmp_path, weights, kept):
    first = "class_net.conv_rep.0.conv_pw.bias"
    stored = {n: a for n, a in weights.items() if n != first}
    if kept is not None:
        stored = without_biases(weights) | {kept: weights[kept]}
    with pytest.raises(CheckpointError, match=r"does not fit d0.*missing .*\.bias \(64,\)"):
        read(tmp_path, stored)


@pytest.mark.parametrize("biases", [True, False])
def test_batch_norms_of_the_heads_by_level(tmp_path, weights, biases):
    stored = weights if biases else without_biases(weights)
    found = read(tmp_path, by_level(stored)).weights
    for name, array in weights.items():
        if ".bn_rep." in name:
            np.testing.assert_array_equal(found[name], array, name)


def test_batch_norms_in_both_orders_are_refused(tmp_path, weights):
    with pytest.raises(
        CheckpointError, match=r"bn_rep\.\S+ more than once, by level and by repeat"
    ):
        read(tmp_path, weights | by_level(weights))


def test_lite0_comes_with_its_own_settings(tmp_path):
    """model_config.py: not only the padding differs from tf_efficientdet_lite0."""
    checkpoint = read(tmp_path, own_lite0(), "lite0")
    assert checkpoint.model == "effdet's efficientdet_lite0"  # of what is assumed
    variant = checkpoint.variant
    assert (variant.conv_padding, variant.pool_padding) == ("symmetric", "ignore")
    assert (variant.fusion, variant.anchor_scale, variant.image_size) == ("fast", 4.0, 384)
    assert (variant.mean, variant.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert variant.activation == "relu6"


@pytest.mark.parametrize(("asked", "size"), [(None, 384), (320, 320), (512, 512)])
def test_the_image_size_that_is_asked_for_is_taken(tmp_path, asked, size):
    read(tmp_path, own_lite0(), "lite0")
    path = str(tmp_path / "efficientdet_lite0.safetensors")
    assert find_weights("lite0", path, 0, None, asked).variant.image_size == size


def test_the_right_variant_is_named(tmp_path):
    own = without_biases(random_weights(VARIANTS["d1"], 3))
    for name in ("d0", "d4", "lite0"):
        with pytest.raises(CheckpointError, match=r"efficientdet_d1, name the variant d1$"):
            read(tmp_path, own, name)
    with pytest.raises(CheckpointError, match=r"efficientdet_lite0, name the variant lite0$"):
        read(tmp_path, own_lite0(), "d0")


def test_a_model_that_effdet_does_not_have_is_refused(tmp_path):
    own = without_biases(random_weights(VARIANTS["lite1"], 3))
    with pytest.raises(
        CheckpointError, match=r"has no such lite1, so its other settings are not known"
    ):
        read(tmp_path, own, "lite1")


def test_a_name_that_contradicts_the_biases_is_refused(tmp_path, weights):
    """`create_model("tf_efficientdet_d0", redundant_bias=False)` is possible: nobody can distinguish them."""
    path = tmp_path / "tf_efficientdet_d0.safetensors"
    write_safetensors(path, without_biases(weights), {}, np.float32)
    with pytest.raises(
        CheckpointError, match=r"is named tf_efficientdet_d0, which pads .* rename it$"
    ):
        read_checkpoint(path, D0)


@pytest.mark.parametrize(
    ("name", "said"),
    [("efficientdet_d4", True), ("tf_efficientdet_d4", False), ("efficientdet_d0", False)],
)
def test_a_name_without_tf_is_told_where_the_tensors_are_the_same(name, said):
    notes = notes_on_name(f"{name}-12345678.pth", EFFDET, VARIANTS[name[-2:]])
    assert [note.startswith("read as tf_efficientdet_d4: effdet's") for note in notes] == [
        True
    ] * said


# Read off state dicts of effdet 0.4.1 with timm 1.0.31: a name, its shape where that matters, what it is.
OTHERS = [
    ("backbone.layer1.0.conv1.weight", (64, 64, 1, 1), "a ResNet backbone, as effdet's resdet50"),
    ("backbone.stem_conv1.conv.weight", (64, 3, 7, 7), "a CSPNet backbone"),
    ("backbone.blocks.1.0.conv_dw.2.weight", (48, 1, 7, 7), "a MixNet backbone"),
    ("backbone.blocks.0.0.conv_exp.weight", (96, 32, 3, 3), "efficientdetv2_*"),
    ("backbone.blocks.6.0.conv.weight", (960, 160, 1, 1), "a MobileNetV3 backbone"),
    ("backbone.blocks.2.0.conv_dw.weight", (144, 1, 3, 3), "a MobileNetV2 backbone"),
    ("fpn.cell.0.fnode.20.combine.edge_weights", (2,), "efficientdet_q0 to q2"),
    ("fpn.resample.3.conv.conv.weight", (80, 1152, 1, 1), "efficientdet_w0"),
    ("class_net.predict.conv.weight", (810, 88, 3, 3), "heads of plain 3x3 convolutions"),
]


@pytest.mark.parametrize(("name", "shape", "what"), OTHERS, ids=[row[2] for row in OTHERS])
def test_other_networks_are_named(tmp_path, weights, name, shape, what):
    stored = without_biases(weights) | {name: np.zeros(shape, np.float32)}
    with pytest.raises(CheckpointError, match=re.escape(what)) as caught:
        read(tmp_path, stored)
    assert "efficientdet_d0 to d3 and efficientdet_lite0 are read" in str(caught.value)


@pytest.mark.parametrize("name", VARIANTS)
def test_no_port_of_tensorflows_is_taken_for_another(name):
    shapes = parameter_shapes(VARIANTS[name])
    tensors = {n: np.broadcast_to(np.float32(0.5), shape) for n, shape in shapes.items()}
    family, found = effdet_family(VARIANTS[name], tensors)
    assert family is EFFDET
    assert found.keys() == tensors.keys()
