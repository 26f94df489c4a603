"""ONNX files that are no effdet export, or damaged, or hostile: each is refused with one line."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights, read_checkpoint
from edge_edet.converters.checkpoints.onnx.convolutions import Convolution
from edge_edet.converters.checkpoints.onnx.fusion_weights import fusion_weights
from edge_edet.converters.checkpoints.onnx.graph import OnnxFile
from edge_edet.converters.checkpoints.onnx.match_convolutions import (
    expected_convolutions,
    match_convolutions,
)
from edge_edet.converters.write.onnx.write import write_onnx
from edge_edet.errors import CheckpointError
from edge_edet.manifest import MANIFEST_KEY
from edge_edet.network.build import build_network
from edge_edet.variants import VARIANTS, Variant

onnx = pytest.importorskip("onnx")

exports = runpy.run_path(str(Path(__file__).parent / "golden/onnx_exports.py"))
NARROW, unpack = exports["NARROW"], exports["unpack"]


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., Path]:
    """Writes an export as `change` leaves it: change(onnx.ModelProto)."""

    def write(change: Callable[[Any], None], case: str = "torchscript") -> Path:
        path = unpack(case, tmp_path)
        model = onnx.load(path, load_external_data=False)
        change(model)
        path.write_bytes(model.SerializeToString())
        return path

    return write


def refusal(path: Path, variant: Variant = NARROW) -> str:
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(path, variant)
    assert "\n" not in str(error.value)
    return str(error.value)


def node(model: Any, op: str, number: int = 0) -> Any:
    return [n for n in model.graph.node if n.op_type == op][number]


def tensor(model: Any, name: str) -> Any:
    return next(t for t in model.graph.initializer if t.name == name)


def set_values(model: Any, name: str, change: Callable[[Any], Any]) -> None:
    old = tensor(model, name)
    new = change(onnx.numpy_helper.to_array(old).copy())
    old.CopyFrom(onnx.numpy_helper.from_array(np.asarray(new), name))


def pad_symmetrically(model: Any) -> None:
    pads = next(a for a in node(model, "Conv").attribute if a.name == "pads")
    pads.ints[:] = [1, 1, 1, 1]


def pad_pools_evenly(model: Any) -> None:
    for pool in (n for n in model.graph.node if n.op_type == "MaxPool"):
        kept = [a for a in pool.attribute if a.name != "pads"]
        del pool.attribute[:]
        pool.attribute.extend([*kept, onnx.helper.make_attribute("pads", [1, 1, 1, 1])])


def normalize_inside(model: Any) -> None:
    name = model.graph.input[0].name
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32([2]), "two"))
    for n in model.graph.node:
        n.input[:] = ["halved" if part == name else part for part in n.input]
    model.graph.node.insert(0, onnx.helper.make_node("Div", [name, "two"], ["halved"]))


def resize_linearly(model: Any) -> None:
    """upsample_type='bilinear', as effdet's cspresdext50pan has it."""
    mode = next(a for a in node(model, "Resize").attribute if a.name == "mode")
    mode.s = b"linear"


def pool_by_average(model: Any) -> None:
    """downsample_type='avg'."""
    for pool in (n for n in model.graph.node if n.op_type == "MaxPool"):
        pool.op_type = "AveragePool"
        kept = [a for a in pool.attribute if a.name in ("kernel_shape", "pads", "strides")]
        del pool.attribute[:]
        pool.attribute.extend(kept)


def quantize_stem(model: Any) -> None:
    conv = node(model, "Conv")
    model.graph.node.insert(
        0, onnx.helper.make_node("DequantizeLinear", [conv.input[1], conv.input[2]], ["stem"])
    )
    conv.input[1] = "stem"


def rename_all(model: Any) -> None:
    names = {t.name: f"w{i}" for i, t in enumerate(model.graph.initializer)}
    for t in model.graph.initializer:
        t.name = names[t.name]
    for n in model.graph.node:
        n.input[:] = [names.get(part, part) for part in n.input]


def change_activation(model: Any) -> None:
    for n in model.graph.node:
        if n.op_type == "Sigmoid":
            n.op_type = "Tanh"


