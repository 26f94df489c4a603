"""Suppression of standard ONNX operators against suppression in the runtime and in the `.tflite`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.write.detection_postprocess import OUTPUTS, Suppression
from edge_edet.converters.write.onnx.nms import SuppressingOnnxLowering
from edge_edet.converters.write.onnx.write import write_onnx
from edge_edet.converters.write.tflite.nms import write_tflite_with_nms
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.postprocess import boxes as postprocess
from edge_edet.detection.postprocess.boxes import decode
from edge_edet.detection.postprocess.config import PostprocessConfig
from edge_edet.detection.preprocess import letterbox
from edge_edet.network.graph import Graph
from edge_edet.pictures.image import read_image
from edge_edet.variants import VARIANTS, Variant

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

TINY = VARIANTS["d0"].replace(image_size=128, num_classes=3)  # 3,069 anchors: not all candidates
RUNTIMES = ("onnxruntime", "openvino")


def build(variant: Variant, **limits: Any) -> bytes:
    """The suppression alone: box codes and class logits are the model's inputs."""
    outputs = {"boxes": "box_codes", "classes": "class_logits"}
    lowering = SuppressingOnnxLowering(Graph(variant, "image", [], outputs), Suppression(**limits))
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    widths = {"box_codes": 4, "class_logits": variant.num_classes}
    inputs = [
        helper.make_tensor_value_info(name, real, (1, variant.num_anchors, width))
        for name, width in widths.items()
    ]
    ends = lowering.outputs()
    graph = helper.make_graph(lowering.nodes, "alone", inputs, ends, lowering.initializers)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def run(model: bytes, runtime: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Role -> output, without the batch."""
    if runtime == "onnxruntime":
        session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        names = list(OUTPUTS.values())
        given = dict(zip(names, session.run(names, inputs), strict=True))
    else:
        core = pytest.importorskip("openvino").Core()
        options = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(core.read_model(model), "CPU", options)
        given = {out.get_any_name(): values for out, values in compiled(inputs).items()}
    return {role: given[name][0] for role, name in OUTPUTS.items()}


def found_in(model: bytes, runtime: str, codes: Any, logits: Any) -> dict[str, Any]:
    return run(model, runtime, {"box_codes": codes[None], "class_logits": logits[None]})


def reference(variant: Variant, codes: Any, logits: Any, config: PostprocessConfig) -> Any:
    """The runtime's own steps, without clipping: boxes [n, 4] as the graph writes them."""
    chosen = postprocess.select(postprocess.QuantizedTensor(logits), config)
    boxes = decode(codes[chosen.anchors], anchors(variant)[chosen.anchors])
    found = postprocess.suppress(boxes, chosen.scores, chosen.classes, config)
    return found._replace(boxes=found.boxes[:, [1, 0, 3, 2]] / variant.image_size)


def scene(variant: Variant, seed: int) -> tuple[Any, Any]:
    """Codes and logits; many boxes overlap."""
    rng = np.random.default_rng(seed)
    codes = rng.normal(0, 0.5, (variant.num_anchors, 4)).astype(np.float32)
    shape = (variant.num_anchors, variant.num_classes)
    return codes, rng.normal(-4, 1.5, shape).astype(np.float32)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("num_classes", [1, 3, 90])
def test_finds_what_the_runtime_finds(runtime: str, num_classes: int) -> None:
    variant = TINY.replace(num_classes=num_classes)
    model = build(variant)
    for seed in (0, 1):
        codes, logits = scene(variant, seed)
        found = found_in(model, runtime, codes, logits)
        expected = reference(variant, codes, logits, PostprocessConfig(score_threshold=0.05))
        assert found["count"] == len(expected.scores) == 100
        np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-5)
        assert found["classes"].tolist() == expected.classes.tolist()
        np.testing.assert_allclose(found["boxes"], expected.boxes, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_boxes_of_two_classes_in_one_place_both_stay_and_the_rest_is_zero(runtime: str) -> None:
    codes = np.zeros((TINY.num_anchors, 4), np.float32)
    logits = np.full((TINY.num_anchors, 3), -9, np.float32)
    logits[300, 0], logits[301, 2], logits[302, 2] = 1, 2, 3
    rows = anchors(TINY)
    codes[301:303, 2:] = np.log(rows[300, 2:] / rows[301:303, 2:])  # all three the same box
    found = found_in(build(TINY), runtime, codes, logits)
    assert found["count"] == 2
    assert found["classes"][:2].tolist() == [2, 0]
    np.testing.assert_allclose(found["boxes"][0], found["boxes"][1], atol=2e-6)
    for role in ("boxes", "classes", "scores"):
        assert not found[role][2:].any()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_picture_without_objects_has_no_detections(runtime: str) -> None:
    codes, logits = scene(TINY, 0)
    found = found_in(build(TINY), runtime, codes, np.full_like(logits, -9))
    assert not any(values.any() for values in found.values())


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("count", [1, 7, 3000])
def test_gives_at_most_max_detections(runtime: str, count: int) -> None:
    codes, logits = scene(TINY, 0)
    found = found_in(build(TINY, max_detections=count), runtime, codes, logits)
    assert found["boxes"].shape == (count, 4)
    config = PostprocessConfig(score_threshold=0.05, per_class=count, max_detections=count)
    expected = reference(TINY, codes, logits, config)
    assert found["count"] == len(expected.scores)
    np.testing.assert_allclose(found["scores"][: len(expected.scores)], expected.scores, rtol=1e-5)


@pytest.mark.parametrize("code", [-200, 0, 100, 200])
def test_boxes_of_absurd_size_stop_nothing(code: float) -> None:
    codes = np.full((TINY.num_anchors, 4), code, np.float32)
    logits = np.full((TINY.num_anchors, 3), 2, np.float32)
    assert found_in(build(TINY), "onnxruntime", codes, logits)["count"] > 0


def test_the_trained_d0_finds_what_its_tflite_finds(
    helpers: Any, bundled: Any, smears: Path
) -> None:
    graph: Graph = bundled[0]
    onnx_model = write_onnx(graph, {}, Suppression())
    tflite = write_tflite_with_nms(graph, "fp32")
    onnx.checker.check_model(onnx.load_from_string(onnx_model), full_check=True)
    v = graph.variant
    for path in sorted(smears.iterdir())[:2]:
        pixels, _ = letterbox(read_image(path), v.image_size, v.pad_rgb)
        image = np.asarray(pixels).reshape(graph.input_shape)
        expected = helpers.run_model(tflite, image)
        found = run(onnx_model, "onnxruntime", {"image": image})
        count = int(found["count"])
        assert count == expected["num_detections"][0] > 10
        assert found["classes"].tolist() == expected["detection_classes"][0].tolist()
        for role, bound in (("scores", 1e-4), ("boxes", 1e-4)):
            np.testing.assert_allclose(found[role], expected[OUTPUTS[role]][0], atol=bound)
