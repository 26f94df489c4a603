"""What a file states about its pixel values that Pillow does not carry over into the image.

Seen with Pillow 9.4 to 13.0: a TIFF whose 16-bit grey has 0 as white comes out as a negative; one of 12
bits comes out as mode I;16 with values to 4095; unsigned 32 bits wrap into int32; a PGM of 4095 is
scaled to 65535; of 16-bit colour the upper byte is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["Stored", "stored_values"]

BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # TIFF 6.0, section 8 and 19
WHITE_IS_ZERO, UNSIGNED = 0, 1
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")


@dataclass(frozen=True)
class Stored:
    """How grey values are stored in a file.

    Attributes
    ----------
    bits
        Of one grey value, which is from 0 to 2 ** bits - 1.
    scaled_from
        The largest value of a PGM that Pillow scaled to 65535; None where it did not.
    deep_colour
        Whether colour has 16 bits a channel.
    several
        Whether there are several pages or frames.
    """

    bits: int = 16
    white_is_zero: bool = False
    unsigned_32: bool = False
    scaled_from: int | None = None
    deep_colour: bool = False  # 16 bits a channel
    several: bool = False  # pages or frames

    def unsigned(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return Pillow's int32 [h, w] as the file has it."""
        return values.view(np.uint32) if self.unsigned_32 else values

    def of(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return Pillow's values [h, w] as the file has them."""
        values = self.unsigned(values)
        if self.scaled_from is None:
            return values
        return np.rint(values * (self.scaled_from / 65535))


def stored_values(image: PilImage) -> Stored:
    """Read how the values are stored, before the pixels are loaded.

    An image in memory has no such record: the defaults.
    """
    several = _several(image)
    raw = _raw(image)
    if image.mode in ("RGB", "RGBA", "LA"):
        return Stored(deep_colour=";16" in raw, several=several)
    tags: Any = getattr(image, "tag_v2", None) if image.format == "TIFF" else None
    if not tags:
        return Stored(scaled_from=_largest(image), several=several)
    bits = int(_first(tags, BITS_PER_SAMPLE, 16))
    return Stored(
        bits=bits if 8 < bits < 16 else 16,
        white_is_zero=_first(tags, PHOTOMETRIC, 1) == WHITE_IS_ZERO,
        unsigned_32=bits == 32
        and image.mode == "I"
        and _first(tags, SAMPLE_FORMAT, UNSIGNED) == UNSIGNED,
        several=several,
    )


def _several(image: PilImage) -> bool:
    try:
        if image.format == "TIFF":
            return int(getattr(image, "n_frames", 1)) > 1
        return image.format in ANIMATED and bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged list of pages says nothing of the first
        return False


def _first(tags: Any, number: int, default: int) -> Any:
    value = tags.get(number, default)
    return (value or (default,))[0] if isinstance(value, tuple) else value


def _raw(image: PilImage) -> str:
    """Return how the pixels are packed in the file, as Pillow names it, such as RGB;16B."""
    tile: Any = getattr(image, "tile", None)
    arguments = tile[0][3] if tile else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _largest(image: PilImage) -> int | None:
    tile: Any = getattr(image, "tile", None)
    if image.format != "PPM" or image.mode != "I" or not tile or tile[0][0] == "raw":
        return None
    arguments = tile[0][3]
    if isinstance(arguments, tuple) and len(arguments) == 2 and type(arguments[1]) is int:
        return arguments[1] if 255 < arguments[1] < 65535 else None
    return None
