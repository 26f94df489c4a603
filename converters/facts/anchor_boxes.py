"""Recover scale, octaves, aspect ratios and image size from the anchor boxes in a checkpoint.

effdet's DetBenchTrain and DetBenchPredict register them as the buffer `anchors.boxes` (effdet 0.4.1
anchors.py, `Anchors._generate_boxes`), so their state dicts have it, as do those of
modules around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.facts.fact import Fact
from edge_edet.detection import anchors
from edge_edet.errors import CheckpointError
from edge_edet.variants import Variant, octaves, size_of

__all__ = ["fact_of_boxes"]

MAX_BOXES = 10_000_000
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Level:
    rows: int
    columns: int
    first: Doubles  # [2] y, x of the centre of the first position: half a stride
    shapes: Doubles  # [anchors per position, 2] height, width in pixels


def fact_of_boxes(boxes: npt.NDArray[Any], variant: Variant, per_position: int, name: str) -> Fact:
    """Recover image size, anchor scale, octaves and aspect ratios from anchor boxes.

    The result is proven: anchors made from it are the boxes, within the rounding of the stored type.

    Parameters
    ----------
    boxes
        [N, 4] y0, x0, y1, x1 in pixels, level by level, finest first.
    variant
        Its own fields come back unchanged if they give these boxes.
    per_position
        Anchors per position, as the box head has them.
    name
        Of the tensor.

    Returns
    -------
    Fact
        What the boxes state.

    Raises
    ------
    CheckpointError
        When no EfficientDet with this variant's levels has these boxes.
    """
    source = f"its {name}"
    step = _step(boxes)
    found = np.asarray(boxes, np.float64)
    if found.ndim != 2 or found.shape[1] != 4 or not 0 < len(found) <= MAX_BOXES:
        raise CheckpointError(f"has {name} of shape {boxes.shape}: expected [N, 4]")
    if not np.isfinite(found).all() or len(found) % per_position:
        raise CheckpointError(
            f"has {name} that are not anchors: {len(found)} boxes, but {per_position} at each position"
        )
    levels = _levels(found, per_position, name, step)
    if len(levels) != len(variant.levels):
        raise CheckpointError(
            f"has {name} of {len(levels)} pyramid levels, {variant.name} has {len(variant.levels)}"
        )
    height, width = _size(levels[0], 2**variant.min_level)
    size = size_of(height, width)
    usual = variant.replace(image_size=size)
    if usual.anchors_per_position != per_position or not _equal(usual, found, step):
        usual = _taken_apart(levels, usual, name, step)
        if not _equal(usual, found, step):
            raise CheckpointError(
                f"has {name} that are not scale x octave x aspect ratio, centred on {variant.name}'s "
                "strides: edge-edet cannot rebuild them"
            )
    return Fact(
        source,
        {
            "image_size": size,
            "anchor_scale": usual.anchor_scale,
            "anchor_octaves": usual.anchor_octaves,
            "aspect_ratios": usual.aspect_ratios,
        },
    )


def _size(level: _Level, stride: int) -> tuple[int, int]:
    """Compute height and width of the input: positions times their distance.

    The distance is a little less than the stride where the stride does not divide the side.
    """
    places = np.asarray((level.rows, level.columns))
    sides = np.where(
        np.abs(level.first - stride / 2) < 0.05, places * stride, np.rint(2 * level.first * places)
    )
    return int(sides[0]), int(sides[1])


def _step(boxes: npt.NDArray[Any]) -> float:
    """Find the relative rounding of the stored type; float32 may be widened bfloat16."""
    if boxes.dtype.itemsize == 2:
        return 2.0**-11
    bits = np.asarray(boxes, np.float32).view(np.uint32)
    return 2.0**-8 if not (bits & 0xFFFF).any() and len(boxes) > 1000 else 2.0**-22


def _equal(variant: Variant, boxes: Doubles, step: float) -> bool:
    own = anchors(variant).astype(np.float64)  # [N, 4] y, x of the centre, height, width
    if len(own) != len(boxes):
        return False
    half = own[:, 2:] / 2
    expected = np.concatenate([own[:, :2] - half, own[:, :2] + half], axis=1)
    room = 2 * step * (np.abs(expected) + half.repeat(2, axis=1)) + 2e-3
    return bool((np.abs(expected - boxes) <= room).all())


def _levels(boxes: Doubles, per_position: int, name: str, step: float) -> list[_Level]:
    """Find the grids of the boxes, finest first."""
    centres = (boxes[::per_position, :2] + boxes[::per_position, 2:]) / 2  # [positions, 2] y, x
    levels, start = [], 0
    while start < len(centres):
        y, x = centres[start:, 0], centres[start:, 1]
        near = 8 * step * max(1.0, float(np.abs(centres).max())) + 1e-2
        same_row = np.abs(y - y[0]) <= near
        same_row[1:] &= np.diff(x) > 0  # levels of one position each have the same centre
        columns = len(y) if same_row.all() else int(np.argmin(same_row))
        usable = len(y) // columns * columns
        first_x = x[:usable].reshape(-1, columns)[:, 0]
        first_y = y[:usable].reshape(-1, columns)[:, 0]
        # A new level begins at a row whose first centre is at another x, or higher up.
        rising = np.concatenate([[True], np.diff(first_y) > 0]) & (np.abs(first_x - x[0]) <= near)
        rows = len(rising) if rising.all() else int(np.argmin(rising))
        place = boxes[start * per_position : (start + 1) * per_position]
        levels.append(_Level(rows, columns, centres[start], place[:, 2:] - place[:, :2]))
        start += rows * columns
        if len(levels) > 10:
            raise CheckpointError(f"has {name} of more than 10 pyramid levels")
    return levels


def _taken_apart(levels: list[_Level], variant: Variant, name: str, step: float) -> Variant:
    """Find the anchor scales, octaves and aspect ratios that give the shapes of the levels."""
    room = 16 * step + 1e-6
    units = []  # [levels, anchors per position, 2], in strides
    for level in levels:
        height, width = variant.input_size
        units.append(level.shapes / (height / level.rows, width / level.columns))
    count = len(units[0])
    shapes = units[0]
    for scales in range(count, 0, -1):
        if count % scales:
            continue
        table = shapes.reshape(scales, count // scales, 2)
        factors = table[:, 0, 0] / table[0, 0, 0]
        if np.allclose(table, table[:1] * factors[:, None, None], rtol=room, atol=0):
            break
    sizes = np.asarray([unit[0, 0] / shapes[0, 0] for unit in units])
    known = np.asarray(variant.anchor_octaves)
    unit = 1.0
    if len(known) == scales and np.allclose(factors, known / known[0], rtol=room):
        steps, unit = variant.anchor_octaves, float(known[0])
    elif np.allclose(factors, octaves(scales), rtol=room):
        steps = octaves(scales)
    else:
        steps = tuple(_round(value, room) for value in factors)
    base = _round(_base(table[0] / unit, variant.aspect_ratios, room), room)
    ratios = tuple((_round(x / base, room), _round(y / base, room)) for y, x in table[0] / unit)
    usual = variant.aspect_ratios
    if len(ratios) == len(usual) and np.allclose(ratios, usual, rtol=room):
        ratios = usual
    scale: float | tuple[float, ...] = base
    if not np.allclose(sizes, 1, rtol=room):
        scale = tuple(_round(base * size, room) for size in sizes)
    return variant.replace(anchor_scale=scale, anchor_octaves=steps, aspect_ratios=ratios)


def _base(shapes: Doubles, usual: tuple[tuple[float, float], ...], room: float) -> float:
    """Choose the size that the aspect ratios are relative to; only products with it count.

    The one that gives the variant's own ratios if there is one; else the side of a square anchor, else
    that with which the first aspect ratio has area 1.
    """
    if len(usual) == len(shapes):
        quotients = shapes / np.asarray([(y, x) for x, y in usual])
        if np.allclose(quotients, quotients[0, 0], rtol=room, atol=0):
            return float(quotients[0, 0])
    for height, width in shapes:
        if abs(height / width - 1) <= room:
            return float(height)
    return float(np.sqrt(shapes[0, 0] * shapes[0, 1]))


def _round(value: float, room: float) -> float:
    """Find the number with the fewest digits that is within the stored type's rounding."""
    for digits in range(1, 8):
        short = float(f"{value:.{digits}g}")
        if abs(short - value) <= room / 16 * abs(value):
            return short
    return float(value)
