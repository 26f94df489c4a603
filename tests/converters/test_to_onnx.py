"""ONNX files in onnxruntime and OpenVINO against our `.tflite` of the same graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights
from edge_edet.converters.write.onnx.write import IR_VERSION, OPSET, write_onnx
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.detection.preprocess import letterbox
from edge_edet.formats.onnx import read_onnx
from edge_edet.manifest import MANIFEST_KEY
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph
from edge_edet.pictures.image import read_image
from edge_edet.variants import VARIANTS

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

# In spreads (standard deviations) of the output. Both sides compute in float32 and add up in another
# order; measured 3e-5 and less. A mean over height and width in one sum moves the trained D0 by
# 1.5e-3 in onnxruntime.
TOLERANCE = 2e-4


def small_graph(name: str, size: int, padding: str = "ignore") -> Graph:
    variant = VARIANTS[name].replace(image_size=size, num_classes=3, pool_padding=padding)
    return build_network(variant, random_weights(variant, 0))


def noise(graph: Graph) -> Any:
    return np.random.default_rng(0).integers(0, 256, graph.input_shape).astype(np.uint8)


def run_onnxruntime(data: bytes, pixels: Any) -> dict[str, Any]:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": pixels}), strict=True))


def run_openvino(data: bytes, pixels: Any) -> dict[str, Any]:
    ov = pytest.importorskip("openvino")
    core = ov.Core()
    model = core.compile_model(core.read_model(data), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return {output.get_any_name(): values for output, values in model(pixels).items()}


def worst_error(found: dict[str, Any], expected: dict[str, Any]) -> float:
    assert found.keys() == expected.keys() == {"box_codes", "class_logits"}
    for name, values in expected.items():
        assert (found[name].shape, found[name].dtype) == (values.shape, np.float32)
    return max(float(abs(found[n] - v).max() / v.std()) for n, v in expected.items())


@pytest.mark.parametrize(
    ("name", "size", "padding"),
    [
        ("d0", 128, "ignore"),
        ("d0", 160, "zero"),  # odd pyramid levels: 20, 10, 5, 3, 2
        ("lite0", 96, "ignore"),
        ("d3", 64, "ignore"),
        ("d7x", 64, "ignore"),
    ],
)
def test_gives_what_the_tflite_gives(helpers: Any, name: str, size: int, padding: str) -> None:
    graph = small_graph(name, size, padding)
    pixels, data = noise(graph), write_onnx(graph, {})
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    expected = helpers.run_model(write_tflite(graph, "fp32"), pixels)
    error = worst_error(run_onnxruntime(data, pixels), expected)
    print(f"{name} {size} {padding}: {error:.1e} of the spread")
    assert error <= TOLERANCE


def test_the_trained_d0_gives_what_its_tflite_gives(
    helpers: Any, bundled: Any, bundled_models: dict[str, Path], smears: Path
) -> None:
    graph = bundled[0]
    size, colour = graph.variant.image_size, graph.variant.pad_rgb
    pixels = letterbox(read_image(smears / "smear3.png"), size, colour)[0]
    pixels = np.asarray(pixels).reshape(graph.input_shape)
    data, expected = write_onnx(graph, {}), helpers.run_model(bundled_models["fp32"], pixels)
    for run in (run_onnxruntime, run_openvino):
        error = worst_error(run(data, pixels), expected)
        print(f"{run.__name__}: {error:.1e} of the spread")
        assert error <= TOLERANCE


def test_a_file_describes_itself_and_its_operators_are_places(tmp_path: Path) -> None:
    graph = small_graph("lite0", 64)
    path = tmp_path / "a.onnx"
    path.write_bytes(write_onnx(graph, {MANIFEST_KEY: b'{"labels": ["\xc3\xa9"]}', "b": "text"}))
    model = onnx.load(path)
    assert {p.key: p.value for p in model.metadata_props} == {
        MANIFEST_KEY: '{"labels": ["é"]}',
        "b": "text",
    }
    assert (model.ir_version, model.opset_import[0].version) == (IR_VERSION, OPSET) == (8, 17)
    operators = {node.name for node in model.graph.node}
    assert {node.name for node in graph.nodes} <= operators
    summary = read_onnx(path)
    assert summary.metadata["b"] == b"text"
    assert [(t.name, t.shape, t.dtype) for t in summary.input_tensors] == [
        ("image", (1, 64, 64, 3), "uint8")
    ]
    assert [(t.name, t.shape) for t in summary.output_tensors] == [
        ("box_codes", (1, 774, 4)),
        ("class_logits", (1, 774, 3)),
    ]


def test_the_same_graph_gives_the_same_bytes_and_heads_share_their_weights() -> None:
    graph = small_graph("lite0", 64)
    data = write_onnx(graph, {"a": "b"})
    assert data == write_onnx(graph, {"a": "b"})
    model = onnx.load_from_string(data)
    kernels = [
        n.input[1]
        for n in model.graph.node
        if n.name.startswith("class_net/p") and n.name.endswith("predict/conv_pw")
    ]
    assert kernels == ["class_net/p3/predict/conv_pw/weight"] * 5
