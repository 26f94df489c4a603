"""From an upright picture to the input tensor: resized, placed top left on padding, normalized."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = [
    "LetterboxTransform",
    "Preprocessing",
    "letterbox",
    "place",
    "resized_rgb",
    "scale_to_fit",
    "stretch",
]

Floats = npt.NDArray[np.float32]
BILINEAR = Image.Resampling.BILINEAR
# From twice the size on, blocks come first (docs/how-to/many-pictures.md has speed and AP). 1.0 is Pillow's
# least: all whole factors are left to the blocks.
REDUCING_GAP = 1.25
STRIP_PIXELS = 1 << 20  # that become RGB at once
PILLOW = int(PIL.__version__.partition(".")[0])
INT8_SIGN = np.uint8(0x80)  # flipped, it takes 128 from a byte that is then read as int8

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LetterboxTransform:
    """Where a picture of width x height lies in the input; boxes are taken back to the picture with it.

    An input pixel is scale_x * (picture pixel) from the left and scale_y * (picture pixel) from the top; the
    two scales differ only for stretched pictures.

    Attributes
    ----------
    width
        Of the picture, in pixels.
    height
        Of the picture, in pixels.
    scale_x
        Input pixels for each pixel of the picture, across.
    scale_y
        The same, down.
    """

    width: int
    height: int
    scale_x: float
    scale_y: float

    def to_picture(self, boxes: Floats) -> Floats:
        """Take boxes from input pixels to picture pixels, clipped to the picture.

        Parameters
        ----------
        boxes
            [n, 4] float32 xmin, ymin, xmax, ymax in input pixels.

        Returns
        -------
        array
            [n, 4] float32 xmin, ymin, xmax, ymax in pixels of the picture.
        """
        size = np.array([[self.scale_x, self.scale_y], [self.width, self.height]], np.float32)
        corners: Floats = boxes.reshape(-1, 2, 2) / size[0]
        np.minimum(corners, size[1], out=corners)
        np.maximum(corners, np.float32(0), out=corners)
        return corners.reshape(-1, 4)

    def padding(self, size: tuple[int, int]) -> float:
        """Return the share of an input of (height, width) that lies beside the picture, 0 to 1.

        Parameters
        ----------
        size
            Height and width of the input, in pixels.

        Returns
        -------
        float
            The share.
        """
        new_w, new_h = _scaled(self.width, self.height, self.scale_x, self.scale_y, size)
        return 1 - new_w * new_h / (size[0] * size[1])


@dataclass(frozen=True)
class Preprocessing:
    """How a model's input tensor is made of a picture, in two steps.

    `resize` needs nothing of the runtime, so threads may do it at the same time; `write` fills the input
    tensor, which may be the runtime's own memory.

    Attributes
    ----------
    size
        Height and width of the input.
    fit
        "letterbox" keeps the aspect ratio and pads right and below; "stretch" does not keep it.
    pad_rgb
        Colour of the padding, 0 to 255.
    mean, std
        Red, green, blue on the 0-255 scale for an input that takes (pixel - mean) / std; empty where the
        graph normalizes.
    scale, zero_point
        Quantization of an int8 input that takes normalized values: real = scale * (q - zero_point).
    """

    size: tuple[int, int]
    fit: str
    pad_rgb: tuple[int, int, int]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    scale: float | None = None
    zero_point: int = 0

    def resize(
        self, image: PilImage, full_size: tuple[int, int] | None = None
    ) -> tuple[Pixels, LetterboxTransform]:
        """Return the picture as large as it lies in the input, [h, w, 3] uint8 RGB, and what undoes it.

        full_size: width and height of a picture of which the image is a smaller copy.
        """
        (width, height), placement = self._fitted(full_size or image.size)
        return resized_rgb(image, width, height), placement

    def needed(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the width and height that a picture of this width and height has in the input."""
        return self._fitted(size)[0]

    def _fitted(self, own: tuple[int, int]) -> tuple[tuple[int, int], LetterboxTransform]:
        if self.fit == "letterbox":
            return _fitted(own, self.size)
        height, width = self.size
        return (width, height), _stretched(own, height, width)

    def write(self, resized: Pixels, tensor: npt.NDArray[Any]) -> None:
        """Fill the input tensor [1, height, width, 3], uint8, float32 or int8, from `resize`'s pixels."""
        if not self.mean:
            if tensor.dtype == np.int8:
                place(resized, self.pad_rgb, levels := tensor.view(np.uint8))
                np.bitwise_xor(levels, INT8_SIGN, out=levels)
            else:
                place(resized, self.pad_rgb, tensor)
            return
        in_place = tensor.dtype == np.float32
        real = tensor if in_place else np.empty(tensor.shape, np.float32)
        place(resized, self.pad_rgb, real)
        real -= np.array(self.mean, np.float32)
        real /= np.array(self.std, np.float32)
        if not in_place:
            steps = np.rint(real / np.float32(self.scale or 1)) + self.zero_point
            tensor[...] = np.clip(steps, -128, 127)


