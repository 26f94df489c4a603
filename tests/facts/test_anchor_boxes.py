"""Anchors that a checkpoint holds as boxes (effdet's buffer anchors.boxes) are taken apart exactly."""

import itertools

import numpy as np
import pytest

from edge_edet.converters.facts import fact_of_boxes
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.errors import CheckpointError
from edge_edet.variants import VARIANTS, octaves

D0 = VARIANTS["d0"]
NAME = "anchors.boxes"


def effdet_boxes(height, width, scales, ratios, count, levels=range(3, 8)):
    """[N, 4] y0 x0 y1 x1, written as effdet 0.4.1 anchors.py says: level, row, column, octave, ratio.

    Slow and plain, beside our own anchors(); scales: of each level.
    """
    boxes = []
    for level, scale in zip(levels, scales, strict=True):
        rows, columns = -(-height // 2**level), -(-width // 2**level)
        stride_y, stride_x = height / rows, width / columns
        for row, column, octave in itertools.product(range(rows), range(columns), range(count)):
            y, x = (row + 0.5) * stride_y, (column + 0.5) * stride_x
            for rx, ry in ratios:
                h = scale * stride_y * 2 ** (octave / count) * ry / 2
                w = scale * stride_x * 2 ** (octave / count) * rx / 2
                boxes.append((y - h, x - w, y + h, x + w))
    return np.asarray(boxes, np.float32)


USUAL = D0.aspect_ratios
SQRT = ((1.0, 1.0), (2**0.5, 0.5**0.5), (0.5**0.5, 2**0.5))


@pytest.mark.parametrize(
    ("size", "scale", "ratios", "count"),
    [
        (512, 4.0, USUAL, 3),
        (512, 2.0, USUAL, 3),
        (768, 4.0, USUAL, 3),
        (256, 1.5, ((1.0, 1.0), (2.0, 0.5), (0.5, 2.0)), 3),
        (256, 4.0, SQRT, 3),  # effdet takes aspect_ratios = [1.0, 2.0, 0.5] so
        (256, 3.3, USUAL, 5),  # google/automl #524: num_scales 5
        (256, 4.0, ((1.0, 1.0),), 3),
        (256, 4.0, ((1.4, 0.7), (0.7, 1.4), (1.0, 1.0)), 2),
        (256, 4.0, ((1.2, 0.5), (0.5, 1.2), (0.8, 0.9), (2.0, 0.5)), 1),
        (64, 4.0, USUAL, 3),  # P6 and P7 are one place each
        (320, 4.0, USUAL, 3),  # P7 is 3 x 3 places, 106.7 pixels apart
        (300, 4.0, USUAL, 3),  # no stride divides it
        ((384, 512), 4.0, USUAL, 3),
        ((512, 384), 3.0, SQRT, 3),
        ((224, 320), 4.0, USUAL, 3),  # no multiples of 128: anchors are no squares at P6 and P7
        ((96, 512), 4.0, USUAL, 3),  # P7 has one row
        ((228, 300), 2.5, USUAL, 3),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_boxes_give_back_what_they_were_made_from(size, scale, ratios, count, dtype):
    height, width = D0.replace(image_size=size).input_size
    boxes = effdet_boxes(height, width, (scale,) * 5, ratios, count).astype(dtype)
    fact = fact_of_boxes(boxes, D0, count * len(ratios), NAME)
    variant = D0.replace(**fact.values)
    assert variant.image_size == size
    rows = anchors(variant).astype(np.float64)
    exact = effdet_boxes(height, width, (scale,) * 5, ratios, count).astype(np.float64)
    centres, sizes = (exact[:, :2] + exact[:, 2:]) / 2, exact[:, 2:] - exact[:, :2]
    np.testing.assert_allclose(rows[:, :2], centres, atol=1e-3)
    room = 1e-5 if dtype == np.float32 else 2e-3  # float16 keeps 11 bits
    np.testing.assert_allclose(rows[:, 2:], sizes, rtol=room)


def test_round_numbers_come_back_round():
    """As the person wrote them, so that the manifest and notes can be read."""
    ratios = ((1.0, 1.0), (1.3, 0.8), (1.9, 0.5))
    for dtype in (np.float32, np.float16):
        boxes = effdet_boxes(512, 512, (2.5,) * 5, ratios, 3).astype(dtype)
        values = fact_of_boxes(boxes, D0, 9, NAME).values
        assert values == {
            "image_size": 512,
            "anchor_scale": 2.5,
            "anchor_octaves": octaves(3),
            "aspect_ratios": ratios,
        }


def test_a_scale_for_each_level():
    """effdet and google/automl take a list of anchor scales, one for each level."""
    scales = (2.0, 3.0, 4.0, 4.0, 5.0)
    values = fact_of_boxes(effdet_boxes(256, 256, scales, USUAL, 3), D0, 9, NAME).values
    assert values["anchor_scale"] == scales
    assert values["aspect_ratios"] == USUAL


def test_six_levels():
    d7x = VARIANTS["d7x"].replace(image_size=256)
    boxes = effdet_boxes(256, 256, (4.0,) * 6, USUAL, 3, range(3, 9))
    assert fact_of_boxes(boxes, d7x, 9, NAME).values["image_size"] == 256
    with pytest.raises(CheckpointError, match="of 6 pyramid levels, d0 has 5"):
        fact_of_boxes(boxes, D0, 9, NAME)


def test_what_the_options_said_is_kept_where_the_boxes_agree():
    """2 x (1, 1.4) and 4 x (0.5, 0.7) are the same anchors: the person's words stay."""
    said = D0.replace(anchor_octaves=(0.5, 0.7, 0.9), image_size=128)
    rows = anchors(said)
    boxes = np.concatenate([rows[:, :2] - rows[:, 2:] / 2, rows[:, :2] + rows[:, 2:] / 2], 1)
    values = fact_of_boxes(boxes, said, 9, NAME).values
    assert (values["anchor_scale"], values["anchor_octaves"]) == (4.0, (0.5, 0.7, 0.9))
    known = D0.replace(anchor_octaves=(0.5, 0.7, 0.9))  # the scale is the boxes' to say
    assert fact_of_boxes(boxes, known, 9, NAME).values == values
    found = fact_of_boxes(boxes, D0, 9, NAME).values
    assert (found["anchor_scale"], found["anchor_octaves"]) == (2.0, (1.0, 1.4, 1.8))


def test_anchors_in_another_order_come_back_in_that_order():
    """Ratio by ratio, as some forks have it: nine aspect ratios of one scale are the same anchors."""
    boxes = effdet_boxes(128, 128, (4.0,) * 5, USUAL, 3).reshape(-1, 9, 4)
    boxes = boxes[:, [0, 3, 6, 1, 4, 7, 2, 5, 8]].reshape(-1, 4)
    variant = D0.replace(**fact_of_boxes(boxes, D0, 9, NAME).values)
    np.testing.assert_allclose(anchors(variant)[:, 2:], boxes[:, 2:] - boxes[:, :2], rtol=1e-5)


BOXES = effdet_boxes(128, 128, (4.0,) * 5, USUAL, 3)


@pytest.mark.parametrize(
    ("boxes", "what"),
    [
        (BOXES[:, :3], "of shape \\(3069, 3\\): expected \\[N, 4\\]"),
        (BOXES[:-1], "not anchors: 3068 boxes"),
        (BOXES[:-9], "of 4 pyramid levels|that are not scale x octave"),
        (BOXES[::-1], "that are not scale x octave|pyramid"),
        (BOXES + 3, "that are not scale x octave"),  # other centres
        (BOXES[:, [1, 0, 3, 2]], "that are not scale x octave|pyramid"),  # x first
        (np.where(np.isin(BOXES, BOXES[5]), np.float32(np.nan), BOXES), "not anchors"),
        (np.zeros((0, 4), np.float32), "expected \\[N, 4\\]"),
        (np.zeros((9, 4), np.float32), "pyramid levels"),
        (np.random.default_rng(0).normal(0, 50, (3069, 4)).astype(np.float32), "pyramid|no rule"),
    ],
)  # fmt: skip
def test_boxes_that_are_no_efficientdets_are_refused(boxes, what):
    with pytest.raises(CheckpointError, match=what) as caught:
        fact_of_boxes(boxes, D0, 9, NAME)
    assert "\n" not in str(caught.value)
