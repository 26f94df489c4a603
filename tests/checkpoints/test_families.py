"""Every family and variant maps onto the canonical tensors, and misfits are explained."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights, read_checkpoint, write_safetensors
from edge_edet.converters.checkpoints.families.automl import AUTOML
from edge_edet.converters.checkpoints.families.effdet import EFFDET
from edge_edet.converters.checkpoints.families.zylo117 import ZYLO117
from edge_edet.converters.checkpoints.mapping import assemble
from edge_edet.errors import CheckpointError
from edge_edet.network.architecture import parameter_shapes
from edge_edet.variants import VARIANTS, get_variant

D0 = get_variant("d0")


def _as_family(family, variant, weights):
    """The weights under the family's names, in its layout."""
    tensors = {}
    for name, source in family.sources(variant).items():
        if len(source.names) > 1:
            tensors |= dict(zip(source.names, weights[name], strict=True))
        elif source.axes:
            tensors[source.names[0]] = weights[name].transpose(np.argsort(source.axes))
        else:
            tensors[source.names[0]] = weights[name]
    return tensors


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (family, name)
        for family in (EFFDET, AUTOML, ZYLO117)
        for name, variant in VARIANTS.items()
        if not (family is ZYLO117 and variant.lite)  # it has no lite models
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_tensor_has_one_source(family, name):
    variant = VARIANTS[name]
    sources = family.sources(variant)
    assert list(sources) == list(parameter_shapes(variant))
    names = [name for source in sources.values() for name in source.names]
    assert len(set(names)) == len(names)
    assert all(family.marks.search(name) or "resample_p6" in name for name in names if "/" in name)


@pytest.mark.parametrize("family", ["automl", "zylo117"])
def test_the_names_are_the_true_ones(shared, family):
    listing = json.loads((shared / f"reference/checkpoints/{family}_d0_names.json").read_text())
    kind = {"automl": AUTOML, "zylo117": ZYLO117}[family]
    expected = {
        name: list(source.shape) for source in kind.sources(D0).values() for name in source.names
    }
    assert expected == {n: s for n, s in listing.items() if not n.endswith("num_batches_tracked")}


# Read off the source of the two implementations for variants whose listing is not at hand.
@pytest.mark.parametrize(
    ("family", "variant", "canonical", "theirs"),
    [
        (
            AUTOML,
            "d1",
            "backbone.blocks.0.1.conv_pw.weight",
            "efficientnet-b1/blocks_1/conv2d/kernel",
        ),
        (
            AUTOML,
            "d1",
            "backbone.blocks.0.1.bn2.weight",
            "efficientnet-b1/blocks_1/tpu_batch_normalization_1/gamma",
        ),
        (
            AUTOML,
            "d7",
            "backbone.blocks.1.0.bn1.bias",
            "efficientnet-b6/blocks_3/tpu_batch_normalization/beta",
        ),
        (
            AUTOML,
            "d7x",
            "backbone.blocks.6.3.bn3.weight",
            "efficientnet-b7/blocks_54/tpu_batch_normalization_2/gamma",
        ),
        (
            AUTOML,
            "d7x",
            "fpn.cell.7.fnode.0.after_combine.conv.conv_dw.weight",
            "fpn_cells/cell_7/fnode0/op_after_combine6/conv/depthwise_kernel",
        ),
        (
            AUTOML,
            "d7x",
            "fpn.cell.0.fnode.4.combine.resample.0.conv.conv.weight",
            "fpn_cells/cell_0/fnode4/resample_0_0_10/conv2d/kernel",
        ),
        (AUTOML, "d7x", "class_net.bn_rep.4.5.bn.weight", "class_net/class-4-bn-8/gamma"),
        (
            AUTOML,
            "lite0",
            "backbone.blocks.1.0.conv_pwl.weight",
            "efficientnet-lite0/blocks_1/conv2d_1/kernel",
        ),
        (AUTOML, "lite3x", "backbone.conv_stem.weight", "efficientnet-lite3/stem/conv2d/kernel"),
        (AUTOML, "lite4", "box_net.predict.conv_dw.weight", "box_net/box-predict/depthwise_kernel"),
        (
            ZYLO117,
            "d1",
            "backbone.blocks.0.1.bn1.weight",
            "backbone_net.model._blocks.1._bn1.weight",
        ),
        (ZYLO117, "d4", "fpn.cell.6.fnode.3.combine.edge_weights", "bifpn.6.p3_w1"),
        (ZYLO117, "d4", "fpn.cell.6.fnode.7.combine.edge_weights", "bifpn.6.p7_w2"),
        (
            ZYLO117,
            "d7",
            "fpn.cell.0.fnode.0.after_combine.conv.bn.weight",
            "bifpn.0.conv6_up.bn.weight",
        ),
        (
            ZYLO117,
            "d7x",
            "fpn.cell.0.fnode.0.after_combine.conv.bn.weight",
            "bifpn.0.conv7_up.bn.weight",
        ),
        (
            ZYLO117,
            "d7x",
            "fpn.cell.0.fnode.9.after_combine.conv.bn.weight",
            "bifpn.0.conv8_down.bn.weight",
        ),
        (
            ZYLO117,
            "d7x",
            "fpn.cell.0.fnode.6.combine.resample.2.conv.conv.bias",
            "bifpn.0.p5_down_channel_2.0.conv.bias",
        ),
        (ZYLO117, "d7x", "box_net.bn_rep.4.5.bn.bias", "regressor.bn_list.5.4.bias"),
    ],
)
def test_names_of_other_variants(family, variant, canonical, theirs):
    assert family.sources(get_variant(variant))[canonical].names == (theirs,)


