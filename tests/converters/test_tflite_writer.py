"""The flatbuffer itself: that runtimes load it, where its constants lie, and its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edge_edet.backends.litert.delegation import delegation
from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.write.model_writer import write_checked
from edge_edet.converters.write.tflite import flatbuffer as tflite_writer
from edge_edet.converters.write.tflite.flatbuffer import TfliteWriter, schema
from edge_edet.converters.write.tflite.lower import PRECISIONS, write_tflite
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.network.build import build_network
from edge_edet.variants import VARIANTS, Variant

TINY = {name: VARIANTS[name].replace(image_size=64, num_classes=2) for name in ("d0", "lite0")}
CASES = [(name, precision) for name in TINY for precision in PRECISIONS]


def tiny(variant: Variant, precision: str, helpers: Any) -> bytes:
    graph = build_network(variant, helpers.cheap_weights(variant))
    if precision != "int8":
        return write_tflite(graph, precision)
    graph, quantized = quantize(graph, helpers.cheap_statistics(graph), RECIPES["minmax"])
    return write_tflite(graph, precision, quantized)


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def data(request: pytest.FixtureRequest, helpers: Any) -> bytes:
    name, precision = request.param
    return tiny(TINY[name], precision, helpers)


def test_litert_runs_it(data: bytes, helpers: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    out = helpers.run_model(data, pixels)
    assert list(out) == ["box_codes", "class_logits"]
    assert {name: values.shape for name, values in out.items()} == {
        "box_codes": (1, 9 * 86, 4),
        "class_logits": (1, 9 * 86, 2),
    }
    for values in out.values():
        assert np.isfinite(values).all()
        assert np.ptp(values) > 0


def test_signature_names_the_tensors(data: bytes) -> None:
    interpreter = Interpreter(model_content=data)
    run = interpreter.get_signature_runner("serving_default")
    assert list(run.get_input_details()) == ["image"]
    assert sorted(run.get_output_details()) == ["box_codes", "class_logits"]
    assert sorted(run(image=np.zeros((1, 64, 64, 3), np.uint8))) == ["box_codes", "class_logits"]


def test_tensorflow_gives_the_same(data: bytes, helpers: Any) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    ours = helpers.run_model(data, pixels)
    interpreter = tensorflow.lite.Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        values = interpreter.get_tensor(detail["index"]).astype(np.float32)
        scale, zero = detail["quantization"]
        if scale:
            values = (values - zero) * np.float32(scale)
        # kernels differ by one step here and there, and so do the steps that follow from it
        tolerance = max(0.01 * np.ptp(ours[detail["name"]]), 3.5 * scale)
        assert np.abs(values - ours[detail["name"]]).max() <= tolerance


def test_constants_are_aligned(data: bytes) -> None:
    """Kernels read weights in place, with instructions that want 16 bytes."""
    model = schema.Model.GetRootAs(data, 0)
    address = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    seen = 0
    for index in range(model.BuffersLength()):
        stored = model.Buffers(index).DataAsNumpy()
        if isinstance(stored, np.ndarray) and stored.size:
            assert (stored.__array_interface__["data"][0] - address) % 16 == 0
            seen += 1
    assert seen > 50


def test_operators_come_after_what_they_read(data: bytes) -> None:
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    model = schema.Model.GetRootAs(data, 0)
    known = set(graph.InputsAsNumpy().tolist())
    known |= {i for i in range(graph.TensorsLength()) if graph.Tensors(i).Buffer() != 0}
    assert model.Buffers(0).DataLength() == 0  # the empty one, of all computed tensors
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        assert set(operator.InputsAsNumpy().tolist()) <= known
        outputs = set(operator.OutputsAsNumpy().tolist())
        assert not outputs & known
        known |= outputs
    assert known == set(range(graph.TensorsLength()))


def test_same_graph_same_bytes(helpers: Any) -> None:
    for precision in PRECISIONS:
        one, two = (tiny(TINY["d0"], precision, helpers) for _ in range(2))
        assert one == two


def test_border_of_a_pool_counts_as_zero_where_the_family_says_so(helpers: Any) -> None:
    """zylo117 pads with zeros: a border of negative numbers becomes 0."""
    outputs = {}
    for padding in ("ignore", "zero"):
        variant = TINY["d0"].replace(pool_padding=padding)
        weights = helpers.cheap_weights(variant)
        weights["fpn.resample.3.conv.bn.bias"] = weights["fpn.resample.3.conv.bn.bias"] - 100
        graph = build_network(variant, weights)
        names = ["fpn/resample.3/conv", "fpn/p6"]
        data = write_tflite(graph, "fp32", extra_outputs=names)
        out = helpers.run_model(data, np.full((1, 64, 64, 3), 128, np.uint8))
        assert out[names[0]].shape == (1, 2, 2, 64)
        outputs[padding] = out["fpn/p6"]
        if padding == "ignore":
            np.testing.assert_array_equal(out["fpn/p6"][0, 0, 0], out[names[0]].max(axis=(0, 1, 2)))
    assert (outputs["ignore"] < 0).all()
    assert (outputs["zero"] == 0).all()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_integer_graph_sees_the_mean_colour_where_the_float_one_does(
    precision: str, helpers: Any
) -> None:
    """A picture of the mean colour gives the stem's bias everywhere but at the padded border."""
    variant = TINY["d0"]
    graph = build_network(variant, helpers.cheap_weights(variant))
    quantized = None
    if precision == "int8":
        graph, quantized = quantize(graph, helpers.cheap_statistics(graph), RECIPES["minmax"])
    stem = graph.node("backbone/conv_stem")
    data = write_tflite(graph, precision, quantized, extra_outputs=[stem.name])
    pixels = np.broadcast_to(np.rint(variant.mean).astype(np.uint8), (1, 64, 64, 3)).copy()
    out = helpers.run_model(data, pixels)[stem.name]
    # the mean colour rounded to grey levels is off by up to half of one in each channel
    weight = stem.weight.astype(np.float64)
    expected = stem.bias + (weight * (np.rint(variant.mean) - variant.mean)).sum(axis=(1, 2, 3))
    factors = next(n.attrs.get("factors", 1) for n in graph.nodes if n.inputs == (stem.name,))
    step = quantized.activations[stem.name].scale if quantized else 1e-4
    inside = out[0, 1:-1, 1:-1]
    low, high = (
        (quantized.activations[stem.name].low, quantized.activations[stem.name].high)
        if (quantized)
        else (-np.inf, np.inf)
    )
    np.testing.assert_allclose(
        inside, np.broadcast_to(np.clip(expected, low, high), inside.shape), atol=step
    )
    assert np.size(factors) in (1, stem.shape[3])


