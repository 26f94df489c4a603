"""Suppression in the graph against suppression in the runtime, first alone, then behind a real D0."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import edge_edet
from edge_edet.converters import pipeline
from edge_edet.converters.int8.affine import Affine, Quantized
from edge_edet.converters.write.tflite.nms import OUTPUTS, SuppressingLowering, Suppression
from edge_edet.demo_picture import draw_smear
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.postprocess import boxes as postprocess
from edge_edet.detection.postprocess.boxes import decode
from edge_edet.detection.postprocess.config import PostprocessConfig
from edge_edet.detection.preprocess import letterbox
from edge_edet.errors import InputError
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.network.graph import Graph, Node
from edge_edet.variants import VARIANTS, Variant

CODES, LOGITS = "box_codes", "class_logits"
GRIDS = {CODES: Affine(0.03125, -3), LOGITS: Affine(0.0625, 40)}
TINY = VARIANTS["d0"].replace(image_size=128, num_classes=3)  # 3,069 anchors: not all candidates


class Bare(SuppressingLowering):
    """The suppression alone: box codes and class logits are the model's inputs."""

    def body(self) -> dict[str, int]:
        return {n.name: self.activation(n.name, n.shape) for n in self.graph.nodes}


def build(variant: Variant, precision: str = "fp32", **limits: Any) -> bytes:
    n, c = variant.num_anchors, variant.num_classes
    nodes = [Node("concat", CODES, (), (1, n, 4)), Node("concat", LOGITS, (), (1, n, c))]
    graph = Graph(variant, "image", nodes, {"boxes": CODES, "classes": LOGITS})
    quantized = Quantized(GRIDS, {}) if precision == "int8" else None
    return Bare(graph, precision, quantized, Suppression(**limits)).lower().to_bytes()


def run(model: bytes, codes: Any, logits: Any, threads: int = 1) -> dict[str, Any]:
    """Role -> output, without the batch."""
    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        values = {CODES: codes, LOGITS: logits}[detail["name"]][None]
        interpreter.set_tensor(detail["index"], values)
    interpreter.invoke()
    given = {
        d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()
    }
    return {role: given[name][0] for role, name in OUTPUTS.items()}


def reference(variant: Variant, codes: Any, logits: Any, config: PostprocessConfig) -> Any:
    """The runtime's own steps, without clipping: boxes [n, 4] as the operator writes them."""
    chosen = postprocess.select(postprocess.QuantizedTensor(logits), config)
    boxes = decode(codes[chosen.anchors], anchors(variant)[chosen.anchors])
    found = postprocess.suppress(boxes, chosen.scores, chosen.classes, config)
    return found._replace(boxes=found.boxes[:, [1, 0, 3, 2]] / variant.image_size)