@pytest.mark.parametrize(
    ("family", "name"),
    [(AUTOML, "d1"), (AUTOML, "lite1"), (ZYLO117, "d2"), (ZYLO117, "d6"), (EFFDET, "lite0")],
    ids=lambda value: getattr(value, "name", value),
)
def test_weights_come_back_from_a_family(tmp_path, family, name):
    variant = get_variant(name).replace(num_classes=4)
    weights = random_weights(variant, 2)
    tensors = _as_family(family, variant, weights)
    if family is ZYLO117 and variant.fusion == "sum":
        tensors["bifpn.0.p6_w1"] = np.ones(2, np.float32)  # its sum has them and leaves them
    write_safetensors(tmp_path / "a.safetensors", tensors, {}, np.float32)
    checkpoint = read_checkpoint(tmp_path / "a.safetensors", get_variant(name))
    assert checkpoint.family == family.name
    assert checkpoint.variant.num_classes == 4
    assert checkpoint.variant.pool_padding == ("zero" if family is ZYLO117 else "ignore")
    for key, array in weights.items():
        np.testing.assert_array_equal(checkpoint.weights[key], array, key)


def test_zylo117_files_are_read(shared, write, tmp_path):
    names = json.loads((shared / "reference/checkpoints/zylo117_d0_names.json").read_text())
    values = write.zylo_values(names)
    checkpoint = read_checkpoint(write.state(tmp_path / "efficientdet-d0.pth", values), D0)
    assert checkpoint.family == "zylo117"
    assert checkpoint.variant == D0.replace(pool_padding="zero")
    for canonical, theirs in {
        "backbone.blocks.1.1.conv_pwl.weight": "backbone_net.model._blocks.2._project_conv.conv.weight",
        "backbone.blocks.0.0.bn2.running_var": "backbone_net.model._blocks.0._bn2.running_var",
        "fpn.resample.3.conv.bn.weight": "bifpn.0.p5_to_p6.1.weight",
        "fpn.cell.0.fnode.2.combine.resample.1.conv.conv.weight": "bifpn.0.p4_down_channel.0.conv.weight",
        "fpn.cell.2.fnode.4.combine.edge_weights": "bifpn.2.p4_w2",
        "class_net.bn_rep.1.3.bn.bias": "classifier.bn_list.3.1.bias",
    }.items():
        np.testing.assert_array_equal(checkpoint.weights[canonical], values[theirs], canonical)


BIAS = "class_net.predict.conv_pw.bias"


def _changed(**changes):
    weights: dict[str, object] = dict(random_weights(D0.replace(num_classes=1), 0))
    for name, value in changes.items():
        if value is None:
            del weights[name]
        else:
            weights[name] = value
    return weights


