"""From what the caller gives as a picture to an upright PIL image of 8 bits a channel."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from edge_edet.arguments import shown
from edge_edet.errors import ImageError, InputError, PictureWarning
from edge_edet.files import Limit, open_input
from edge_edet.pictures.quiet_pillow import without_pillow_warnings
from edge_edet.pictures.stored_values import Stored, stored_values
from edge_edet.pictures.value_range import (
    Finding,
    PictureRange,
    check_range,
    to_eight_bits,
    upper_byte,
)
from edge_edet.pictures.value_rows import ImageRows

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = [
    "DECODES",
    "VIDEO_SUFFIXES",
    "ImageLike",
    "ReadPicture",
    "check_decode",
    "read_image",
    "read_picture",
    "refuse_addresses",
    "warn_of",
]

ImageLike: TypeAlias = "PilImage | npt.NDArray[Any] | str | os.PathLike[str]"
Needed: TypeAlias = Callable[[tuple[int, int]], tuple[int, int]]

DECODES = ("full", "scaled")
MAX_PIXELS = 178_956_970  # twice Pillow's own warning limit: where it refuses a file too
FILE_LIMIT = Limit(2 << 30, "more than its pixels need, which are limited too")
ORIENTATION_TAG = 0x0112
SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://?")  # a Path makes one slash of two
STREAMS = ("rtsp", "rtsps", "rtmp", "rtp", "udp", "srt", "mms", "tcp")
VIDEO_SUFFIXES = (
    ".3gp",
    ".avi",
    ".flv",
    ".h264",
    ".h265",
    ".hevc",
    ".m2ts",
    ".m4v",
    ".mjpeg",
    ".mjpg",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".mts",
    ".ogv",
    ".ts",
    ".webm",
    ".wmv",
)
FRAMES = (
    "only 'edge-edet detect' reads videos, cameras and streams: take pictures out of it, as with"
)
NOT_FOR_EIGHT = Finding("8 bits a channel, which the range leaves as they are")
DARK_COLOUR = Finding(
    "16-bit colour whose values stay below 2^12, so read nearly black",
    advice="Pillow gives the upper byte of 16-bit colour alone: save it with 8 bits a channel",
)
DEEP_COLOUR = Finding("16-bit colour, of which the upper byte is read and the range is not applied")
FIRST_OF_MANY = Finding("several pages or frames, of which the first is read")


class ReadPicture(NamedTuple):
    """An upright picture, and what is worth knowing of it.

    Attributes
    ----------
    image
        In a mode of 8 bits a channel, the file's own where it has one: `preprocess` makes RGB of what is left
        after resizing.
    findings
        What a reader of the results should know.
    full_size
        Width and height of a picture that was decoded to a smaller one; None: those of the image.
    """

    image: PilImage
    findings: tuple[Finding, ...]
    full_size: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole picture, whatever it was decoded to."""
        return self.full_size or self.image.size

    @property
    def rgb(self) -> PilImage:
        """The whole picture in mode RGB."""
        return self.image if self.image.mode == "RGB" else self.image.convert("RGB")


def read_image(image: ImageLike, picture_range: PictureRange = None) -> PilImage:
    """Read a picture upright (EXIF orientation applied), in mode RGB.

    Alpha is dropped, not blended: a transparent pixel counts with the colour that is stored for it. Of an
    animation or a file of several pages the first is taken.

    Parameters
    ----------
    image
        A PIL image, a path, a uint8 array [h, w, 3] in RGB, or with a picture_range integers of 16 or more
        bits or floats [h, w].
    picture_range
        Which values are black and white in grey pictures of more than 8 bits: (low, high), or "auto", the 0.1
        and 99.9 percentiles of each picture. None keeps the upper 8 of 16 bits, and refuses floats. Pictures
        of 8 bits a channel and colour pictures are left as they are.

    Returns
    -------
    PIL.Image.Image
        In mode RGB.

    Raises
    ------
    ImageError
        The picture cannot be used.

    Warns
    -----
    PictureWarning
        The values fill so little of 16 bits that the picture is nearly black, or something is left out or cut
        off.
    """
    read = read_picture(image, picture_range)
    warn_of(read.findings)
    return read.rgb


