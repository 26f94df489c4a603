"""Networks read from other families' checkpoints say what those implementations say.

The reference outputs are of seeded values (reference/checkpoints/README.md beside the weights) on
the picture of float_network.normal_image.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest

from edge_edet.converters.checkpoints import read_checkpoint
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.variants import VARIANTS

GOLDEN = Path(__file__).parents[1] / "golden"
seeded_weights = runpy.run_path(str(GOLDEN / "seeded.py"))["seeded_weights"]
float_network = runpy.run_path(str(GOLDEN / "float_network.py"))

SIZES = Path(__file__).parent / "golden" / "automl_sizes.npz"  # by make_automl_sizes.py
CLASS_STEP, BOX_STEP, ANCHOR_STEP = 97, 11, 101  # of the raveled outputs
TOLERANCE = 1e-4  # of the output's spread: well above float32 rounding, see test_parity_effdet.py


def _run(path, size=512):
    checkpoint = read_checkpoint(path, VARIANTS["d0"])
    sized = checkpoint.variant.replace(image_size=size)
    checkpoint = dataclasses.replace(checkpoint, variant=sized)
    image = float_network["normal_image"](checkpoint.variant.image_size)
    return checkpoint, *float_network["run_float"](checkpoint.variant, checkpoint.weights, image)


def _assert_close(rows, expected, step, what):
    error = abs(rows.ravel()[::step] - expected).max() / expected.std()
    print(f"{what}: worst error {error:.1e} of the spread")
    assert error <= TOLERANCE, what


def test_automl_outputs(shared):
    checkpoint, logits, boxes = _run(shared / "reference/checkpoints/automl_d0.h5")
    assert checkpoint.family == "automl"
    with np.load(shared / "reference/checkpoints/automl_d0_golden.npz") as golden:
        _assert_levels(checkpoint.variant, logits, boxes, golden)


@pytest.mark.parametrize(("width", "height"), [(512, 384), (320, 224)])
def test_automl_outputs_at_sizes_that_are_no_squares(shared, width, height):
    """Levels of 320x224 have odd sides, where the nearest value depends on the rule: 7 x 10 from 4 x 5."""
    checkpoint, logits, boxes = _run(shared / "reference/checkpoints/automl_d0.h5", (height, width))
    with np.load(SIZES) as golden:
        _assert_levels(checkpoint.variant, logits, boxes, golden, f"{width}x{height}/")
        ratios = tuple((math.sqrt(ratio), 1 / math.sqrt(ratio)) for ratio in (1.0, 2.0, 0.5))
        own = anchors(checkpoint.variant.replace(aspect_ratios=ratios))  # google/automl's
        half = own[:, 2:] / 2
        corners = np.concatenate([own[:, :2] - half, own[:, :2] + half], axis=1)
        expected = golden[f"{width}x{height}/anchors"]
    np.testing.assert_allclose(corners[::ANCHOR_STEP], expected, atol=1e-4)  # float32 of 640 pixels


def _assert_levels(variant, logits, boxes, golden, size=""):
    sizes = variant.feature_sizes
    starts = np.cumsum([0, *(variant.anchors_per_position * h * w for h, w in sizes)])
    for level, (start, stop) in enumerate(itertools.pairwise(starts)):
        _assert_close(logits[start:stop], golden[f"{size}cls{level}"], CLASS_STEP, f"cls{level}")
        _assert_close(boxes[start:stop], golden[f"{size}box{level}"], BOX_STEP, f"box{level}")


def test_zylo117_outputs(shared, write, tmp_path):
    names = json.loads((shared / "reference/checkpoints/zylo117_d0_names.json").read_text())
    shapes = {k: tuple(v) for k, v in names.items() if not k.endswith("num_batches_tracked")}
    checkpoint, logits, boxes = _run(write.state(tmp_path / "d0.pth", seeded_weights(shapes)))
    assert checkpoint.family == "zylo117"
    with np.load(shared / "reference/checkpoints/zylo117_d0_golden.npz") as golden:
        _assert_close(1 / (1 + np.exp(-logits)), golden["cls"], CLASS_STEP, "scores")
        _assert_close(boxes, golden["box"], BOX_STEP, "boxes")