def as_levels(pixels: Pixels, dtype: str) -> npt.NDArray[Any]:
    """Return grey levels in the type of an input.

    Parameters
    ----------
    pixels
        uint8, 0 to 255, of any shape.
    dtype
        "uint8", "float32" of the same values, or "int8", the same minus 128.

    Returns
    -------
    array
        Of the same shape.
    """
    if dtype == "int8":
        return (pixels ^ INT8_SIGN).view(np.int8)
    return pixels.astype(dtype, copy=False)


def letterbox(
    image: PilImage, size: int | tuple[int, int], pad_rgb: tuple[int, int, int]
) -> tuple[Pixels, LetterboxTransform]:
    """Scale a picture to fit, aspect ratio kept, and place it top left on a colour.

    Parameters
    ----------
    image
        In any mode of 8 bits.
    size
        Height and width to fit into, or the side of a square.
    pad_rgb
        Colour of the rest.

    Returns
    -------
    pixels
        [1, height, width, 3] uint8 RGB.
    placement
        What takes boxes back to the picture.
    """
    height, width = (size, size) if isinstance(size, int) else size
    scaled, placement = scale_to_fit(image, (height, width))
    pixels = np.empty((1, height, width, 3), np.uint8)
    place(scaled, pad_rgb, pixels)
    return pixels, placement


def scale_to_fit(image: PilImage, size: int | tuple[int, int]) -> tuple[Pixels, LetterboxTransform]:
    """Scale a picture as large as fits, aspect ratio kept, with Pillow's bilinear filter.

    Parameters
    ----------
    image
        In any mode of 8 bits.
    size
        Height and width to fit into, or the side of a square.

    Returns
    -------
    pixels
        [h, w, 3] uint8 RGB. Both sides are rounded to nearest (halves up) and at least 1.
    placement
        What takes boxes back; its scale is that of the side that fills its space, not of the rounded sides.
    """
    room = (size, size) if isinstance(size, int) else size
    (width, height), placement = _fitted(image.size, room)
    return resized_rgb(image, width, height), placement


def _fitted(
    own: tuple[int, int], room: tuple[int, int]
) -> tuple[tuple[int, int], LetterboxTransform]:
    """Return width and height, which a picture of its own ones gets in room (height, width)."""
    width, height = own
    scale = min(room[0] / height, room[1] / width)
    placement = LetterboxTransform(width, height, scale, scale)
    return _scaled(width, height, scale, scale, room), placement


def _scaled(
    width: int, height: int, scale_x: float, scale_y: float, room: tuple[int, int]
) -> tuple[int, int]:
    """Width and height of a scaled picture in a room of (height, width): rounded, halves up, at least 1."""
    room_h, room_w = room
    return (
        min(room_w, max(1, int(width * scale_x + 0.5))),
        min(room_h, max(1, int(height * scale_y + 0.5))),
    )