def warn_of(findings: Iterable[Finding]) -> None:
    """Issue the findings as PictureWarning, in the words of the Python API.

    Parameters
    ----------
    findings
        What was found in one picture.
    """
    for finding in findings:
        text = f"a picture with {finding.text(api=True)}"
        warnings.warn(text, PictureWarning, stacklevel=3)


def check_decode(decode: object) -> str:
    """Return how JPEG files are decoded, one of DECODES.

    Parameters
    ----------
    decode
        What was given.

    Returns
    -------
    str
        The name.

    Raises
    ------
    InputError
        For anything but one of DECODES.
    """
    if not isinstance(decode, str) or decode not in DECODES:
        raise InputError(f"decode must be one of {', '.join(DECODES)}, but got {shown(decode)}")
    return decode


def read_picture(
    image: ImageLike, picture_range: PictureRange = None, needed: Needed | None = None
) -> ReadPicture:
    """Read a picture as `read_image` does, in its own mode and with the warnings as values.

    Parameters
    ----------
    image
        A path, a PIL image, or a uint8 array [height, width, 3] in RGB.
    picture_range
        Which values are black and white; None: uint8's.
    needed
        Width and height of the upright picture -> the least that it may be decoded to. libjpeg then decodes
        a JPEG file to a half, a quarter or an eighth of its sides; other pictures stay as they are.

    Returns
    -------
    ReadPicture
        The picture, upright, and what was found.

    Raises
    ------
    ImageError
        For a picture that cannot be read, and anything that is none.
    """
    picture_range = check_range(picture_range)
    if isinstance(image, np.ndarray):
        return _from_array(image, picture_range)
    if isinstance(image, Image.Image):
        _check_size(image, "the picture")
        return _upright(image, "the picture", picture_range)
    if isinstance(image, (str, os.PathLike)):
        return _from_file(os.fsdecode(image), picture_range, needed)
    raise ImageError(
        f"a picture must be a PIL image, a uint8 array [h, w, 3] or a path, "
        f"but got {type(image).__name__}"
    )


def _from_array(array: npt.NDArray[Any], picture_range: PictureRange) -> ReadPicture:
    deep = array.ndim == 2 and array.dtype.kind in "iuf" and array.dtype.itemsize > 1
    good = array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3
    if not (good or (deep and picture_range is not None)) or not array.size:
        advice = "; of more than 8 bits, [h, w] with a picture_range" if deep else ""
        raise ImageError(
            f"a picture as an array must be uint8 [h, w, 3] in RGB with at least one pixel, "
            f"but got {array.dtype} {list(array.shape)}{advice}"
        )
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise ImageError(_too_large("the array", array.shape[1], array.shape[0]))
    if deep:
        grey, findings = to_eight_bits(array, picture_range)
        return ReadPicture(Image.fromarray(grey), tuple(findings))
    return ReadPicture(Image.fromarray(np.ascontiguousarray(array)), ())


def _from_file(path: str, picture_range: PictureRange, needed: Needed | None) -> ReadPicture:
    what = repr(path)
    refuse_addresses(path)
    try:
        with (
            without_pillow_warnings(),  # on size and on odd metadata; both below
            open_input(
                path,
                f"picture {what}",
                limit=FILE_LIMIT,
                error=ImageError,
                missing=f"no picture {what}: check the path",
            ) as file,
            Image.open(file) as image,
        ):
            _check_size(image, what)
            full = _decode_scaled(image, needed) if needed is not None else None
            read = _upright(image, what, picture_range, is_file=True)
            return read._replace(full_size=full)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(_unidentified(path)) from None
    except Image.DecompressionBombError:
        raise ImageError(f"{what} has more than {MAX_PIXELS:,} pixels: scale it down") from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise ImageError(f"cannot read picture {what}: {_one_line(error)}") from None


def _decode_scaled(image: PilImage, needed: Needed) -> tuple[int, int] | None:
    """Let libjpeg decode no more than is needed; return the upright size, None where it decodes all."""
    if not isinstance(image, JpegImageFile):
        return None
    try:
        turned = image.getexif().get(ORIENTATION_TAG, 1) in (5, 6, 7, 8)
    except Exception:  # unreadable EXIF says nothing about the pixels
        turned = False
    stored = image.size
    full = stored[::-1] if turned else stored
    least = needed(full)
    image.draft(None, least[::-1] if turned else least)
    return full if image.size != stored else None


def refuse_addresses(path: str) -> None:
    """Raise ImageError for addresses, and for cameras as devices: nothing here opens them.

    A path that has lost one of the slashes of `rtsp://` gets it back in the message.

    Parameters
    ----------
    path
        What was given.

    Raises
    ------
    ImageError
        For an address, a stream and a camera.
    """
    if (found := ADDRESS.match(path)) and not os.path.exists(path):  # noqa: PTH110 - a text, no path
        scheme = found[0].partition(":")[0].lower()
        if len(scheme) == 1:  # a Windows drive
            return
        whole = f"{found[0].partition(':')[0]}://{path[len(found[0]) :].lstrip('/')}"
        if scheme in STREAMS:
            raise ImageError(
                f"{whole!r} is a stream; {FRAMES} 'ffmpeg -i ADDRESS -vf fps=1 %05d.png'"
            )
        raise ImageError(
            f"{whole!r} is an address, expected a file: download it, then give its path"
        )
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a text, no path
    except (OSError, ValueError):
        return  # said by who opens it
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise ImageError(f"{path!r} is a device; {FRAMES} 'ffmpeg -i {path} -vf fps=1 %05d.png'")


def _unidentified(path: str) -> str:
    if os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES:  # noqa: PTH122 - a text, no path
        return f"{path!r} is a video; {FRAMES} 'ffmpeg -i {path} -vf fps=1 %05d.png'"
    if os.path.getsize(path) == 0:  # noqa: PTH202 - a text, no path
        return f"{path!r} is not a picture that Pillow can read: it is empty, 0 bytes"
    return f"{path!r} is not a picture that Pillow can read: give JPEG or PNG"


def _check_size(image: PilImage, what: str) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"{what} has no pixels: its size is {width} x {height}")
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(what, width, height))


def _too_large(what: str, width: int, height: int) -> str:
    return f"{what} is {width} x {height}, more than {MAX_PIXELS:,} pixels: scale it down"


def _upright(
    image: PilImage, what: str, picture_range: PictureRange, *, is_file: bool = False
) -> ReadPicture:
    """is_file: else the caller chose the frame, and may have made 8 bits of more."""
    stored = stored_values(image)  # first: reading the EXIF of a PNG decodes it
    try:
        turned = image.getexif().get(ORIENTATION_TAG, 1) != 1
    except Exception:  # unreadable EXIF says nothing about the pixels
        turned = False
    try:
        findings = [FIRST_OF_MANY] if stored.several and is_file else []
        if turned:
            image = ImageOps.exif_transpose(image)
        if image.mode in SIXTEEN_BIT or image.mode == "F":
            grey, more = _grey(image, stored, what, picture_range)
            return ReadPicture(grey, (*findings, *more))
        if image.mode == "1":  # Pillow resizes it without looking at neighbours
            image = image.convert("L")
        image.load()
        if stored.deep_colour:
            extrema: Any = image.getextrema()
            if max(most for _, most in extrema[: 1 if image.mode == "LA" else 3]) < 16:
                findings.append(DARK_COLOUR)
            elif picture_range is not None:
                findings.append(DEEP_COLOUR)
        elif picture_range is not None and is_file:
            findings.append(NOT_FOR_EIGHT)
        return ReadPicture(image, tuple(findings))
    except ImageError:
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise ImageError(f"cannot decode {what}: {_one_line(error)}") from None


def _grey(
    image: PilImage, stored: Stored, what: str, picture_range: PictureRange
) -> tuple[PilImage, list[Finding]]:
    """Of the modes with more than 8 bits."""
    if picture_range is not None:
        rows = ImageRows(image, stored, as_stored=True)
        grey, findings = to_eight_bits(rows, picture_range)
    elif image.mode == "F":
        raise ImageError(
            f"{what} holds floats, whose range is unknown: say with --range (picture_range in Python) "
            "auto or LOW,HIGH which are black and white, or save it with 8 bits"
        )
    else:
        grey, found = upper_byte(ImageRows(image, stored, as_stored=False), stored.bits)
        findings = [] if found is None else [found]
    if stored.white_is_zero:
        np.subtract(255, grey, out=grey)
    return Image.fromarray(grey), findings


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
