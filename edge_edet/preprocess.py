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

__all__ = ["Placement", "letterbox", "place", "scale_to_fit", "stretch"]

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
        size = np.array([[self.scale_x, self.scale_y], [self.width, self.height]], np.float32)
        corners: Floats = boxes.reshape(-1, 2, 2) / size[0]
        np.minimum(corners, size[1], out=corners)
        np.maximum(corners, np.float32(0), out=corners)
        return corners.reshape(-1, 4)


def letterbox(
    image: PilImage, size: int | tuple[int, int], pad_rgb: tuple[int, int, int]
) -> tuple[Pixels, Placement]:
    """[1, height, width, 3] uint8: scaled to fit, top left, on pad_rgb; and what undoes it.

    size: the height and width to fit into, or the side of a square.
    """
    height, width = (size, size) if isinstance(size, int) else size
    scaled, placement = scale_to_fit(image, (height, width))
    pixels = np.empty((1, height, width, 3), np.uint8)
    place(scaled, pad_rgb, pixels)
    return pixels, placement


def scale_to_fit(image: PilImage, size: int | tuple[int, int]) -> tuple[Pixels, Placement]:
    """[h, w, 3] uint8, PIL bilinear, as large as fits into `size`; and what undoes it.

    size: height and width, or the side of a square. Both sides are rounded to nearest (halves up)
    and at least 1. The scale is that of the side that fills its space, not the rounded sides'.
    """
    width, height = image.size
    room_h, room_w = (size, size) if isinstance(size, int) else size
    scale = min(room_h / height, room_w / width)
    new_w = min(room_w, max(1, int(width * scale + 0.5)))
    new_h = min(room_h, max(1, int(height * scale + 0.5)))
    scaled = np.asarray(image.resize((new_w, new_h), BILINEAR))
    return scaled, Placement(width, height, scale, scale)


def place(
    scaled: Pixels, pad_rgb: tuple[int, int, int], pixels: Pixels | npt.NDArray[np.float32]
) -> None:
    """Fills all of pixels [1, H, W, 3], uint8 or float32: scaled [h, w, 3] top left, the rest pad_rgb."""
    height, width, _ = scaled.shape
    room_h, room_w = pixels.shape[1:3]
    padding = _padding_row(room_w, pad_rgb)
    rows = pixels.reshape(room_h, room_w * 3)
    pixels[0, :height, :width] = scaled
    rows[height:] = padding
    rows[:height, 3 * width :] = padding[3 * width :]


@functools.lru_cache(maxsize=8)
def _padding_row(size: int, pad_rgb: tuple[int, int, int]) -> Pixels:
    """[size * 3]: rows are filled many times faster than pixels."""
    return np.tile(np.array(pad_rgb, np.uint8), size)


def stretch(image: PilImage, height: int, width: int) -> tuple[Pixels, Placement]:
    """[1, height, width, 3] uint8 with the aspect not kept, as SSD detectors want it."""
    resized = image.resize((width, height), BILINEAR)
    placement = Placement(*image.size, width / image.size[0], height / image.size[1])
    return np.asarray(resized)[None], placement
