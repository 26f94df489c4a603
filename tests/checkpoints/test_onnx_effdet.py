"""effdet's ONNX exports, real ones of a narrow network, against effdet's own outputs for them."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.checkpoints import Checkpoint, read_checkpoint
from edge_edet.converters.facts import Fact
from edge_edet.converters.pipeline import Request, run
from edge_edet.manifest import read_manifest
from edge_edet.network.architecture import parameter_shapes
from edge_edet.variants import VARIANTS, Variant

onnx = pytest.importorskip("onnx")

TESTS = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).parent / "golden/onnx"
exports = runpy.run_path(str(GOLDEN.parent / "onnx_exports.py"))
NARROW, unpack = exports["NARROW"], exports["unpack"]
float_network = runpy.run_path(str(TESTS / "golden/float_network.py"))
seeded_weights = runpy.run_path(str(TESTS / "golden/seeded.py"))["seeded_weights"]

# As in make_onnx_golden.py
STEP = 7
GAINS = {"backbone": 1.2, "fpn": 1.4, "class_net": 1.15, "box_net": 1.15}
CLASSES = {
    "torchscript": 4,
    "torchscript_unfolded": 2,
    "torchscript_sum": 2,
    "dynamo": 4,
    "dynamo_external": 2,
    "torchscript_own": 2,
    "dynamo_own": 2,
    "torchscript_own_lite": 2,
}
# In spreads of the output: float32 rounding, measured 8e-6 and less.
TOLERANCE = 1e-4


def variant_of(case: str) -> Variant:
    if case.endswith("lite"):
        narrow = {name: getattr(NARROW, name) for name in ("width", "depth", "fpn_channels")}
        repeats = {name: getattr(NARROW, name) for name in ("fpn_repeats", "head_repeats")}
        return VARIANTS["lite0"].replace(image_size=NARROW.image_size, **narrow, **repeats)
    return NARROW.replace(fusion="sum") if case.endswith("sum") else NARROW


def worst_error(checkpoint: Checkpoint, case: str) -> float:
    """Of our network with these weights, against effdet's outputs."""
    variant = checkpoint.variant.replace(image_size=128)
    image = np.random.default_rng(1).normal(0, 1, (1, 3, 128, 128)).astype(np.float32)
    picture = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    logits, boxes = float_network["run_float"](variant, checkpoint.weights, picture)
    counts = [variant.anchors_per_position * h * w for h, w in variant.feature_sizes]
    starts, errors = np.cumsum([0, *counts]), []
    with np.load(GOLDEN / f"{case}.npz") as golden:
        for kind, rows in (("class", logits), ("box", boxes)):
            for position, level in enumerate(variant.levels):
                part = rows[starts[position] : starts[position + 1]].ravel()[::STEP]
                expected = golden[f"{kind}_{level}"]
                assert part.shape == expected.shape
                errors.append(abs(part - expected).max() / rows.std())
    return float(max(errors))


