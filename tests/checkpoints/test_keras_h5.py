"""Keras `.h5`: the reference checkpoint is read, damaged and hostile files are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_edet.converters.checkpoints import read_checkpoint
from edge_edet.errors import CheckpointError
from edge_edet.variants import get_variant

D0 = get_variant("d0")
h5py = pytest.importorskip("h5py")


@pytest.fixture(scope="module")
def automl(shared):
    return read_checkpoint(shared / "reference/checkpoints/automl_d0.h5", D0)


def test_automl_weights_come_with_their_anchors(automl):
    assert automl.family == "automl"
    assert automl.variant.num_classes == 90
    assert automl.variant.pool_padding == "ignore"
    root = 2**0.5
    np.testing.assert_allclose(
        automl.variant.aspect_ratios, [(1, 1), (root, 1 / root), (1 / root, root)]
    )


def test_automl_tensors_lie_where_their_names_say(automl, shared, write):
    names = json.loads((shared / "reference/checkpoints/automl_d0_names.json").read_text())
    values, weights = write.automl_values(names), automl.weights
    block, cell = "efficientnet-b0/blocks_1", "fpn_cells/cell_0/fnode5"
    cases = {
        "backbone.conv_stem.weight": values["efficientnet-b0/stem/conv2d/kernel"].transpose(
            3, 2, 0, 1
        ),
        "backbone.blocks.1.0.conv_dw.weight": values[
            f"{block}/depthwise_conv2d/depthwise_kernel"
        ].transpose(2, 3, 0, 1),
        "backbone.blocks.1.0.bn3.running_var": values[
            f"{block}/tpu_batch_normalization_2/moving_variance"
        ],
        "backbone.blocks.1.0.se.conv_expand.bias": values[f"{block}/se/conv2d_1/bias"],
        "fpn.cell.0.fnode.5.combine.edge_weights": np.stack(
            [values[f"{cell}/WSM"], values[f"{cell}/WSM_1"], values[f"{cell}/WSM_2"]]
        ),
        "fpn.cell.0.fnode.5.combine.resample.2.conv.bn.bias": values[
            f"{cell}/resample_0_2_10/bn/beta"
        ],
        "class_net.bn_rep.2.4.bn.running_mean": values["class_net/class-2-bn-7/moving_mean"],
        "box_net.predict.conv_pw.weight": values["box_net/box-predict/pointwise_kernel"].transpose(
            3, 2, 0, 1
        ),
    }
    for name, expected in cases.items():
        np.testing.assert_array_equal(weights[name], expected, name)


def _layer(file, name="class_net"):
    return file.create_group(name).create_group(name)


def _soft_link(file, other):
    _layer(file)["bias:0"] = h5py.SoftLink("/elsewhere")


def _external_link(file, other):
    _layer(file)["bias:0"] = h5py.ExternalLink(str(other), "/secret")


def _external_layer(file, other):
    file["class_net"] = h5py.ExternalLink(str(other), "/")


def _external_data(file, other):
    _layer(file).create_dataset("bias:0", (2,), "f4", external=[(str(other), 0, 8)])


def _virtual_data(file, other):
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource(str(other), "secret", (2,))
    _layer(file).create_virtual_dataset("bias:0", layout)


def _huge_data(file, other):
    _layer(file).create_dataset("bias:0", (2**40,), "f4", chunks=(1024,), compression="gzip")


def _loop(file, other):
    group = _layer(file)
    group["again"] = group


def _twice(file, other):
    _layer(file)["bias:0"] = np.ones(2, "f4")
    file.create_group("other").create_group("class_net")["bias:0"] = np.ones(2, "f4")


def _text(file, other):
    _layer(file)["bias:0"] = "text"


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (_soft_link, "a link at"),
        (_external_link, "a link at"),
        (_external_layer, "a link at"),
        (_external_data, "in another file"),
        (_virtual_data, "in another file"),
        (_huge_data, "unpacks to more than"),
        (_loop, "nests its groups"),
        (_twice, "in two layers"),
        (_text, "no tensors"),
        (lambda file, other: None, "no tensors"),
    ],
)
def test_hostile_files_are_errors(tmp_path, build, what):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.ones(2, "f4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        build(file, other)
    with pytest.raises(CheckpointError, match=what) as caught:
        read_checkpoint(tmp_path / "a.h5", D0)
    assert "\n" not in str(caught.value)


def test_damaged_files_are_errors(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        _layer(file)["bias:0"] = np.ones(2, "f4")
    good = path.read_bytes()
    for end in range(8, len(good), 97):
        path.write_bytes(good[:end])
        with pytest.raises(CheckpointError):
            read_checkpoint(path, D0)
        path.write_bytes(good[:end] + bytes([good[end] ^ 0xFF]) + good[end + 1 :])
        with pytest.raises(CheckpointError):
            read_checkpoint(path, D0)
