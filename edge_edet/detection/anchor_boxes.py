"""Anchors of a variant, in the order of docs/manifest.md."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_edet.variants import Variant

__all__ = ["anchors"]

Floats = npt.NDArray[np.float32]


def anchors(variant: Variant) -> Floats:
    """Compute the anchors of a variant.

    Parameters
    ----------
    variant
        Its image size, levels, anchor scales, octaves and aspect ratios count.

    Returns
    -------
    array
        [N, 4] float32 centre y, centre x, height, width in input pixels: levels from the lowest up, in each
        rows, then columns, then octave * aspects + aspect.

    Notes
    -----
    A level's stride is the input's side / the level's, in each direction for itself. Source:
    google/automl efficientdet/tf2/anchors.py, `Anchors._generate_boxes`.
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
        strides = np.divide(variant.input_size, size)  # y, x
        y, x = ((np.arange(count) + 0.5) * step for count, step in zip(size, strides, strict=True))
        level = np.empty((*size, len(shapes), 4))
        level[..., 0] = y[:, None, None]
        level[..., 1] = x[None, :, None]
        level[..., 2:] = scale * strides * shapes
        levels.append(level.reshape(-1, 4))
    boxes = np.concatenate(levels).astype(np.float32)
    assert len(boxes) == variant.num_anchors
    return boxes