def swap_two_operators(model: Any) -> None:
    first, second = model.graph.node[0], model.graph.node[-1]
    kept = onnx.NodeProto()
    kept.CopyFrom(first)
    first.CopyFrom(second)
    second.CopyFrom(kept)


def shorten_stem(model: Any) -> None:
    stem = tensor(model, node(model, "Conv").input[1])
    stem.raw_data = stem.raw_data[:-4]


def lose_a_level(model: Any) -> None:
    last = [n for n in model.graph.node if n.op_type == "Conv"][-1]
    model.graph.node.remove(last)
    model.graph.output.pop()


def spread_fusion(model: Any) -> None:
    for t in list(model.graph.initializer):
        if t.name.startswith("onnx::Relu"):
            set_values(model, t.name, lambda x: x * np.nan)


def set_attribute(name: str, value: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        attributes = node(model, "Conv").attribute
        kept = [a for a in attributes if a.name != name]
        del attributes[:]
        attributes.extend([*kept, onnx.helper.make_attribute(name, value)])

    return change


def flatten_stem(model: Any) -> None:
    set_values(model, node(model, "Conv").input[1], lambda w: w.reshape(-1))


def unstack_fusion(model: Any) -> None:
    for n in model.graph.node:
        if n.op_type == "Concat" and n.name.startswith("/fpn"):
            n.op_type = "Sum"
            n.ClearField("attribute")


def bias_depthwise(model: Any) -> None:
    bias = onnx.numpy_helper.from_array(np.ones(12, np.float32), "ones")
    model.graph.initializer.append(bias)
    for n in model.graph.node:
        if n.op_type == "Conv" and "class_net.conv_rep.0.conv_dw" in n.input[1]:
            n.input.append("ones")


def repeat_operators(model: Any) -> None:
    model.graph.node.extend([node(model, "Conv")] * (50_001 - len(model.graph.node)))


def repeat_convolutions(model: Any) -> None:
    first = node(model, "Conv")
    for number in range(4001):
        extra = model.graph.node.add()
        extra.CopyFrom(first)
        extra.output[0] = f"extra{number}"


def own_head_of_a_level(model: Any) -> None:
    kernels = [n.input[1] for n in model.graph.node if n.op_type == "Conv"]
    folded = [k for k in kernels if k.startswith("onnx::Conv")]
    set_values(
        model, folded[-1], lambda w: w + np.float32(0.1) * np.arange(w.size).reshape(w.shape)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            pad_symmetrically,
            "some of its strided convolutions as PyTorch does, others as TensorFlow",
        ),
        (pad_pools_evenly, "its pools as PyTorch does and its convolutions as TensorFlow does"),
        (normalize_inside, r"changes the picture before the first convolution \(Div\)"),
        (resize_linearly, "resizes feature maps by 'linear': only networks that take the nearest"),
        (pool_by_average, "has an AveragePool: only networks that halve maps by the maximum"),
        (quantize_stem, "whose weight 'stem' is not stored as floating point: export the float"),
        (rename_all, r"has none of effdet's names \(it has w0, w1, w2\)"),
        (change_activation, "has 0 sigmoids, d0 with swish has 68: it was built with another act"),
        (swap_two_operators, "no valid ONNX file: Nodes in a graph must be topologically sorted"),
        (shorten_stem, r"no valid ONNX file: TensorProto .*860 bytes\) is too small"),
        (
            lose_a_level,
            r"is not an EfficientDet: its 137 convolutions end in \[12, 36\] channels; exp",
        ),
        (
            spread_fusion,
            r"fuses fpn.cell.0.fnode.0 with factors \[nan, nan\]: expected fast fusion",
        ),
        (own_head_of_a_level, "has box_net.conv_rep.1.conv_pw that differs from level to level"),
        (set_attribute("strides", [2, 1]), "Conv_.*': expected square strides"),
        (set_attribute("dilations", [2, 2]), "Conv_.*': expected no dilation"),
        (set_attribute("group", 2), "Conv_.*': expected one group, or one for each channel"),
        (flatten_stem, "has a convolution with weight .* of 1 axes"),
        (unstack_fusion, "does not stack the 2 inputs of fpn.cell.0.fnode.0 as effdet does"),
        (bias_depthwise, "has class_net.conv_rep.0.conv_dw that has a bias: effdet's does not"),
        (repeat_operators, "has 50001 operators: the limit is 50000"),
        (repeat_convolutions, "has more than 4000 convolutions"),
        (lambda m: m.graph.ClearField("node"), "is an ONNX file without a graph"),
    ],
)
def test_what_is_not_effdets_float_network_is_refused(
    exported: Callable[..., Path], change: Callable[[Any], None], message: str
) -> None:
    text = refusal(exported(change))
    assert re.search(f"^torchscript.onnx: .*{message}", text), text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "without a graph: it is damaged or empty"),
        (b"\x08\x08\x12\x07pytorch\xff", "is damaged or no ONNX file"),
        (b"PK\x03\x04 and so on", "is damaged or no ONNX file"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    assert message in refusal(tmp_path / "a.onnx")


def test_a_batch_norm_must_be_stored(tmp_path: Path) -> None:
    path = unpack("torchscript_unfolded", tmp_path)
    model = onnx.load(path)
    norm = node(model, "BatchNormalization")
    made = onnx.helper.make_node("Neg", [norm.input[1]], ["negative"])
    norm.input[1] = "negative"
    model.graph.node.insert(0, made)
    onnx.save(model, path)
    assert "has a batch norm without its four constants: '/backbone/" in refusal(path)


def test_a_batch_norm_behind_anything_else_is_not_passed_over(tmp_path: Path) -> None:
    path = unpack("torchscript_unfolded", tmp_path)
    model = onnx.load(path)
    norm = node(model, "BatchNormalization")
    made = onnx.helper.make_node("Neg", [norm.input[0]], ["negative"])
    norm.input[0] = "negative"
    model.graph.node.insert(list(model.graph.node).index(norm), made)
    onnx.save(model, path)
    assert "batch norms, not all of them right behind a convolution: give the file" in refusal(path)


def fused(factors: list[float], kind: Any) -> Any:
    """The weights read from a node that stacks its inputs, each times one constant of that type."""
    make, nodes, tensors = onnx.helper.make_node, [], {}
    for i, factor in enumerate(factors):
        tensors[f"f{i}"] = onnx.numpy_helper.from_array(np.asarray(factor, kind), f"f{i}")
        nodes.append(make("Mul", [f"x{i}", f"f{i}"], [f"m{i}"]))
    nodes.append(make("Concat", [f"m{i}" for i in range(len(factors))], ["stack"], axis=-1))
    file = OnnxFile([*nodes, make("ReduceSum", ["stack"], ["sum"])], tensors, (), {}, [])
    return fusion_weights(file, "sum", len(factors), "fpn.cell.0.fnode.0")


@pytest.mark.parametrize(
    ("total", "kind", "room"),
    [
        (0.9999, np.float32, 1e-6),
        (1.0000001, np.float32, 1e-6),
        (0.9996, np.float16, 1e-3),
        (1.0, np.float16, 1e-3),
        (1.001, np.float16, 2e-3),
    ],
)
def test_fusion_factors_add_up_to_one_within_the_rounding_of_their_type(
    total: float, kind: Any, room: float
) -> None:
    factors = [0.505 * total, 0.495 * total]
    weights = fused(factors, kind).astype(np.float64)
    assert np.allclose(weights / (weights.sum() + 1e-4), factors, rtol=room)


@pytest.mark.parametrize(("total", "kind"), [(1.00001, np.float32), (1.01, np.float16)])
def test_other_factors_are_no_fast_fusion(total: float, kind: Any) -> None:
    with pytest.raises(CheckpointError, match="which add up to a little less than 1"):
        fused([0.505 * total, 0.495 * total], kind)


def test_names_must_be_text(tmp_path: Path) -> None:
    path = unpack("torchscript", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"onnx::Conv_", b"onnx::Con\xff_"))
    assert "is damaged: it has names that are not UTF-8" in refusal(path)


