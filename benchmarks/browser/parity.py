"""Whether a browser finds what the native runtime finds, in drawn pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from edge_edet.benchmarks.browser.messages import FoundBox
from edge_edet.benchmarks.rows import Parity
from edge_edet.demo_picture import draw_smear
from edge_edet.detection import Detections, PostprocessConfig, load, match_boxes
from edge_edet.labels import class_names

__all__ = ["compare", "pictures", "reference"]

SEEDS = (3, 5)  # of the drawn pictures
IOU, SCORE = 0.9, 0.05  # other kernels and another decoder of PNG move boxes by less
MOST_TEXTS = 20


def pictures() -> list[bytes]:
    """Draw the pictures: PNG, which every browser decodes to the same pixels."""
    drawn = []
    for seed in SEEDS:
        data = io.BytesIO()
        Image.fromarray(draw_smear(seed)[0]).save(data, "PNG")
        drawn.append(data.getvalue())
    return drawn


def reference(model: Path, data: Sequence[bytes], config: PostprocessConfig) -> list[Detections]:
    """Run the model on the pictures here. Raises EdgeEdetError as loading and detecting do."""
    with load(model, config=config) as detector:
        return [detector.detect(np.asarray(Image.open(io.BytesIO(one)))) for one in data]


def compare(
    expected: Sequence[Detections],
    found: Sequence[Sequence[FoundBox]],
    labels: Sequence[str | None],
    threshold: float,
) -> Parity:
    """Compare the boxes of a browser with those of the native runtime.

    Parameters
    ----------
    expected
        Of the native runtime, one for each picture.
    found
        Of the browser.
    labels
        Names of the classes.
    threshold
        Lowest score that was kept: a box within the tolerance of it may be missing on either side.

    Returns
    -------
    Parity
        How many boxes match, and a text for each that does not.
    """
    boxes = matched = 0
    wrong: list[str] = []
    for number, (native, theirs) in enumerate(zip(expected, found, strict=True), 1):
        place = f"picture {number}"
        corners = np.array([one.box for one in theirs], np.float32).reshape(-1, 4)
        classes = np.array([one.class_id for one in theirs], np.int64)
        pairs = match_boxes(native.boxes, native.classes, corners, classes, IOU)
        names = class_names(labels, classes.tolist())
        partner = {first: second for first, second, _ in pairs}
        for at, one in enumerate(native):
            if at not in partner:
                if one.score > threshold + SCORE:
                    boxes += 1
                    wrong.append(f"{place}: {_shown(one.label, one.score, one.box)} is not found")
                continue
            boxes += 1
            score = theirs[partner[at]].score
            if abs(score - one.score) <= SCORE:
                matched += 1
            else:
                shown = _shown(one.label, one.score, one.box)
                wrong.append(f"{place}: {shown} has score {score:.2f}")
        extra = set(range(len(theirs))) - set(partner.values())
        for at in sorted(extra):
            if theirs[at].score > threshold + SCORE:
                shown = _shown(names[at], theirs[at].score, theirs[at].box)
                wrong.append(f"{place}: {shown} is found in the browser only")
    if len(wrong) > MOST_TEXTS:
        wrong[MOST_TEXTS:] = [f"{len(wrong) - MOST_TEXTS} more"]
    return Parity(len(expected), boxes, matched, IOU, SCORE, tuple(wrong))


def _shown(label: str, score: float, box: Sequence[float]) -> str:
    return f"{label} {score:.2f} at {', '.join(f'{value:.0f}' for value in box)}"
