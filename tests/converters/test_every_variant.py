"""The files of all 15 variants: what operators they consist of and what their integers mean."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.write.tflite.flatbuffer import schema
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.formats.tflite.file import TensorInfo, TfliteModel, read_tflite
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph
from edge_edet.variants import VARIANTS, Variant

CONVOLUTIONS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}  # operator -> axis of the output channels
MOVING = {"MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE", "CONCATENATION"}
LITE = {*CONVOLUTIONS, *MOVING, "ADD"}
SWISH = LITE | {"MUL", "LOGISTIC", "MEAN"}
SIZE_BYTES = {"fp32": 4, "fp16": 2, "int8-dynamic": 1, "int8": 1}


@dataclass
class Built:
    """One variant in every precision."""

    variant: Variant
    graph: Graph
    integer_graph: Graph
    models: dict[str, TfliteModel]
    paths: dict[str, Path]

    def operators(self, precision: str) -> Counter[str]:
        return Counter(op.name for op in self.models[precision].operators)


# Module scope with parameters: pytest runs all tests of one variant before it builds the next one.
@pytest.fixture(scope="module", params=list(VARIANTS))
def built(
    request: pytest.FixtureRequest, helpers: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    variant = VARIANTS[request.param]
    folder = tmp_path_factory.mktemp(variant.name)
    graph = build_network(variant, helpers.cheap_weights(variant))
    # minmax: searching 2,000 grids of numbers that nobody measured would show nothing.
    recipe = dataclasses.replace(RECIPES["equalized"], ranges="minmax", equalize_step=0.05)
    integer_graph, quantized = quantize(graph, helpers.cheap_statistics(graph), recipe)
    paths = {precision: folder / f"{precision}.tflite" for precision in SIZE_BYTES}
    for precision, path in paths.items():
        integer = precision == "int8"
        data = write_tflite(
            integer_graph if integer else graph, precision, quantized if integer else None
        )
        path.write_bytes(data)
    models = {precision: read_tflite(path) for precision, path in paths.items()}
    yield Built(variant, graph, integer_graph, models, paths)
    for path in paths.values():
        path.unlink()


def operands(model: TfliteModel, *names: str) -> Iterator[tuple[str, list[TensorInfo], TensorInfo]]:
    """(operator's name, what it reads, what it writes), of operators with these names or of all."""
    for op in model.operators:
        if not names or op.name in names:
            assert len(op.outputs) == 1
            yield op.name, [model.tensors[i] for i in op.inputs], model.tensors[op.outputs[0]]


def grid(tensor: TensorInfo) -> tuple[Any, Any]:
    return tensor.scales, tensor.zero_points


def test_int8_has_integer_operators_only_and_of_few_kinds(built: Built) -> None:
    model = built.models["int8"]
    assert model.non_integer_operators == ()
    assert model.custom_operators == ()
    assert set(built.operators("int8")) == (LITE if built.variant.lite else SWISH) | {"QUANTIZE"}
    assert built.operators("int8")["QUANTIZE"] == 1
    assert {t.dtype for t in model.tensors} == {"uint8", "int8", "int32"}
    for name, reads, writes in operands(model):
        computed = {t.dtype for t in (*reads, writes) if not t.is_constant}
        assert computed == ({"uint8", "int8"} if name == "QUANTIZE" else {"int8"})


def test_operators_are_those_of_the_network(built: Built) -> None:
    """No operator doubled or lost: each node is one, a swish two, a rescaled swish three.

    In float the picture's mean is an ADD of its own, and a MEAN takes one axis at a time.
    """
    kinds = Counter(node.op for node in built.integer_graph.nodes)
    rescaled = sum("factors" in node.attrs for node in built.integer_graph.nodes)
    assert (rescaled > 0) == (not built.variant.lite)
    expected = {
        "CONV_2D": kinds["conv"],
        "DEPTHWISE_CONV_2D": kinds["depthwise"],
        "ADD": kinds["add"],
        "MUL": kinds["mul"] + kinds["scale"] + kinds["swish"],
        "LOGISTIC": kinds["sigmoid"] + kinds["swish"],
        "MEAN": kinds["mean"],
        "MAX_POOL_2D": kinds["maxpool"],
        "RESIZE_NEAREST_NEIGHBOR": kinds["resize"],
        "RESHAPE": kinds["reshape"],
        "CONCATENATION": 2,
    }
    floating = Counter(expected) + Counter({"CAST": 1, "ADD": 1, "MEAN": kinds["mean"]})
    assert built.operators("fp32") == floating
    assert built.operators("int8-dynamic") == floating
    constants = Counter(DEQUANTIZE=2 * (kinds["conv"] + kinds["depthwise"]))
    assert built.operators("fp16") == floating + constants
    assert built.operators("int8") == Counter(expected) + Counter(QUANTIZE=1, MUL=rescaled)


def test_shapes_are_static(built: Built) -> None:
    """A shape signature of -1 makes runtimes plan memory anew and other converters refuse."""
    for path in built.paths.values():
        graph = schema.Model.GetRootAs(path.read_bytes(), 0).Subgraphs(0)
        for index in range(graph.TensorsLength()):
            tensor = graph.Tensors(index)
            assert tensor.ShapeSignatureLength() == 0
            assert tensor.HasRank()
            assert all(size > 0 for size in tensor.ShapeAsNumpy())


def test_interface(built: Built) -> None:
    v = built.variant
    for precision, model in built.models.items():
        (image,) = model.input_tensors
        assert (image.name, image.dtype) == ("image", "uint8")
        assert image.shape == (1, v.image_size, v.image_size, 3)
        boxes, classes = model.output_tensors
        assert (boxes.name, classes.name) == ("box_codes", "class_logits")
        assert boxes.shape == (1, v.num_anchors, 4)
        assert classes.shape == (1, v.num_anchors, 90)
        expected = "int8" if precision == "int8" else "float32"
        assert {boxes.dtype, classes.dtype} == {expected}
        assert model.signatures == ("serving_default",)


def test_every_output_has_its_own_grid(built: Built) -> None:
    """One scale for both would leave the scores a few steps."""
    boxes, classes = built.models["int8"].output_tensors
    assert len(boxes.scales) == len(classes.scales) == 1
    assert grid(boxes) != grid(classes)
    step = classes.scales[0]
    lowest = step * (-128 - classes.zero_points[0])
    assert lowest == pytest.approx(-8, abs=step)  # logits below that are no detections


def test_weights_are_symmetric_per_channel_and_biases_on_the_product_of_scales(
    built: Built,
) -> None:
    model = built.models["int8"]
    for name, (x, weight, bias), y in operands(model, *CONVOLUTIONS):
        axis = CONVOLUTIONS[name]
        assert (weight.dtype, weight.axis) == ("int8", axis)
        assert len(weight.scales) == weight.shape[axis] == y.shape[3]
        assert set(weight.zero_points) == {0}
        assert min(weight.scales) > 0
        assert (bias.dtype, bias.shape, set(bias.zero_points)) == ("int32", (y.shape[3],), {0})
        np.testing.assert_allclose(
            bias.scales, np.multiply(weight.scales, x.scales[0], dtype=np.float32), rtol=1e-6
        )


def test_operators_that_move_integers_keep_the_grid(built: Built) -> None:
    model = built.models["int8"]
    moved = list(operands(model, *MOVING))
    assert len(moved) > 30
    for _, reads, writes in moved:
        for tensor in reads:
            if not tensor.is_constant:
                assert grid(tensor) == grid(writes), writes.name


def test_every_computed_tensor_has_one_grid_and_sigmoids_the_prescribed_one(built: Built) -> None:
    for name, reads, y in operands(built.models["int8"]):
        assert len(y.scales) == 1, y.name
        assert -128 <= y.zero_points[0] <= 127
        if name == "LOGISTIC":
            assert grid(y) == ((1 / 256,), (-128,))
        if name == "QUANTIZE":  # the picture: grey levels stay what they are
            assert reads[0].scales == y.scales == (1.0,)
            assert reads[0].zero_points[0] == y.zero_points[0] + 128


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-dynamic"])
def test_constants_are_stored_in_the_precision(built: Built, precision: str) -> None:
    """XNNPACK takes a depthwise convolution only where values and weights have one type; up to LiteRT
    2.1, none of float16 weights whose bias is of another type."""
    model = built.models[precision]
    stored = {
        "fp32": ("float32", "float32"),
        "fp16": ("float16", "float16"),
        "int8-dynamic": ("int8", "float32"),
    }[precision]
    widened = {y.index: x for _, (x,), y in operands(model, "DEQUANTIZE")}  # in fp16
    for name, (x, *constants), y in operands(model, *CONVOLUTIONS):
        weight, bias = (widened.get(one.index, one) for one in constants)
        depthwise = precision == "int8-dynamic" and name == "DEPTHWISE_CONV_2D"
        assert weight.is_constant
        assert bias.is_constant
        assert (weight.dtype, bias.dtype) == (("float32", "float32") if depthwise else stored)
        assert {x.dtype, y.dtype} == {"float32"}
        if weight.dtype == "int8":
            assert (weight.axis, set(weight.zero_points)) == (CONVOLUTIONS[name], {0})
            assert len(weight.scales) == y.shape[3]


def test_head_weights_are_stored_once_for_all_levels(built: Built) -> None:
    """The kernels of a head's depthwise convolutions have no batch norm: one buffer serves all."""
    graph = schema.Model.GetRootAs(built.paths["fp32"].read_bytes(), 0).Subgraphs(0)
    buffers: dict[str, set[int]] = {}
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        name = tensor.Name().decode()
        if name.startswith("box_net/") and name.endswith("conv_dw/weight"):
            buffers.setdefault(name.split("/", 2)[2], set()).add(tensor.Buffer())
    assert len(buffers) == built.variant.head_repeats + 1
    assert all(len(found) == 1 for found in buffers.values()), buffers
