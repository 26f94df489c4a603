"""Networks read from other families' checkpoints say what those implementations say.

The reference outputs are of seeded values (reference/checkpoints/README.md beside the weights) on
the picture of float_network.normal_image.
"""

from __future__ import annotations

import itertools
import json
import runpy
from pathlib import Path

import numpy as np

from edge_edet.converters.checkpoints import read_checkpoint
from edge_edet.variants import VARIANTS

GOLDEN = Path(__file__).parents[1] / "golden"
seeded_weights = runpy.run_path(str(GOLDEN / "seeded.py"))["seeded_weights"]
float_network = runpy.run_path(str(GOLDEN / "float_network.py"))

CLASS_STEP, BOX_STEP = 97, 11  # of the raveled outputs
TOLERANCE = 1e-4  # of the output's spread: well above float32 rounding, see test_parity_effdet.py


def _run(path):
    checkpoint = read_checkpoint(path, VARIANTS["d0"])
    image = float_network["normal_image"](checkpoint.variant.image_size)
    return checkpoint, *float_network["run_float"](checkpoint.variant, checkpoint.weights, image)


def _assert_close(rows, expected, step, what):
    error = abs(rows.ravel()[::step] - expected).max() / expected.std()
    print(f"{what}: worst error {error:.1e} of the spread")
    assert error <= TOLERANCE, what


def test_automl_outputs(shared):
    checkpoint, logits, boxes = _run(shared / "reference/checkpoints/automl_d0.h5")
    assert checkpoint.family == "automl"
    sizes = checkpoint.variant.feature_sizes
    starts = np.cumsum([0, *(checkpoint.variant.anchors_per_position * size**2 for size in sizes)])
    with np.load(shared / "reference/checkpoints/automl_d0_golden.npz") as golden:
        for level, (start, stop) in enumerate(itertools.pairwise(starts)):
            _assert_close(logits[start:stop], golden[f"cls{level}"], CLASS_STEP, f"cls{level}")
            _assert_close(boxes[start:stop], golden[f"box{level}"], BOX_STEP, f"box{level}")


def test_zylo117_outputs(shared, write, tmp_path):
    names = json.loads((shared / "reference/checkpoints/zylo117_d0_names.json").read_text())
    shapes = {k: tuple(v) for k, v in names.items() if not k.endswith("num_batches_tracked")}
    checkpoint, logits, boxes = _run(write.state(tmp_path / "d0.pth", seeded_weights(shapes)))
    assert checkpoint.family == "zylo117"
    with np.load(shared / "reference/checkpoints/zylo117_d0_golden.npz") as golden:
        _assert_close(1 / (1 + np.exp(-logits)), golden["cls"], CLASS_STEP, "scores")
        _assert_close(boxes, golden["box"], BOX_STEP, "boxes")
