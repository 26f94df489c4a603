from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import ModelFileError, PostprocessConfig
from edge_edet.detection.anchor_boxes import anchors

SIXTY_FOUR = np.zeros((64, 64, 3), np.uint8)


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def box_of_anchor(index: int) -> list[float]:
    """Anchor as xmin ymin xmax ymax, clipped to the 64 x 64 picture."""
    from edge_edet.variants import VARIANTS

    y, x, h, w = anchors(VARIANTS["d0"].replace(image_size=64))[index]
    return np.clip([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 0, 64).tolist()


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_planted_objects_are_found_once(kind: str, tiny_float: Path, tiny_int8: Path) -> None:
    path = tiny_float if kind == "float" else tiny_int8
    with edge_edet.load(path) as detector:
        found = detector.detect(SIXTY_FOUR)
    assert found.labels == ("dog", "cat")
    assert found.classes.tolist() == [2, 0]
    np.testing.assert_allclose(found.scores, [sigmoid(3.0), sigmoid(1.0)], rtol=1e-6)
    np.testing.assert_allclose(found.boxes[0], box_of_anchor(300), atol=1e-4)
    np.testing.assert_allclose(found.boxes[1], box_of_anchor(10), atol=1e-4)


def test_boxes_come_back_in_pixels_of_the_picture(tiny_float: Path) -> None:
    detector = edge_edet.load(tiny_float)
    small = detector.detect(SIXTY_FOUR)
    large = detector.detect(np.zeros((640, 640, 3), np.uint8))
    np.testing.assert_allclose(large.boxes, small.boxes * 10, rtol=1e-5)


def test_path_image_and_array_give_the_same(tiny_float: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    detector = edge_edet.load(tiny_float)
    results = [
        detector.detect(given).to_dicts()
        for given in (pixels, Image.fromarray(pixels), tmp_path / "a.png", str(tmp_path / "a.png"))
    ]
    assert all(result == results[0] for result in results)


def test_stages_give_what_detect_gives(tiny_int8: Path) -> None:
    detector = edge_edet.load(tiny_int8)
    tensor, placement = detector.prepare(SIXTY_FOUR)
    outputs = detector.infer(tensor)
    again = detector.infer(tensor)  # the first outputs are copies and may be kept
    assert np.array_equal(outputs["class_logits"], again["class_logits"])
    staged = detector.select(outputs, placement)
    assert staged.to_dicts() == detector.detect(SIXTY_FOUR).to_dicts()


def test_threshold_at_load_and_protocol_of_one_call(tiny_float: Path) -> None:
    detector = edge_edet.load(tiny_float, score_threshold=0.9)
    assert detector.detect(SIXTY_FOUR).labels == ("dog",)
    everything = PostprocessConfig(score_threshold=0.001, max_detections=None)
    assert len(detector.detect(SIXTY_FOUR, config=everything)) > 2
    assert len(edge_edet.load(tiny_float, score_threshold=1.0).detect(SIXTY_FOUR)) == 0


def test_info_says_what_runs(tiny_float: Path) -> None:
    info = edge_edet.load(tiny_float, threads=1, delegate="none").info
    assert (info.delegate, info.delegated_operators, info.partitions) == ("none", 0, 0)
    assert (info.threads, info.precision, info.variant) == (1, "fp32", "tiny")
    assert (info.image_size, info.labels_count, info.nms) == ((64, 64), 3, "none")
    assert info.total_operators == 5
    assert json.loads(json.dumps(info.to_dict()))["postprocess"]["kind"] == "hard"


def test_xnnpack_is_reported_with_its_share(tiny_float: Path) -> None:
    info = edge_edet.load(tiny_float).info
    if info.runtime != "ai-edge-litert":
        pytest.skip("the share is known of ai-edge-litert only")
    assert info.delegate == "xnnpack"
    assert info.delegated_operators is not None
    assert 0 < info.delegated_operators <= info.total_operators
    assert info.partitions == 1


def test_threads_may_share_a_detector(tiny_int8: Path) -> None:
    detector = edge_edet.load(tiny_int8)
    expected = detector.detect(SIXTY_FOUR).to_dicts()
    results: list[bool] = []

    def work() -> None:
        results.extend(detector.detect(SIXTY_FOUR).to_dicts() == expected for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 40


def test_a_closed_detector_says_so(tiny_float: Path) -> None:
    detector = edge_edet.load(tiny_float)
    detector.close()
    with pytest.raises(edge_edet.BackendError, match="is closed"):
        detector.detect(SIXTY_FOUR)


OUTPUTS = {
    "boxes": "detection_boxes",
    "classes": "detection_classes",
    "scores": "detection_scores",
    "count": "num_detections",
}


def test_our_model_with_suppression_in_the_graph(
    build_suppressed: Callable[..., Path],
    make_manifest: Callable[..., edge_edet.Manifest],
    tiny_float: Path,
    tmp_path: Path,
) -> None:
    limits = {"score_threshold": 0.25, "iou_threshold": 0.5, "max_detections": 10}
    given = make_manifest(nms="in-graph", outputs=OUTPUTS, **limits)
    path = build_suppressed(tmp_path / "m.tflite", given=given, score_threshold=0.25)
    detector = edge_edet.load(path)
    found, plain = detector.detect(SIXTY_FOUR), edge_edet.load(tiny_float).detect(SIXTY_FOUR)
    assert found.labels == plain.labels
    np.testing.assert_allclose(found.boxes, plain.boxes, atol=1e-3)
    np.testing.assert_allclose(found.scores, plain.scores, atol=1e-6)
    # Left, right and bottom padding: the fractions are of the input square.
    wide = detector.detect(np.zeros((32, 64, 3), np.uint8))
    np.testing.assert_allclose(wide.boxes[:, [0, 2]], found.boxes[:, [0, 2]], atol=1e-3)
    with pytest.raises(edge_edet.InputError, match=r"0\.1 is below 0\.25"):
        edge_edet.load(path, score_threshold=0.1)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_foreign_detector_with_outputs_in_any_order(
    order: tuple[int, ...], build_suppressed: Callable[..., Path], tmp_path: Path
) -> None:
    detector = edge_edet.load(build_suppressed(tmp_path / "m.tflite", order=order))
    found = detector.detect(SIXTY_FOUR)
    assert found.classes.tolist() == [2, 0]
    assert found.labels == ("class 2", "class 0")
    # Foreign detectors are fed the stretched picture: x scales by 2 here, y does not.
    wide = detector.detect(np.zeros((64, 128, 3), np.uint8))
    np.testing.assert_allclose(wide.boxes, found.boxes * [2, 1, 2, 1], rtol=1e-5)


NAMES = ["location", "category", "score", "number of detections"]


def test_foreign_float_model_is_normalized_by_its_metadata(
    build_suppressed: Callable[..., Path], make_metadata: Callable[..., bytes], tmp_path: Path
) -> None:
    metadata = make_metadata(NAMES, [127.5], [63.75])
    path = build_suppressed(tmp_path / "m.tflite", dtype="float32", metadata=metadata)
    tensor, _ = edge_edet.load(path).prepare(np.full((64, 64, 3), 255, np.uint8))
    assert tensor.dtype == np.float32
    assert np.all(tensor == 2.0)


def test_foreign_int8_model_is_quantized_by_its_input_tensor(
    build_suppressed: Callable[..., Path], make_metadata: Callable[..., bytes], tmp_path: Path
) -> None:
    metadata = make_metadata(NAMES, [127.5], [127.5])
    path = build_suppressed(tmp_path / "m.tflite", dtype="int8", metadata=metadata)
    tensor, _ = edge_edet.load(path).prepare(np.full((64, 64, 3), 255, np.uint8))
    assert tensor.dtype == np.int8
    assert np.all(tensor == 64 - 3)  # 1.0 at scale 1/64 and zero point -3


def test_labels_come_from_the_zip_behind_the_model(
    build_suppressed: Callable[..., Path], make_metadata: Callable[..., bytes], tmp_path: Path
) -> None:
    metadata = make_metadata(NAMES, [0.0], [1.0], "labels.txt")
    path = build_suppressed(tmp_path / "m.tflite", metadata=metadata)
    with pytest.raises(ModelFileError, match=r"label file 'labels\.txt'"):
        edge_edet.load(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "cat\n???\ndog\n")
    assert edge_edet.load(path).detect(SIXTY_FOUR).labels == ("dog", "cat")


def test_float_model_without_normalization_is_refused(
    build_suppressed: Callable[..., Path], tmp_path: Path
) -> None:
    path = build_suppressed(tmp_path / "m.tflite", dtype="float32")
    with pytest.raises(ModelFileError, match="no metadata says how pictures are normalized"):
        edge_edet.load(path)


def test_a_model_that_is_no_detector_says_what_was_found(
    build_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    path = build_tiny(tmp_path / "m.tflite", given=None)
    with pytest.raises(ModelFileError, match=r"found 5 operators.*expected a manifest") as error:
        edge_edet.load(path)
    assert "class_logits float32 [1, 774, 3]" in str(error.value)


def test_public_ssd_finds_the_giraffe(shared: Path) -> None:
    detector = edge_edet.load(shared / "weights" / "ssd_mobilenet_v1_coco_uint8.tflite")
    found = detector.detect(shared / "data" / "calibration" / "000000000025.jpg")
    assert found.labels[0] == "giraffe"
    # A golden box, IoU above 0.9: kernels of different CPUs differ by a step here and there.
    golden = np.array([359.4, 74.5, 583.0, 358.4])
    low = np.maximum(golden[:2], found.boxes[0, :2])
    high = np.minimum(golden[2:], found.boxes[0, 2:])
    inter = np.prod(high - low)
    union = np.prod(golden[2:] - golden[:2]) + np.prod(found.boxes[0, 2:] - found.boxes[0, :2])
    assert inter / (union - inter) > 0.9
    assert detector.info.variant is None
    assert len(detector.labels) == 90


@pytest.mark.parametrize(
    ("shapes", "padding", "warned"),
    [
        ([(64, 64)], 0.0, False),
        ([(48, 64)], 0.25, True),  # 16 of 64 rows
        ([(64, 32), (64, 64)], 0.25, True),
        ([(48, 64), (64, 64), (64, 64)], 0.25 / 3, False),
        ([(52, 64)], 12 / 64, False),
        ([(1000, 1)], 63 / 64, True),  # a column is the least
    ],
    ids=str,
)
def test_info_tells_the_mean_padding_and_warns_of_much(
    shapes: list[tuple[int, int]], padding: float, warned: bool, tiny_float: Path
) -> None:
    with edge_edet.load(tiny_float) as detector:
        assert detector.info.padding is None
        for shape in shapes:
            detector.detect(np.zeros((*shape, 3), np.uint8))
        info = detector.info
    assert info.padding == pytest.approx(padding)
    assert info.notes == (
        (
            f"on average {padding:.0%} of the input is padding: 'edge-edet convert --image-size auto "
            "--calibration PICTURES' makes an input of the pictures' shape, which is faster",
        )
        if warned
        else ()
    )


def test_the_padding_is_what_prepare_leaves_beside_the_picture(tiny_float: Path) -> None:
    with edge_edet.load(tiny_float) as detector:
        for shape in ((33, 100), (100, 33), (7, 9), (641, 480)):
            tensor, placement = detector.prepare(np.full((*shape, 3), 255, np.uint8))
            beside = (tensor[0] == 0).all(axis=2).mean()  # the tiny model pads in black
            assert placement.padding(detector.info.image_size) == pytest.approx(beside)