def _spoiled(name, value):
    weights = _changed()
    weights[name] = weights[name].copy()
    weights[name].flat[0] = value
    return weights


STEM, VARIANCE = "backbone.conv_stem.weight", "backbone.bn1.running_var"


@pytest.mark.parametrize(
    ("tensors", "what"),
    [
        (lambda: _changed(**{STEM: None}), rf"missing {STEM} \(32, 3, 3, 3\)$"),
        (lambda: _changed(extra=np.ones((2, 3))), r"unknown extra \(2, 3\)$"),
        (
            lambda: _changed(**{f"x{i}": np.ones(1) for i in range(9)}),
            r"unknown x0 \(1,\), x1 .*, x4 \(1,\) and 4 more$",
        ),
        (
            lambda: _changed(**{STEM: np.ones((32, 1, 3, 3))}),
            rf"wrong shape {STEM} \(32, 1, 3, 3\) instead of \(32, 3, 3, 3\)$",
        ),
        (lambda: _changed(**{BIAS: None}), f"has no {BIAS}"),
        (lambda: _changed(**{BIAS: np.ones(10)}), r"of shape \(10,\): expected one number for"),
        (lambda: _changed(**{BIAS: np.ones((3, 3))}), "expected one number for"),
        (lambda: _spoiled(STEM, np.nan), f"a NaN or an infinite number in {STEM}"),
        (lambda: _spoiled(STEM, -np.inf), "a NaN or an infinite number"),
        (lambda: _spoiled(VARIANCE, -1e-3), f"a negative variance in {VARIANCE}"),
        (lambda: _changed(**{STEM: np.ones((32, 3, 3, 3), np.int64)}), "as int64: expected float"),
        (lambda: _spoiled(STEM, 1.0) | {STEM: np.full((32, 3, 3, 3), 1e300)}, "infinite number"),
    ],
)
def test_misfits_are_explained(tensors, what):
    with pytest.raises(CheckpointError, match=what) as caught:
        assemble(EFFDET, D0, tensors())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("family", "true", "asked", "looks"),
    [
        (EFFDET, "d1", "d0", "d1"),
        (EFFDET, "d7", "d0", "d6 or d7"),
        (EFFDET, "lite0", "d0", "lite0"),
        (AUTOML, "d2", "d0", "d2"),
        (AUTOML, "lite3x", "lite3", "lite3x"),
        (ZYLO117, "d1", "d7", "d1"),
        (ZYLO117, "d0", "lite0", "d0"),
    ],
)
def test_the_variant_that_a_file_looks_like_is_named(family, true, asked, looks):
    variant = get_variant(true).replace(num_classes=3)
    tensors = {
        name: np.broadcast_to(np.float32(0), source.shape)
        for source in family.sources(variant).values()
        for name in source.names
    }
    with pytest.raises(
        CheckpointError, match=f"does not fit {asked} .*it looks like {looks}, name that variant"
    ):
        assemble(family, get_variant(asked), tensors)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "begins with nothing"),
        (b"hello world", "begins with 68 65 6c 6c 6f"),
        (b"\x89PNG\r\n\x1a\n", "is not a checkpoint"),
    ],
)
def test_other_files_are_refused(tmp_path, data, what):
    path = tmp_path / "weights.dat"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=f"^weights.dat: .*{what}"):
        read_checkpoint(path, D0)


def test_a_device_is_refused(tmp_path):
    (tmp_path / "net.pth").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match="is a device, expected a regular file"):
        read_checkpoint(tmp_path / "net.pth", D0)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"none.pth: cannot be read: No such file"):
        read_checkpoint(tmp_path / "none.pth", D0)


def test_a_foreign_network_is_of_no_known_family(tmp_path):
    path = tmp_path / "resnet.safetensors"
    write_safetensors(path, {"conv1.weight": np.ones((2, 2))}, {})
    with pytest.raises(CheckpointError, match=re.escape("it has conv1.weight (2, 2)")):
        read_checkpoint(path, D0)


def test_one_tensor_under_two_prefixes_is_an_error(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"model.a": np.ones(1), "module.a": np.ones(1)}, {})
    with pytest.raises(CheckpointError, match="has a more than once"):
        read_checkpoint(path, D0)
