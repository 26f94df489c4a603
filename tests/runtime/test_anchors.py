from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.postprocess.boxes import decode
from edge_edet.variants import VARIANTS


def corners(boxes: np.ndarray) -> np.ndarray:
    """y1 x1 y2 x2 of centre y, centre x, height, width."""
    return np.concatenate(
        [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1
    )


def test_d0_first_anchors() -> None:
    found = anchors(VARIANTS["d0"])
    assert found.shape == (49104, 4)
    side = 32 * 2 ** (1 / 3)
    expected = [
        [4, 4, 32, 32],  # octave 0: square, wide, tall
        [4, 4, 32 * 0.7, 32 * 1.4],
        [4, 4, 32 * 1.4, 32 * 0.7],
        [4, 4, side, side],  # octave 1
    ]
    np.testing.assert_allclose(found[:4], expected, rtol=1e-6)
    np.testing.assert_allclose(found[9], [4, 12, 32, 32])  # columns before rows
    np.testing.assert_allclose(found[9 * 64], [12, 4, 32, 32])
    np.testing.assert_allclose(found[9 * 64 * 64], [8, 8, 64, 64])  # P4


def test_d0_equals_another_implementation(shared: Path) -> None:
    golden = np.load(shared / "reference" / "checkpoints" / "zylo117_d0_golden.npz")["anchors"]
    ours = corners(anchors(VARIANTS["d0"]))[::101]
    np.testing.assert_allclose(ours, golden, atol=1e-4)  # theirs are computed in float32


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_has_its_count_and_covers_the_picture(name: str) -> None:
    variant = VARIANTS[name]
    found = anchors(variant)
    assert found.shape == (variant.num_anchors, 4)
    assert found[:, :2].min() > 0
    assert found[:, :2].max() < variant.image_size


def test_a_level_that_does_not_divide_the_picture_is_spread_evenly() -> None:
    variant = VARIANTS["lite0"]  # 320: P6 has 5 cells, P7 3 cells of 106.67
    last = anchors(variant)[-9:]
    np.testing.assert_allclose(last[0, :2], [2.5 * 320 / 3] * 2, rtol=1e-6)
    np.testing.assert_allclose(last[0, 2:], [3.0 * 320 / 3] * 2, rtol=1e-6)


def test_decode() -> None:
    found = np.array([[10, 20, 4, 8]], np.float32)
    codes = np.array([[0.5, -0.25, np.log(2), 0]], np.float32)
    # cy = 12, cx = 18, h = 8, w = 8
    np.testing.assert_allclose(decode(codes, found), [[14, 8, 22, 16]], rtol=1e-6)