@pytest.mark.parametrize("case", CLASSES)
def test_an_export_gives_what_effdet_gives(case: str, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(unpack(case, tmp_path), variant_of(case))
    assert (checkpoint.family, checkpoint.variant.num_classes) == ("effdet", CLASSES[case])
    assert checkpoint.file_name == f"{case}.onnx"
    error = worst_error(checkpoint, case)
    print(f"{case}: {error:.1e} of the spread")
    assert error <= TOLERANCE


@pytest.mark.parametrize("case", [case for case in CLASSES if "own" in case])
def test_an_export_of_effdets_own_model_says_how_it_pads(case: str, tmp_path: Path) -> None:
    """lite0's pools pad as TensorFlow's: `pad_type` is not set in its config."""
    found = read_checkpoint(unpack(case, tmp_path), variant_of(case)).variant
    assert found.conv_padding == "symmetric"
    lite = case.endswith("lite")
    assert (found.pool_padding, found.fusion) == ("ignore" if lite else "symmetric", "fast")
    assert found.image_size == 128  # the export's


def test_unfolded_weights_are_the_checkpoints_to_the_bit(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(unpack("torchscript_unfolded", tmp_path), NARROW)
    expected = seeded_weights(parameter_shapes(checkpoint.variant), GAINS)
    assert checkpoint.weights.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(checkpoint.weights[name], values, name)


def awkward_batch_norms(model: Any) -> None:
    """Another epsilon, a channel that a level switches off, another level's that all but one do."""
    stored = {t.name: t for t in model.graph.initializer}
    for n in model.graph.node:
        for attribute in n.attribute:
            if n.op_type == "BatchNormalization" and attribute.name == "epsilon":
                attribute.f = 1e-2
    for level, channel in ((0, 3), (0, 5), (1, 5), (3, 5), (4, 5)):
        gamma = stored[f"class_net.bn_rep.0.{level}.bn.weight"]
        values = onnx.numpy_helper.to_array(gamma).copy()
        values[channel] = 0
        gamma.CopyFrom(onnx.numpy_helper.from_array(values, gamma.name))


def fold_batch_norms(model: Any) -> None:
    """What exporters do: kernels and biases with the batch norm in them, one for each level."""
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    readers = {name: n for n in model.graph.node for name in n.input}
    for number, conv in enumerate([n for n in model.graph.node if n.op_type == "Conv"]):
        norm = readers.get(conv.output[0])
        if norm is None or norm.op_type != "BatchNormalization":
            continue
        gamma, beta, mean, variance = (stored[name] for name in norm.input[1:5])
        epsilon = next(a.f for a in norm.attribute if a.name == "epsilon")
        scale = gamma / np.sqrt(variance + np.float32(epsilon))
        bias = stored[conv.input[2]] if len(conv.input) > 2 else np.zeros_like(beta)
        for name, values in (
            (f"onnx::Conv_{number}", stored[conv.input[1]] * scale[:, None, None, None]),
            (f"onnx::Bias_{number}", (bias - mean) * scale + beta),
        ):
            folded = onnx.numpy_helper.from_array(values.astype(np.float32), name)
            model.graph.initializer.append(folded)
        conv.input[:] = [conv.input[0], f"onnx::Conv_{number}", f"onnx::Bias_{number}"]
        conv.output[0] = norm.output[0]
        model.graph.node.remove(norm)


@pytest.mark.parametrize("folded", [False, True])
def test_awkward_batch_norms_give_what_onnxruntime_gives(folded: bool, tmp_path: Path) -> None:
    path = unpack("torchscript_unfolded", tmp_path)
    model = onnx.load(path)
    awkward_batch_norms(model)
    if folded:
        fold_batch_norms(model)
    onnx.save(model, path)
    checkpoint = read_checkpoint(path, NARROW)
    image = np.random.default_rng(1).normal(0, 1, (1, 3, 128, 128)).astype(np.float32)
    session = pytest.importorskip("onnxruntime").InferenceSession(str(path))
    theirs = session.run(None, {session.get_inputs()[0].name: image})
    picture = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    ours = float_network["run_float"](checkpoint.variant, checkpoint.weights, picture)
    for found, levels in zip(ours, (theirs[:5], theirs[5:]), strict=True):
        width = found.shape[1]
        rows = [level[0].transpose(1, 2, 0).reshape(-1, width) for level in levels]
        expected = np.concatenate(rows)
        assert abs(found - expected).max() <= TOLERANCE * expected.std()


FLOATS = onnx.TensorProto.FLOAT
HALVES = {"float16": onnx.TensorProto.FLOAT16, "bfloat16": onnx.TensorProto.BFLOAT16}
# In spreads of the output: the weights' rounding. Measured 9e-3 and 9e-2, of exports of the network in
# these types by torch 2.13 as well as of those that are made here.
COARSE = {"float16": 0.02, "bfloat16": 0.2}


def rounded(tensor: Any, kind: int) -> None:
    """The tensor, stored in a type of 16 bits."""
    values = onnx.numpy_helper.to_array(tensor)
    if kind == onnx.TensorProto.FLOAT16:
        data = values.astype(np.float16).tobytes()
    else:
        bits = values.view(np.uint32).astype(np.uint64)
        data = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).tobytes()
    made = onnx.TensorProto(name=tensor.name, data_type=kind, dims=tensor.dims, raw_data=data)
    tensor.CopyFrom(made)


def in_half(model: Any, kind: int) -> None:
    """As an export of the network in that type: every float tensor, input, output and cast."""
    for t in model.graph.initializer:
        if t.data_type == FLOATS:
            rounded(t, kind)
    for n in model.graph.node:
        for attribute in n.attribute:
            if n.op_type == "Constant" and attribute.t.data_type == FLOATS:
                rounded(attribute.t, kind)
            elif n.op_type == "Cast" and attribute.i == FLOATS:
                attribute.i = kind
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = kind


def in_float_between_casts(model: Any, kinds: set[str], half: int) -> None:
    """Some operators in float32, as onnxconverter_common's float16.py does with its op_block_list."""
    nodes = []
    for number, n in enumerate(list(model.graph.node)):
        if n.op_type not in kinds:
            nodes.append(n)
            continue
        for place, name in enumerate(n.input):
            wide = f"{name}/wide{number}.{place}"
            nodes.append(onnx.helper.make_node("Cast", [name], [wide], to=FLOATS))
            n.input[place] = wide
        [out] = n.output
        n.output[0] = f"{out}/wide"
        nodes += [n, onnx.helper.make_node("Cast", [n.output[0]], [out], to=half)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


@pytest.mark.parametrize(
    "in_float",
    ["", "Conv", "BatchNormalization", "Conv BatchNormalization", "Mul Div ReduceSum Relu Sigmoid"],
)
@pytest.mark.parametrize("kind", HALVES)
@pytest.mark.parametrize("case", ["torchscript", "torchscript_unfolded", "dynamo"])
def test_half_precision_is_read(case: str, kind: str, in_float: str, tmp_path: Path) -> None:
    path = unpack(case, tmp_path)
    model = onnx.load(path)
    in_half(model, HALVES[kind])
    in_float_between_casts(model, set(in_float.split()), HALVES[kind])
    onnx.save(model, path)
    assert worst_error(read_checkpoint(path, NARROW), case) <= COARSE[kind]


def test_weights_in_half_precision_alone_are_read(tmp_path: Path) -> None:
    path = unpack("torchscript", tmp_path)
    model = onnx.load(path)
    for t in model.graph.initializer:
        if t.data_type == FLOATS:
            rounded(t, HALVES["float16"])
    onnx.save(model, path)
    assert worst_error(read_checkpoint(path, NARROW), "torchscript") <= COARSE["float16"]


def test_the_hash_covers_the_file_beside_it(tmp_path: Path) -> None:
    path = unpack("dynamo_external", tmp_path)
    before = read_checkpoint(path, NARROW).sha256
    data = path.with_suffix(".onnx.data")
    data.write_bytes(data.read_bytes()[:-4] + b"\0\0\0\0")
    assert read_checkpoint(path, NARROW).sha256 != before


def test_an_export_becomes_a_model_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helpers_run: Callable[..., dict[str, Any]]
) -> None:
    monkeypatch.setitem(VARIANTS, "d1", NARROW.replace(name="d1"))
    path = unpack("torchscript", tmp_path)
    request = Request(("d1",), ("fp32",), tmp_path / "out", weights=str(path), formats=("tflite",))
    [written] = run(request).files
    manifest = read_manifest(written.path)
    assert manifest.provenance["weights"]["name"] == "torchscript.onnx"
    assert manifest.labels == ("class 0", "class 1", "class 2", "class 3")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3)).astype(np.uint8)
    session = pytest.importorskip("onnxruntime").InferenceSession(str(path))
    v = NARROW
    normalized = (pixels - np.asarray(v.mean, np.float32)) / np.asarray(v.std, np.float32)
    given = normalized.transpose(0, 3, 1, 2)
    theirs = session.run(None, {session.get_inputs()[0].name: given})
    ours = helpers_run(written.path.read_bytes(), pixels)
    for name, levels, values in (("class_logits", theirs[:5], 4), ("box_codes", theirs[5:], 4)):
        rows = [level[0].transpose(1, 2, 0).reshape(-1, values) for level in levels]
        expected = np.concatenate(rows)
        assert abs(ours[name][0] - expected).max() <= TOLERANCE * expected.std()


