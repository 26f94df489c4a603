"""Anchors of a variant, in the order of docs/manifest.md, and the decoding of box codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.variants import Variant

__all__ = ["anchors", "decode"]

Floats = npt.NDArray[np.float32]


def anchors(variant: Variant) -> Floats:
    """[N, 4] centre y, centre x, height, width in input pixels.

    Levels from P3 up; in each rows, then columns, then octave * aspects + aspect. Where a level's
    size is not image_size / stride, its stride is image_size / size. Source: google/automl
    efficientdet/tf2/anchors.py, `Anchors._generate_boxes`.
    """
    # [octaves * aspects, 2] height and width in units of anchor_scale * stride
    shapes = np.array(
        [
            [octave * y, octave * x]
            for octave in variant.anchor_octaves
            for x, y in variant.aspect_ratios
        ]
    )
    levels = []
    for size, scale in zip(variant.feature_sizes, variant.anchor_scales, strict=True):
        stride = variant.image_size / size
        centres = (np.arange(size) + 0.5) * stride
        level = np.empty((size, size, len(shapes), 4))
        level[..., 0] = centres[:, None, None]
        level[..., 1] = centres[None, :, None]
        level[..., 2:] = scale * stride * shapes
        levels.append(level.reshape(-1, 4))
    rows = np.concatenate(levels).astype(np.float32)
    assert len(rows) == variant.num_anchors
    return rows


def decode(codes: npt.NDArray[Any], rows: Floats) -> Floats:
    """[n, 4] xmin ymin xmax ymax in input pixels, of codes [n, 4] (ty, tx, th, tw) and anchors.

    Source: arXiv 1506.01497 section 3.1.2, as in google/automl anchors.py `decode_box_outputs`.
    """
    centre = codes[:, :2] * rows[:, 2:] + rows[:, :2]  # [n, 2] y x
    # A code beyond 80 would overflow float32's exp: such a box covers everything all the same.
    half = np.exp(np.minimum(codes[:, 2:], np.float32(80))) * rows[:, 2:] * np.float32(0.5)
    low, high = centre - half, centre + half
    return np.stack([low[:, 1], low[:, 0], high[:, 1], high[:, 0]], axis=1).astype(np.float32)