def resized_rgb(image: PilImage, width: int, height: int) -> Pixels:
    """Resize an image of any mode of 8 bits, with the same result as its copy in mode RGB.

    A picture that is larger by a whole factor or more is first averaged over blocks of that many pixels, and
    the rest is Pillow's bilinear filter: `resize(..., reducing_gap=REDUCING_GAP)`. Grey is resized before it
    becomes RGB. Other modes become RGB a strip at a time.

    Returns
    -------
    array
        [height, width, 3] uint8 RGB.
    """
    own_width, own_height = image.size
    factors = _factor(own_width, width), _factor(own_height, height)
    box = (0.0, 0.0, own_width / factors[0], own_height / factors[1])
    if factors != (1, 1):
        image = _reduced(image, factors)
    elif image.mode not in ("RGB", "L"):
        return _resized_by_strips(image, width, height)
    resized = image.resize((width, height), BILINEAR, box=box)
    rgb = resized if resized.mode == "RGB" else resized.convert("RGB")
    return np.frombuffer(rgb.tobytes(), np.uint8).reshape(height, width, 3)


def _factor(old: int, new: int) -> int:
    """Pillow's rule (Image.resize): the smaller the gap, the more is left to the blocks."""
    return int(old / new / REDUCING_GAP) or 1


def _reduced(image: PilImage, factors: tuple[int, int]) -> PilImage:
    """Average blocks of pixels; RGB or L. A strip ends where a block does."""
    if image.mode in ("RGB", "L"):
        return image.reduce(factors)
    width, height = image.size
    across, down = factors
    reduced = Image.new("RGB", (-(-width // across), -(-height // down)))
    step = max(1, STRIP_PIXELS // width // down) * down
    for first in range(0, height, step):
        strip = image.crop((0, first, width, min(height, first + step))).convert("RGB")
        reduced.paste(strip.reduce(factors), (0, first // down))
    return reduced


def _resized_by_strips(image: PilImage, width: int, height: int) -> Pixels:
    """Resize along the direction that Pillow resizes first: strips are independent of each other there."""
    own_width, own_height = image.size
    columns_first = _columns_first(image.size, (width, height))
    half = Image.new("RGB", (own_width, height) if columns_first else (width, own_height))
    length, across = (own_width, own_height) if columns_first else (own_height, own_width)
    step = max(1, STRIP_PIXELS // across)
    for first in range(0, length, step):
        last = min(length, first + step)
        if columns_first:
            strip = image.crop((first, 0, last, own_height)).convert("RGB")
            half.paste(strip.resize((last - first, height), BILINEAR), (first, 0))
        else:
            strip = image.crop((0, first, own_width, last)).convert("RGB")
            half.paste(strip.resize((width, last - first), BILINEAR), (0, first))
    return np.asarray(half.resize((width, height), BILINEAR))


def _columns_first(old: tuple[int, int], new: tuple[int, int]) -> bool:
    """Whether Pillow resizes height before width; sizes are (width, height).

    From 13.0 on where the height shrinks by more than twice the pixels that the width does, before that
    never (Resample.c, ImagingResampleInner). One grey level depends on it.
    """
    shrinks = old[1] - new[1]
    return PILLOW >= 13 and shrinks > 0 and shrinks > 2 * (old[0] - new[0])


def place(
    scaled: Pixels, pad_rgb: tuple[int, int, int], pixels: Pixels | npt.NDArray[np.float32]
) -> None:
    """Fill all of `pixels` with the resized picture, top left, and padding.

    Parameters
    ----------
    scaled
        [h, w, 3] uint8, not larger than pixels.
    pad_rgb
        Colour of the rest.
    pixels
        [1, H, W, 3] uint8 or float32, written to.
    """
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


def stretch(image: PilImage, height: int, width: int) -> tuple[Pixels, LetterboxTransform]:
    """Scale a picture to a size, aspect ratio not kept, as SSD detectors expect it.

    Parameters
    ----------
    image
        In any mode of 8 bits.
    height, width
        Of the result.

    Returns
    -------
    pixels
        [1, height, width, 3] uint8 RGB.
    placement
        What takes boxes back to the picture.
    """
    return resized_rgb(image, width, height)[None], _stretched(image.size, height, width)


def _stretched(own: tuple[int, int], height: int, width: int) -> LetterboxTransform:
    return LetterboxTransform(*own, width / own[0], height / own[1])