def test_a_truncated_export_is_refused(tmp_path: Path) -> None:
    path = unpack("dynamo", tmp_path)
    path.write_bytes(path.read_bytes()[:-1000])
    assert "is damaged" in refusal(path)


def test_another_variant_is_named(tmp_path: Path) -> None:
    text = refusal(unpack("torchscript", tmp_path), VARIANTS["d0"])
    assert "does not fit d0 as effdet exports it: no convolution is backbone/conv_stem" in text


def test_the_published_variant_that_an_export_looks_like_is_named() -> None:
    found = [
        Convolution("", "", np.zeros(p.shape), None, None, p.stride, p.parents, 0.0)
        for p in expected_convolutions(VARIANTS["d1"])
    ]
    with pytest.raises(
        CheckpointError, match=r"does not fit d0 .* looks like d1, name that variant"
    ):
        match_convolutions(found, VARIANTS["d0"])


def test_another_network_is_refused(tmp_path: Path) -> None:
    weight = onnx.numpy_helper.from_array(np.zeros((8, 3, 3, 3), np.float32), "conv1.weight")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "conv1.weight"], ["y"])],
        "net",
        [value("x", 1, (1, 3, 8, 8))],
        [value("y", 1, (1, 8, 6, 6))],
        [weight],
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "net.onnx")
    expected = (
        "is not an EfficientDet: its 1 convolutions end in [8] channels; expected 36 for boxes"
    )
    assert expected in refusal(tmp_path / "net.onnx")


