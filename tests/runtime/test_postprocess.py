"""The fast post-processing against a slow one that is written down from its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.postprocess.boxes import QuantizedTensor, decode, postprocess, select
from edge_edet.detection.postprocess.config import PostprocessConfig
from edge_edet.detection.postprocess.nms import BLOCK, hard_nms, soft_nms
from edge_edet.detection.preprocess import LetterboxTransform
from edge_edet.errors import InputError
from edge_edet.variants import VARIANTS

F = np.float32
VARIANT = VARIANTS["d0"].replace(image_size=64, num_classes=5)
ANCHORS = anchors(VARIANT)


def slow_iou(a: np.ndarray, b: np.ndarray) -> np.float32:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), F(0))
    height = max(min(a[3], b[3]) - max(a[1], b[1]), F(0))
    inter = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
    return inter / union if union > 0 else F(0)


def slow_hard(boxes: np.ndarray, threshold: float, keep: int) -> list[int]:
    kept: list[int] = []
    for i in range(len(boxes)):
        if all(not slow_iou(boxes[k], boxes[i]) > F(threshold) for k in kept):
            kept.append(i)
    return kept[:keep]


def slow_soft(
    boxes: np.ndarray, scores: np.ndarray, sigma: float, threshold: float, keep: int
) -> list[tuple[int, np.float32]]:
    alive = {i: scores[i] for i in range(len(boxes)) if scores[i] > F(threshold)}
    kept: list[tuple[int, np.float32]] = []
    while alive and len(kept) < keep:
        best = max(alive, key=lambda i: (alive[i], -i))
        kept.append((best, alive.pop(best)))
        for i in list(alive):
            overlap = slow_iou(boxes[best], boxes[i])
            alive[i] = alive[i] * np.exp(-(overlap * overlap) / F(sigma))
            if not alive[i] > F(threshold):
                del alive[i]
    return kept


def slow_select(logits: QuantizedTensor, config: PostprocessConfig) -> list[tuple[int, int]]:
    """(anchor, class) of the candidates, best first, ties by anchor, then class."""
    real = logits.real(logits.values[0]).tolist()
    pairs = []
    for anchor, row in enumerate(real):
        classes = range(len(row)) if config.multi_label else [row.index(max(row))]
        pairs += [(-row[c], anchor, c) for c in classes]
    pairs.sort()
    scores = [F(1) / (F(1) + np.exp(F(logit))) for logit, _, _ in pairs[: config.candidates]]
    return [
        (anchor, c)
        for score, (_, anchor, c) in zip(scores, pairs, strict=False)
        if score > F(config.score_threshold)
    ]


def random_boxes(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 40, (n, 2)).astype(F)  # integers: equal boxes and equal overlaps occur
    high = low + rng.integers(0, 25, (n, 2)).astype(F)  # and boxes without area
    return np.concatenate([low, high], axis=1)


@pytest.mark.parametrize("n", [0, 1, 2, BLOCK, BLOCK + 1, 3 * BLOCK, 350])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_hard_nms_equals_the_slow_one(n: int, threshold: float) -> None:
    boxes = random_boxes(n, n)
    assert hard_nms(boxes, threshold, 100).tolist() == slow_hard(boxes, threshold, 100)


@pytest.mark.parametrize("n", [0, 1, BLOCK, BLOCK + 1, 4 * BLOCK])
@pytest.mark.parametrize("per_class", [1, 3, 100])
def test_all_classes_at_once_equal_class_by_class(n: int, per_class: int) -> None:
    boxes, classes = random_boxes(n, n), np.random.default_rng(n).integers(0, 4, n)
    slow: list[int] = []
    for class_id in range(4):
        members = np.flatnonzero(classes == class_id)
        slow += members[slow_hard(boxes[members], 0.3, per_class)].tolist()
    assert hard_nms(boxes, 0.3, per_class, classes).tolist() == sorted(slow)


@pytest.mark.parametrize("n", [0, 1, 2, 60, 200])
@pytest.mark.parametrize("threshold", [0.0, 0.001, 0.3])
def test_soft_nms_equals_the_slow_one(n: int, threshold: float) -> None:
    boxes = random_boxes(n, n)
    scores = np.sort(np.random.default_rng(n + 1).integers(0, 40, n))[::-1].astype(F) / F(40)
    index, values = soft_nms(boxes, scores, 0.5, threshold, 100)
    slow = slow_soft(boxes, scores, 0.5, threshold, 100)
    assert index.tolist() == [i for i, _ in slow]
    np.testing.assert_allclose(values, [v for _, v in slow], rtol=1e-5)


def raw_logits(dtype: str, seed: int) -> QuantizedTensor:
    rng = np.random.default_rng(seed)
    shape = (1, VARIANT.num_anchors, VARIANT.num_classes)
    if dtype == "float32":
        # Rounded, so that ties between anchors and between classes occur.
        return QuantizedTensor(np.round(rng.normal(-4, 3, shape), 1).astype(F))
    if dtype == "int8":
        return QuantizedTensor(rng.integers(-128, 128, shape, dtype=np.int8), 0.06, 40)
    return QuantizedTensor(rng.integers(0, 256, shape, dtype=np.uint8), 0.05, 180)


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("threshold", [0.0, 0.02, 0.3, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("multi_label", [False, True])
def test_selection_equals_the_slow_one(kind: str, threshold: float, multi_label: bool) -> None:
    logits = raw_logits(kind, 3)
    config = PostprocessConfig(score_threshold=threshold, candidates=300, multi_label=multi_label)
    chosen = select(logits, config)
    pairs = list(zip(chosen.anchors.tolist(), chosen.classes.tolist(), strict=True))
    assert pairs == slow_select(logits, config)
    assert np.all(chosen.scores[1:] <= chosen.scores[:-1])


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("candidates", [1, 40, 300, 5000])
def test_the_best_anchors_with_all_of_their_classes(
    kind: str, threshold: float, candidates: int
) -> None:
    logits = raw_logits(kind, 4)
    config = PostprocessConfig(
        score_threshold=threshold, candidates=candidates, multi_label=True, whole_anchors=True
    )
    chosen = select(logits, config)
    alone = PostprocessConfig(score_threshold=threshold, candidates=10**9)
    every = slow_select(logits, alone.replace(multi_label=True))
    best = {anchor for anchor, _ in slow_select(logits, alone)[:candidates]}
    pairs = list(zip(chosen.anchors.tolist(), chosen.classes.tolist(), strict=True))
    assert pairs == [(anchor, c) for anchor, c in every if anchor in best]


@pytest.mark.parametrize("score", [0.25, 0.5, 0.75])
def test_a_score_equal_to_the_threshold_is_not_kept(score: float) -> None:
    logit = math.log(score / (1 - score))
    scale = abs(logit) / 10 or 0.1
    q = round(logit / scale)
    logits = QuantizedTensor(np.array([[[q, q + 1, q - 1]]], np.int8), scale, 0)
    exact = select(logits, PostprocessConfig(score_threshold=0.0, multi_label=True)).scores[1]
    chosen = select(logits, PostprocessConfig(score_threshold=float(exact), multi_label=True))
    assert chosen.classes.tolist() == [1]


@pytest.mark.parametrize("nms_method", ["hard", "soft-gaussian"])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("limits", [(2000, 100, 100), (50, 3, 7), (500, 100, None)])
def test_the_whole_pipeline_equals_the_slow_one(
    nms_method: str, seed: int, limits: tuple[int, int, int | None]
) -> None:
    logits = raw_logits("int8", seed)
    codes = QuantizedTensor(
        np.random.default_rng(seed).integers(-30, 30, (1, len(ANCHORS), 4), dtype=np.int8), 0.05, 2
    )
    candidates, per_class, most = limits
    config = PostprocessConfig(
        nms_method=nms_method,
        score_threshold=0.9,
        candidates=candidates,
        per_class=per_class,
        max_detections=most,
    )
    placement = LetterboxTransform(100, 75, 0.64, 0.64)
    fast = postprocess(codes, logits, ANCHORS, placement, config)

    pairs = slow_select(logits, config)
    boxes = [
        placement.to_picture(decode(codes.real(codes.values[0, a : a + 1]), ANCHORS[a : a + 1]))[0]
        for a, _ in pairs
    ]
    scores = [F(1) / (F(1) + np.exp(-logits.real(logits.values[0, a, c]))) for a, c in pairs]
    alive = [i for i, b in enumerate(boxes) if b[2] > b[0] and b[3] > b[1]]
    kept: list[tuple[float, int]] = []
    for class_id in range(VARIANT.num_classes):
        mine = [i for i in alive if pairs[i][1] == class_id]
        own = np.array([boxes[i] for i in mine], F).reshape(-1, 4)
        if nms_method == "hard":
            kept += [(-scores[mine[i]], mine[i]) for i in slow_hard(own, 0.5, per_class)]
        else:
            own_scores = np.array([scores[i] for i in mine], F)
            kept += [
                (-value, mine[i]) for i, value in slow_soft(own, own_scores, 0.5, 0.9, per_class)
            ]
    kept.sort()
    kept = kept[:most]
    assert len(kept) > 3
    assert fast.classes.tolist() == [pairs[i][1] for _, i in kept]
    np.testing.assert_allclose(fast.scores, [-s for s, _ in kept], rtol=1e-5)
    np.testing.assert_array_equal(fast.boxes, [boxes[i] for _, i in kept])


def test_boxes_outside_of_the_picture_are_dropped_and_others_clipped() -> None:
    three = np.array([[8, 8, 16, 16], [60, 60, 8, 8], [0, 0, 10, 10]], F)
    logits = QuantizedTensor(np.full((1, 3, 1), 5, F))
    placement = LetterboxTransform(32, 32, 1.0, 1.0)
    found = postprocess(
        QuantizedTensor(np.zeros((1, 3, 4), F)), logits, three, placement, PostprocessConfig()
    )
    assert found.boxes.tolist() == [[0, 0, 16, 16], [0, 0, 5, 5]]


def test_numbers_that_are_none_give_no_detections() -> None:
    codes = np.full((1, 4, 4), np.nan, F)
    logits = np.array([[[9], [np.nan], [np.inf], [-np.inf]]], F)
    found = postprocess(
        QuantizedTensor(codes),
        QuantizedTensor(logits),
        ANCHORS[:4],
        LetterboxTransform(64, 64, 1.0, 1.0),
        PostprocessConfig(),
    )
    assert len(found.scores) == 0


def test_huge_codes_stay_finite() -> None:
    codes = np.full((1, 1, 4), 1e30, F)
    codes[0, 0, :2] = 0
    found = postprocess(
        QuantizedTensor(codes),
        QuantizedTensor(np.full((1, 1, 1), 3, F)),
        ANCHORS[300:301],
        LetterboxTransform(64, 64, 1.0, 1.0),
        PostprocessConfig(),
    )
    assert found.boxes.tolist() == [[0, 0, 64, 64]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nms_method": "fast"}, "suppression must be one of hard, soft-gaussian, but got 'fast'"),
        ({"score_threshold": 1.5}, "score_threshold must be a number from 0 to 1, but got 1.5"),
        ({"score_threshold": math.nan}, "score_threshold must be"),
        ({"iou_threshold": -1}, "iou_threshold must be a number from 0 to 1, but got -1"),
        ({"sigma": 0}, "sigma must be a positive number, but got 0"),
        ({"candidates": 0}, "candidates must be a positive integer, but got 0"),
        ({"per_class": None}, "per_class must be a positive integer, but got None"),
        ({"max_detections": 1.0}, "max_detections must be a positive integer, but got 1.0"),
    ],
)
def test_protocol_is_checked(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        PostprocessConfig(**changes)  # type: ignore[arg-type]
    assert message in str(error.value)
