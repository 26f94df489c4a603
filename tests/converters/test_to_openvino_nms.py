"""Suppression of OpenVINO's operations against that of the runtime, and the clients that read its rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

import edge_edet
from edge_edet.cli import main
from edge_edet.converters.inspect.openvino.graph import IrGraph
from edge_edet.converters.write.openvino.nms import SuppressingOpenVinoLowering
from edge_edet.demo_picture import draw_smear
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.postprocess import boxes as postprocess
from edge_edet.detection.postprocess.boxes import decode
from edge_edet.detection.postprocess.config import PostprocessConfig
from edge_edet.formats import read_ir
from edge_edet.network.graph import Graph
from edge_edet.variants import VARIANTS, Variant

TINY = VARIANTS["d0"].replace(image_size=128, num_classes=3)  # 3,069 anchors: not all candidates
SMEAR = draw_smear(3)[0]


def rows_of(variant: Variant, codes: Any, logits: Any) -> Any:
    """The suppression alone: box codes and class logits are the model's inputs. [K, 7]."""
    graph = Graph(variant, "image", [], {"boxes": "box_codes", "classes": "class_logits"})
    lowering = SuppressingOpenVinoLowering(graph, "fp32")
    inputs = [op.parameter((1, *values.shape), ov.Type.f32) for values in (codes, logits)]
    lowering.tensors |= dict(zip(graph.outputs.values(), inputs, strict=True))
    model = ov.Model([op.result(lowering.detections())], inputs, "alone")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (found,) = compiled([codes[None], logits[None]]).values()
    assert found.shape == (1, 1, 100, 7)
    return found[0, 0]


@pytest.mark.parametrize("num_classes", [1, 3, 90])
def test_finds_what_the_runtime_finds(num_classes: int) -> None:
    variant = TINY.replace(num_classes=num_classes)
    rng = np.random.default_rng(0)
    codes = rng.normal(0, 0.5, (variant.num_anchors, 4)).astype(np.float32)
    logits = rng.normal(-4, 1.5, (variant.num_anchors, num_classes)).astype(np.float32)
    rows = rows_of(variant, codes, logits)
    config = PostprocessConfig(score_threshold=0.05)
    chosen = postprocess.select(postprocess.QuantizedTensor(logits), config)
    boxes = decode(codes[chosen.anchors], anchors(variant)[chosen.anchors])
    expected = postprocess.suppress(boxes, chosen.scores, chosen.classes, config)
    assert len(expected.scores) == 100
    assert not rows[:, 0].any()
    assert rows[:, 1].tolist() == expected.classes.tolist()
    np.testing.assert_allclose(rows[:, 2], expected.scores, rtol=1e-5)
    # float32 in another order of operations
    np.testing.assert_allclose(rows[:, 3:], expected.boxes / 128, rtol=1e-4, atol=1e-6)


def test_rows_end_at_minus_one_and_boxes_of_two_classes_in_one_place_both_stay() -> None:
    codes = np.zeros((TINY.num_anchors, 4), np.float32)
    logits = np.full((TINY.num_anchors, 3), -9, np.float32)
    logits[300, 0], logits[301, 2], logits[302, 2] = 1, 2, 3
    places = anchors(TINY)
    codes[301:303, 2:] = np.log(places[300, 2:] / places[301:303, 2:])  # all three the same box
    rows = rows_of(TINY, codes, logits)
    assert rows[:3, 0].tolist() == [0, 0, -1]
    assert rows[:2, 1].tolist() == [2, 0]
    np.testing.assert_allclose(rows[0, 3:], rows[1, 3:], atol=2e-6)
    assert (rows[2:] == np.array([-1, 0, 0, 0, 0, 0, 0], np.float32)).all()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled D0 in fp32 and INT8, with and without suppression inside."""
    folder = tmp_path_factory.mktemp("models")
    for nms in ("none", "in-graph"):
        edge_edet.convert(
            "d0",
            ["fp32", "int8"],
            formats="openvino",
            nms=nms,
            weights="bundled",
            output=folder,
        )
    return folder


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_detects_what_the_model_without_it_detects(models: Path, precision: str) -> None:
    # f32: a processor with bf16 takes that otherwise, and the two files round at other places
    with edge_edet.load(models / f"d0-{precision}.xml", precision="f32") as detector:
        expected = detector.detect(SMEAR)
    with edge_edet.load(models / f"d0-{precision}-nms.xml", precision="f32") as detector:
        assert detector.info.nms == "in-graph"
        found = detector.detect(SMEAR)
        raw = detector.raw(SMEAR)
        assert raw.roles == {"detections": "detections"}
        assert detector.select(raw.outputs, raw.placement).scores.tolist() == found.scores.tolist()
    assert len(expected.scores) > 10
    assert found.classes.tolist() == expected.classes.tolist()
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.05)  # pixels


def read_as_ssd(path: Path, pixels: Any) -> list[tuple[int, float, list[float]]]:
    """Does what Frigate's and Open Model Zoo's pages say of model type ssd.

    One uint8 picture in, NHWC; rows (image, class, score, xmin, ymin, xmax, ymax) out, to the first with a
    negative image, at most 20 of them.
    """
    core = ov.Core()
    hint = {"INFERENCE_PRECISION_HINT": "f32"}  # else bf16, where the processor has it
    compiled = core.compile_model(core.read_model(str(path)), "CPU", hint)
    (output,) = compiled(pixels[None]).values()
    assert output.shape[:2] == (1, 1)
    assert output.shape[3] == 7
    found = []
    for image, class_id, score, *box in output[0, 0].tolist():
        if image < 0 or len(found) == 20:
            break
        found.append((int(class_id), score, box))
    return found


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_client_of_rows_finds_the_same(models: Path, precision: str) -> None:
    path = models / f"d0-{precision}-nms.xml"
    with edge_edet.load(path, score_threshold=0.05, precision="f32") as detector:
        tensor, placement = detector.prepare(SMEAR)
        expected = detector.detect(SMEAR)
    found = read_as_ssd(path, tensor[0])
    assert len(found) == 20
    assert [one[0] for one in found] == expected.classes[:20].tolist()
    boxes = placement.to_picture(np.array([one[2] for one in found], np.float32) * 512)
    np.testing.assert_allclose(boxes, expected.boxes[:20], atol=0.05)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_model_api_finds_the_same(models: Path, precision: str) -> None:
    try:
        from model_api.models import Model
    except ImportError as error:
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(str(error))
        pytest.skip(f"OpenVINO Model API cannot be imported: {error}")
    path = models / f"d0-{precision}-nms.xml"
    with edge_edet.load(path, score_threshold=0.5) as detector:
        expected = detector.detect(SMEAR)
    found = Model.create_model(str(path))(SMEAR)
    assert len(expected.scores) > 5
    assert sorted(found.label_names) == sorted(str(one) for one in expected.labels)
    order = np.argsort(-np.asarray(found.scores), kind="stable")
    # its resize is not ours, and it rounds boxes to whole pixels
    np.testing.assert_allclose(np.asarray(found.scores)[order], expected.scores, atol=0.05)


def test_inspection_leaves_the_suppression_out(models: Path) -> None:
    graph = IrGraph(read_ir(models / "d0-int8-nms.xml"))
    assert "class_logits" in graph.tensors
    assert [name for name in graph.tensors if "suppression" in name or name == "detections"] == []


def test_a_recipe_of_another_tool_does_not_go_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "--int8", "d0", "--weights", "bundled", "--recipe", "nncf"]
    assert main([*command, "--to", "openvino", "--nms", "in-graph", "-o", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []
