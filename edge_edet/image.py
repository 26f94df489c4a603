"""What the caller gives as a picture, made into an upright PIL image in RGB."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from edge_edet.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["ImageLike", "read_image"]

ImageLike: TypeAlias = "PilImage | npt.NDArray[np.uint8] | str | os.PathLike[str]"

MAX_PIXELS = 178_956_970  # twice Pillow's own warning limit: where it refuses a file too
ORIENTATION_TAG = 0x0112
SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def read_image(image: ImageLike) -> PilImage:
    """The picture upright (EXIF orientation applied), in mode RGB.

    Alpha is dropped, not blended: a transparent pixel counts with the colour that is stored for
    it. 16-bit greyscale keeps its upper 8 bits. Of an animation the first frame is taken. An
    array must be uint8 [h, w, 3], RGB. Raises ImageError, one line.
    """
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, Image.Image):
        _check_size(image, "the picture")
        return _upright_rgb(image, "the picture")
    if isinstance(image, (str, os.PathLike)):
        return _from_file(os.fspath(image))
    raise ImageError(
        f"a picture must be a PIL image, a uint8 array [h, w, 3] or a path, "
        f"but got {type(image).__name__}"
    )


def _from_array(array: npt.NDArray[np.uint8]) -> PilImage:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ImageError(
            f"a picture as an array must be uint8 [h, w, 3] in RGB with at least one pixel, "
            f"but got {array.dtype} {list(array.shape)}"
        )
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise ImageError(_too_large("the array", array.shape[1], array.shape[0]))
    return Image.fromarray(np.ascontiguousarray(array))


def _from_file(path: str) -> PilImage:
    what = repr(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's on size and on odd metadata; both below
            with Image.open(path) as image:
                _check_size(image, what)
                return _upright_rgb(image, what)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"no picture {what}: check the path") from None
    except IsADirectoryError:
        raise ImageError(f"{what} is a folder, expected a picture") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{what} is not a picture that Pillow can read: give JPEG or PNG"
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(f"{what} has more than {MAX_PIXELS:,} pixels: scale it down") from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise ImageError(f"cannot read picture {what}: {_one_line(error)}") from None


def _check_size(image: PilImage, what: str) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"{what} has no pixels: its size is {width} x {height}")
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(what, width, height))


def _too_large(what: str, width: int, height: int) -> str:
    return f"{what} is {width} x {height}, more than {MAX_PIXELS:,} pixels: scale it down"


def _upright_rgb(image: PilImage, what: str) -> PilImage:
    try:
        turned = image.getexif().get(ORIENTATION_TAG, 1) != 1
    except Exception:  # unreadable EXIF says nothing about the pixels
        turned = False
    try:
        if turned:
            image = ImageOps.exif_transpose(image)
        if image.mode == "RGB":
            image.load()
            return image
        if image.mode in SIXTEEN_BIT:
            values = np.asarray(image).astype(np.int64)
            return Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
        if image.mode == "F":
            raise ImageError(f"{what} holds floats, whose range is unknown: save it with 8 bits")
        return image.convert("RGB")
    except ImageError:
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise ImageError(f"cannot decode {what}: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