def test_our_own_models_are_refused(tmp_path: Path) -> None:
    variant = NARROW.replace(num_classes=1)
    graph = build_network(variant, random_weights(variant, 0))
    (tmp_path / "d0.onnx").write_bytes(write_onnx(graph, {MANIFEST_KEY: "{}"}))
    assert "was written by edge-edet: give the checkpoint" in refusal(tmp_path / "d0.onnx")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("../secret", "keeps its weights in '../secret', outside of its own folder"),
        ("/etc/passwd", "keeps its weights in '/etc/passwd', outside of its own folder"),
        ("a/../../secret", "outside of its own folder"),
        ("..\\secret", "outside of its own folder"),
        ("link", "outside of its own folder"),
        ("", "outside of its own folder"),
        ("none.data", "in 'none.data', which is not beside it: copy both files"),
        ("folder", "keeps its weights in 'folder', which is a folder, expected a regular file"),
    ],
)
def test_weights_elsewhere_are_not_opened(
    exported: Callable[..., Path], tmp_path: Path, location: str, message: str
) -> None:
    def move(model: Any) -> None:
        for t in model.graph.initializer:
            for entry in t.external_data:
                if entry.key == "location":
                    entry.value = location

    path = exported(move, "dynamo_external")
    (tmp_path / "folder").mkdir()
    (tmp_path.parent / "secret").write_bytes(b"\0" * 1000)
    (tmp_path / "link").symlink_to(tmp_path.parent / "secret")
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("offset", "999999999", "at bytes 999999999 to"),
        ("length", "999999999", "which has 187200: copy both files again"),
        ("offset", "-4", "whose offset is '-4': expected a number"),
        ("length", "1e3", "whose length is '1e3': expected a number"),
    ],
)
def test_weights_beyond_the_end_are_refused(
    exported: Callable[..., Path], key: str, value: str, message: str
) -> None:
    def move(model: Any) -> None:
        moved = next(t for t in model.graph.initializer if t.external_data)
        next(entry for entry in moved.external_data if entry.key == key).value = value

    assert message in refusal(exported(move, "dynamo_external"))


def _outside() -> Any:
    tensor = onnx.helper.make_tensor("far", onnx.TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    return tensor


def _in_a_branch(model: Any) -> None:
    inner = onnx.helper.make_graph([], "inner", [], [], [_outside()])
    model.graph.node.append(onnx.helper.make_node("If", ["c"], ["d"], then_branch=inner))


def _in_a_sparse_tensor(model: Any) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(_outside())


def _in_a_function(model: Any) -> None:
    node = onnx.helper.make_node("Constant", [], ["c"], value=_outside())
    model.functions.add(name="f", domain="d").node.append(node)


def _in_a_training_graph(model: Any) -> None:
    model.training_info.add().algorithm.initializer.append(_outside())


@pytest.mark.parametrize(
    "place", [_in_a_branch, _in_a_sparse_tensor, _in_a_function, _in_a_training_graph]
)
def test_values_in_another_file_that_are_no_weights(
    place: Callable[[Any], None], exported: Callable[..., Path]
) -> None:
    assert "keeps 'far', which is not a weight of its graph, in another file" in refusal(
        exported(place)
    )
