"""Picture to input tensor: resized, placed top left, the rest filled."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["Placement", "letterbox", "stretch"]

Floats = npt.NDArray[np.float32]
BILINEAR = Image.Resampling.BILINEAR

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Placement:
    """Where the picture of width x height lies in the input; boxes are taken back with it.

    An input pixel is scale_x * (picture pixel) from the left, scale_y * (...) from the top.
    """

    width: int
    height: int
    scale_x: float
    scale_y: float

    def to_picture(self, boxes: Floats) -> Floats:
        """[n, 4] xmin ymin xmax ymax, from input pixels to picture pixels, clipped to it."""
        x, y = self.scale_x, self.scale_y
        picture = boxes / np.array([x, y, x, y], np.float32)
        edge = np.array([self.width, self.height, self.width, self.height], np.float32)
        return np.clip(picture, np.float32(0), edge)


def letterbox(
    image: PilImage, size: int, pad_rgb: tuple[int, int, int]
) -> tuple[Pixels, Placement]:
    """[1, size, size, 3] uint8, and what undoes it.

    PIL bilinear so that the longer side is `size`, both sides rounded to nearest (halves up) and
    at least 1; top left, on pad_rgb. The scale is size / longer side, not the rounded sides'.
    """
    width, height = image.size
    scale = size / max(width, height)
    new_w = max(1, int(width * scale + 0.5))
    new_h = max(1, int(height * scale + 0.5))
    pixels = np.empty((1, size, size, 3), np.uint8)
    padding = _padding_row(size, pad_rgb)
    rows = pixels.reshape(size, size * 3)
    pixels[0, :new_h, :new_w] = np.asarray(image.resize((new_w, new_h), BILINEAR))
    rows[new_h:] = padding
    rows[:new_h, 3 * new_w :] = padding[3 * new_w :]
    return pixels, Placement(width, height, scale, scale)


@functools.lru_cache(maxsize=8)
def _padding_row(size: int, pad_rgb: tuple[int, int, int]) -> Pixels:
    """[size * 3]: rows are filled many times faster than pixels."""
    return np.tile(np.array(pad_rgb, np.uint8), size)


def stretch(image: PilImage, height: int, width: int) -> tuple[Pixels, Placement]:
    """[1, height, width, 3] uint8 with the aspect not kept, as SSD detectors want it."""
    resized = image.resize((width, height), BILINEAR)
    placement = Placement(*image.size, width / image.size[0], height / image.size[1])
    return np.asarray(resized)[None], placement
