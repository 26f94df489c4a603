"""Overlap and matching: one box against another in plain Python, ties, classes, nothing at all."""

from __future__ import annotations

import numpy as np
import pytest

from edge_edet.detection import iou_matrix, match_boxes

BOX, SHIFTED, FAR, EMPTY = (0, 0, 10, 10), (0, 0, 10, 9), (20, 20, 30, 30), (5, 5, 5, 5)


def _boxes(*given):
    return np.asarray(given, np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("one", "other", "iou"),
    [
        (BOX, BOX, 1.0),
        (BOX, SHIFTED, 0.9),
        (BOX, FAR, 0.0),
        (BOX, (10, 0, 20, 10), 0.0),  # they touch
        (BOX, EMPTY, 0.0),
        (EMPTY, EMPTY, 0.0),  # no union
    ],
)
def test_iou_of_two_boxes(one, other, iou):
    assert iou_matrix(_boxes(one), _boxes(other)).tolist() == [[iou]]


def test_iou_of_every_box_with_every_other():
    found = iou_matrix(_boxes(BOX, FAR), _boxes(SHIFTED, FAR, BOX))
    assert found.tolist() == [[0.9, 0.0, 1.0], [0.0, 1.0, 0.0]]
    assert iou_matrix(_boxes(), _boxes(BOX)).shape == (0, 1)


@pytest.mark.parametrize(
    ("first", "second", "pairs"),
    [
        pytest.param([], [(BOX, 0)], [], id="nothing on one side"),
        pytest.param([(BOX, 0)], [], [], id="nothing on the other"),
        pytest.param([(BOX, 0)], [(BOX, 1)], [], id="another class"),
        pytest.param([(BOX, 0)], [(SHIFTED, 0)], [(0, 0, 0.9)], id="at the threshold"),
        pytest.param([(BOX, 0)], [(SHIFTED, 0), (BOX, 0)], [(0, 1, 1.0)], id="the closest"),
        pytest.param(
            [(SHIFTED, 0), (BOX, 0)], [(BOX, 0)], [(1, 0, 1.0)], id="each box at most once"
        ),
        pytest.param(
            [(BOX, 0), (FAR, 2)],
            [(FAR, 2), (SHIFTED, 0)],
            [(1, 0, 1.0), (0, 1, 0.9)],
            id="in order",
        ),
    ],
)
def test_matching(first, second, pairs):
    boxes = [_boxes(*(box for box, _ in side)) for side in (first, second)]
    classes = [np.asarray([kind for _, kind in side], np.int64) for side in (first, second)]
    found = match_boxes(boxes[0], classes[0], boxes[1], classes[1], 0.9)
    assert found == [(i, j, pytest.approx(iou)) for i, j, iou in pairs]