# --- limits --------------------------------------------------------------------------------------


def test_more_than_two_gigabytes_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tflite_writer, "MAX_FILE_BYTES", 2**26 + 1000)
    writer = TfliteWriter("large")
    writer.tensor("a", (1001,), "int8", data=np.zeros(1001, np.int8))
    with pytest.raises(EdgeEdetError, match="holds at most 2 GiB: convert with --int8 or --fp16"):
        writer.to_bytes()


def test_equal_constants_are_stored_once_but_not_across_types() -> None:
    writer = TfliteWriter("shared")
    for name, dtype in (("a", np.float32), ("b", np.float32), ("c", np.int32)):
        writer.tensor(name, (4,), np.dtype(dtype).name, data=np.zeros(4, dtype))
    buffers = [tensor.buffer for tensor in writer._graph.tensors]
    assert buffers[0] == buffers[1] != buffers[2]


def scaled(weights: dict[str, Any], *names: str, factor: float = 1e8) -> dict[str, Any]:
    return weights | {name: weights[name] * np.float32(factor) for name in names}


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("weights", ("backbone.bn1.weight",)),
        ("biases", ("backbone.bn1.bias",)),
    ],
)
def test_constants_beyond_float16_are_refused(what: str, names: Any, helpers: Any) -> None:
    """They would become infinite, and with them every output."""
    variant = TINY["d0"]
    weights = scaled(helpers.cheap_weights(variant), *names)
    graph = build_network(variant, weights)
    message = rf"the {what} of backbone/conv_stem .*float16's largest number, 65504: .*--fp32"
    with pytest.raises(InputError, match=message):
        write_tflite(graph, "fp16")


# The runtime's own kernels: the picture's cast, and the resizing that XNNPACK does not have.
NOT_TAKEN = {"CAST", "QUANTIZE", "RESIZE_NEAREST_NEIGHBOR"}


def test_xnnpack_takes_every_operator_that_it_has(data: bytes, tmp_path: Path) -> None:
    """One convolution that it refuses splits the graph and costs more than the rest gains."""
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    model = read_tflite(path)
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    found = delegation(model, interpreter)
    assert found is not None
    left = sum(op.name in NOT_TAKEN for op in model.operators)
    assert found.operators == len(model.operators) - left


def test_file_that_does_not_read_back_is_not_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "x.tflite"
    with pytest.raises(EdgeEdetError):
        write_checked(path, {".tflite": b"\0\0\0\0TFL3 and nothing else"})
    assert not list(tmp_path.rglob("*"))
