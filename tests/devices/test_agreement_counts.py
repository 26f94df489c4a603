"""What agreement counts: steps of raw outputs, detections that are there in one probe only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_edet import InputError
from edge_edet.devices.agreement.agreement import compare, table
from edge_edet.devices.agreement.probing import Probe

BOX, SHIFTED, FAR = (0, 0, 100, 100), (0, 0, 100, 95), (200, 200, 300, 300)
ABOUT = {"runtime": "fake", "runtime_version": "1", "delegate": "none", "arch": "none"}


def probe(*found: tuple[tuple[int, ...], float, int], **arrays: Any) -> Probe:
    """Of detections (box, score, class); other arrays as given."""
    values = {
        "input": np.zeros((1, 2, 2, 3), np.uint8),
        "raw_boxes": np.zeros((1, 4, 4), np.int8),
        "raw_classes": np.zeros((1, 4, 3), np.int8),
        "boxes": np.array([box for box, _, _ in found], np.float32).reshape(-1, 4),
        "scores": np.array([score for _, score, _ in found], np.float32),
        "classes": np.array([kind for _, _, kind in found], np.int64),
    }
    return Probe(ABOUT, "none: this one", {**values, **arrays})


ONE, TWO = (BOX, 0.9, 0), (FAR, 0.8, 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "counts"),
    [
        pytest.param([], [], (0, 0, 0), id="nothing on both sides"),
        pytest.param([ONE], [], (0, 1, 0), id="lost"),
        pytest.param([], [ONE], (0, 0, 1), id="invented"),
        pytest.param([ONE, TWO], [TWO, ONE], (2, 0, 0), id="another order"),
        pytest.param([ONE], [(BOX, 0.9, 1)], (0, 1, 1), id="another class"),
        pytest.param([ONE], [(SHIFTED, 0.9, 0)], (1, 0, 0), id="IoU 0.95"),
        pytest.param([ONE], [((0, 0, 100, 80), 0.9, 0)], (0, 1, 1), id="IoU 0.8"),
        pytest.param([ONE], [ONE, (SHIFTED, 0.9, 0)], (1, 0, 1), id="each once"),
    ],
)
def test_matching(ours: list[Any], theirs: list[Any], counts: tuple[int, int, int]) -> None:
    found = compare(probe(*ours), probe(*theirs))
    assert (found.matched, found.lost, found.invented) == counts


def test_the_worst_of_the_matched_is_told() -> None:
    found = compare(probe(ONE, TWO), probe((SHIFTED, 0.7, 0), TWO))
    assert found.lowest_iou == pytest.approx(0.95)
    assert found.score_difference == pytest.approx(0.2)


def test_steps_are_counted_without_overflow() -> None:
    raw = np.zeros((1, 4, 4), np.int8)
    low, high = raw.copy(), raw.copy()
    low[0, 0, :], high[0, 0, :] = -128, (127, -125, -124, -128)
    found = compare(probe(raw_boxes=low), probe(raw_boxes=high))
    assert (found.boxes.max_lsb, found.boxes.equal, found.boxes.near) == (255, 13 / 16, 14 / 16)
    assert (found.classes.max_lsb, found.classes.equal) == (0, 1)


def test_another_input_is_told() -> None:
    assert compare(probe(), probe()).same_input
    assert not compare(probe(), probe(input=np.ones((1, 2, 2, 3), np.uint8))).same_input


def test_float_outputs_have_no_steps() -> None:
    with pytest.raises(InputError, match=r"in steps of int8, but the raw outputs are .*float32"):
        compare(probe(), probe(raw_boxes=np.zeros((1, 4, 4), np.float32)))


def test_the_table_has_a_line_for_each_probe() -> None:
    lines = table([probe(ONE), probe()]).splitlines()
    assert len(lines) == 4
    assert "| fake 1 | none: this one | the runtime's own | 0, 100.0%, 100.0% |" in lines[2]
    assert "0 matched, 1 lost, 0 invented" in lines[3]
    assert len({line.count("|") for line in lines}) == 1