def scene(variant: Variant, seed: int, precision: str) -> tuple[Any, Any, Any, Any]:
    """Codes and logits as the model takes them, then the same as floats; many boxes overlap."""
    rng = np.random.default_rng(seed)
    codes = rng.normal(0, 0.5, (variant.num_anchors, 4)).astype(np.float32)
    shape = (variant.num_anchors, variant.num_classes)
    logits = rng.normal(-4, 1.5, shape).astype(np.float32)
    if precision != "int8":
        return codes, logits, codes, logits
    q_codes, q_logits = GRIDS[CODES].quantize(codes), GRIDS[LOGITS].quantize(logits)
    real = GRIDS[CODES].dequantize(q_codes), GRIDS[LOGITS].dequantize(q_logits)
    return q_codes, q_logits, *real


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("num_classes", [1, 3, 90])
@pytest.mark.parametrize("seed", [0, 1])
def test_finds_what_the_runtime_finds(precision: str, num_classes: int, seed: int) -> None:
    variant = TINY.replace(num_classes=num_classes)
    codes, logits, real_codes, real_logits = scene(variant, seed, precision)
    found = run(build(variant, precision), codes, logits)
    expected = reference(variant, real_codes, real_logits, PostprocessConfig(score_threshold=0.05))
    assert found["count"] == len(expected.scores) == 100
    np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-5)
    assert found["classes"].tolist() == expected.classes.tolist()
    np.testing.assert_allclose(found["boxes"], expected.boxes, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_no_class_is_lost_on_any_number_of_threads(threads: int) -> None:
    variant = TINY.replace(num_classes=8)
    codes = np.zeros((variant.num_anchors, 4), np.float32)
    logits = np.full((variant.num_anchors, 8), -9, np.float32)
    logits[np.arange(8) * 120, np.arange(8)] = 2
    assert sorted(run(build(variant), codes, logits, threads)["classes"][:8]) == list(range(8))


def test_boxes_of_two_classes_in_one_place_both_stay() -> None:
    codes = np.zeros((TINY.num_anchors, 4), np.float32)
    logits = np.full((TINY.num_anchors, 3), -9, np.float32)
    logits[300, 0], logits[301, 2], logits[302, 2] = 1, 2, 3
    rows = anchors(TINY)
    codes[301:303, 2:] = np.log(rows[300, 2:] / rows[301:303, 2:])  # all three the same box
    found = run(build(TINY), codes, logits)
    assert found["count"] == 2
    assert found["classes"][:2].tolist() == [2, 0]
    np.testing.assert_allclose(found["boxes"][0], found["boxes"][1], atol=2e-6)


def test_rows_without_a_box_are_zero_also_after_a_fuller_picture() -> None:
    codes, logits, _, _ = scene(TINY, 0, "fp32")
    interpreter = Interpreter(model_content=build(TINY))
    interpreter.allocate_tensors()
    index = {d["name"]: d["index"] for d in interpreter.get_input_details()}
    for quiet in (False, True):
        interpreter.set_tensor(index[CODES], codes[None])
        shown = np.full_like(logits, -9) if quiet else logits
        interpreter.set_tensor(index[LOGITS], shown[None])
        interpreter.invoke()
    for detail in interpreter.get_output_details():
        assert not interpreter.get_tensor(detail["index"]).any()


def test_a_tie_between_classes_goes_to_the_first() -> None:
    codes = np.zeros((TINY.num_anchors, 4), np.float32)
    logits = np.full((TINY.num_anchors, 3), -9, np.float32)
    logits[300, 1:] = 2
    found = run(build(TINY), codes, logits)
    y, x, h, w = anchors(TINY)[300] / TINY.image_size
    assert (found["count"], found["classes"][0]) == (1, 1)
    np.testing.assert_allclose(
        found["boxes"][0], [y - h / 2, x - w / 2, y + h / 2, x + w / 2], atol=2e-6
    )


@pytest.mark.parametrize("size", [1e-9, 0.0, 1e4, np.inf])
def test_boxes_of_absurd_size_stop_nothing(size: float) -> None:
    with np.errstate(divide="ignore"):
        code = np.clip(np.log(size), -200, 200)
    codes = np.full((TINY.num_anchors, 4), code, np.float32)
    logits = np.full((TINY.num_anchors, 3), 2, np.float32)
    assert run(build(TINY), codes, logits)["count"] > 0


@pytest.mark.parametrize("count", [1, 7, 3000])
def test_gives_at_most_max_detections(count: int) -> None:
    codes, logits, _, _ = scene(TINY, 0, "fp32")
    found = run(build(TINY, max_detections=count), codes, logits)
    assert found["boxes"].shape == (count, 4)
    assert found["classes"].shape == found["scores"].shape == (count,)
    config = PostprocessConfig(score_threshold=0.05, per_class=count, max_detections=count)
    assert found["count"] == len(reference(TINY, codes, logits, config).scores)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"score_threshold": -0.1}, "score_threshold must be a number from 0 to 1, but got -0.1"),
        ({"score_threshold": float("nan")}, "score_threshold must be a number from 0 to 1"),
        ({"iou_threshold": 0.0}, "iou_threshold must be above 0 and at most 1, but got 0.0"),
        ({"iou_threshold": 1.5}, "iou_threshold must be above 0 and at most 1, but got 1.5"),
        ({"max_detections": 0}, "max_detections must be an integer from 1 to 100000, but got 0"),
        ({"max_detections": 2.0}, "max_detections must be an integer from 1 to 100000"),
    ],
)
def test_limits_that_cannot_be_are_refused(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Suppression(**limits)


# --- behind the bundled D0 ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def d0(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """(suppression, precision) -> the bundled blood-cell D0."""
    folder = tmp_path_factory.mktemp("d0")
    models = {}
    for nms in ("none", "in-graph"):
        request = pipeline.Request(
            ("d0",), ("fp32", "int8"), folder, weights="bundled", nms=nms, formats=("tflite",)
        )
        for item in pipeline.run(request).files:
            models[nms, item.precision] = item.path
    return models


@pytest.fixture(scope="module")
def mediapipe() -> Any:
    """MediaPipe's ObjectDetector needs the system libraries libegl1 and libgles2 too."""
    try:
        import mediapipe
        from mediapipe.tasks.python import vision  # noqa: F401  loaded for its effect
    except (ImportError, OSError) as error:
        reason = f"MediaPipe cannot be imported: {error}"
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return mediapipe


def assert_same_detections(d0: dict[tuple[str, str], Path], precision: str, picture: Any) -> None:
    """At the default threshold of 0.3. Far below it a box at the picture's edge may differ: the
    runtime clips boxes before it compares them, the graph cannot."""
    with edge_edet.load(d0["none", precision]) as ours:
        expected = ours.detect(picture)
    with edge_edet.load(d0["in-graph", precision], threads=2) as theirs:
        found = theirs.detect(picture)
    assert len(expected.scores) >= 10
    assert found.labels == expected.labels
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_drawn_cells_are_those_found_without_in_graph_suppression(
    precision: str, d0: dict[tuple[str, str], Path]
) -> None:
    for seed in (1, 2):
        assert_same_detections(d0, precision, draw_smear(seed)[0])


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_true_cells_are_those_found_without_in_graph_suppression(
    precision: str, d0: dict[tuple[str, str], Path], shared: Path
) -> None:
    for number in (7, 11):
        name = f"data/bccd/JPEGImages/BloodImage_{number:05}.jpg"
        assert_same_detections(d0, precision, shared / name)


def test_the_network_of_an_int8_model_stays_integer(d0: dict[tuple[str, str], Path]) -> None:
    model = read_tflite(d0["in-graph", "int8"])
    assert model.custom_operators == ("TFLite_Detection_PostProcess",)
    last = model.operators.index(next(op for op in model.operators if op.name == "REDUCE_MAX"))
    assert all(op.index > last for op in model.non_integer_operators)
    tensors = {tensor.name: tensor for tensor in model.output_tensors}
    assert {name: (t.dtype, t.shape) for name, t in tensors.items()} == {
        "detection_boxes": ("float32", (1, 100, 4)),
        "detection_classes": ("float32", (1, 100)),
        "detection_scores": ("float32", (1, 100)),
        "num_detections": ("float32", (1,)),
    }
    assert model.signatures == ("serving_default",)


def test_same_request_gives_the_same_bytes(d0: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    request = pipeline.Request(("d0",), ("int8",), tmp_path, weights="bundled", nms="in-graph")
    (again,) = pipeline.run(request).paths
    assert again.read_bytes() == d0["in-graph", "int8"].read_bytes()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_mediapipe_finds_the_same_cells(
    precision: str, d0: dict[tuple[str, str], Path], mediapipe: Any
) -> None:
    """MediaPipe stretches pictures to the input, so it is shown one that is square already."""
    from mediapipe.tasks.python import BaseOptions, vision

    square = letterbox(Image.fromarray(draw_smear(1)[0]), 512, (0, 0, 0))[0][0]
    with edge_edet.load(d0["in-graph", precision]) as detector:
        expected = detector.detect(square)
    options = vision.ObjectDetectorOptions(
        base_options=BaseOptions(model_asset_path=str(d0["in-graph", precision])),
        score_threshold=0.3,
    )
    with vision.ObjectDetector.create_from_options(options) as theirs:
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=square)
        found = theirs.detect(picture).detections
    assert len(found) == len(expected.scores) >= 10
    for detection, box, score, label in zip(
        found, expected.boxes, expected.scores, expected.labels, strict=True
    ):
        (category,) = detection.categories
        assert category.category_name == label
        assert category.score == pytest.approx(score, abs=1e-2 if precision == "int8" else 1e-4)
        b = detection.bounding_box  # whole pixels, origin and sides rounded down, sides not clipped
        corners = [b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height]
        np.testing.assert_allclose(np.clip(corners, 0, square.shape[0]), box, atol=2)