@pytest.fixture
def helpers_run() -> Callable[..., dict[str, Any]]:
    def run(model: bytes, pixels: Any) -> dict[str, Any]:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=model)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        details = interpreter.get_output_details()
        return {d["name"]: interpreter.get_tensor(d["index"]) for d in details}

    return run


def test_the_size_of_the_input_is_the_files(tmp_path: Path) -> None:
    """An export at 128 pixels is no 512 model."""
    path = unpack("torchscript", tmp_path)
    checkpoint = read_checkpoint(path, NARROW.replace(image_size=512))
    assert checkpoint.variant.image_size == 128
    assert [fact.source for fact in checkpoint.facts] == ["its input"]
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 256
    onnx.save(model, tmp_path / "wide.onnx")
    wide = read_checkpoint(tmp_path / "wide.onnx", NARROW)
    assert wide.variant.image_size == (128, 256)
    assert wide.facts[0].values == {"image_size": (128, 256)}
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(model, tmp_path / "free.onnx")
    free = read_checkpoint(tmp_path / "free.onnx", NARROW.replace(image_size=512))
    assert free.variant.image_size == 512
    asked = Fact("--image-size", {"image_size": 256}, wish=True)
    other = read_checkpoint(tmp_path / "wide.onnx", NARROW, [asked])
    assert other.variant.image_size == (128, 256)  # a wish states nothing about the training
