"""Draws detections into a copy of the picture."""

from __future__ import annotations

import colorsys
import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from edge_edet.detection import Detections
from edge_edet.errors import InputError
from edge_edet.output_files import DRAWING, Outputs, outputs_of
from edge_edet.terminal import shown

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["draw", "save_png"]

GOLDEN_ANGLE = 0.381966  # neighbouring class ids get hues far apart
MIN_TEXT_PX = 12
TEXT_PER_SIDE = 40  # the text is as high as the longer side / 40


def draw(image: PilImage, detections: Detections) -> PilImage:
    """Draw detections into a copy of the picture.

    Parameters
    ----------
    image
        In any mode.
    detections
        Boxes in its pixels.

    Returns
    -------
    PIL.Image.Image
        In RGB, with boxes and `label score`, the best detection on top.
    """
    picture = image.convert("RGB").copy()
    canvas = ImageDraw.Draw(picture)
    text_px = max(MIN_TEXT_PX, max(picture.size) // TEXT_PER_SIDE)
    font = _font(text_px)
    line_px = max(2, text_px // 8)
    for detection in reversed(list(detections)):
        colour = class_colour(detection.class_id)
        xmin, ymin, xmax, ymax = detection.box
        canvas.rectangle((xmin, ymin, xmax, ymax), outline=colour, width=line_px)
        text = _printable(shown(f"{detection.label} {detection.score:.0%}"))
        left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
        width, height = right - left + 2 * line_px, bottom - top + 2 * line_px
        # Above the box where there is room, else inside; always within the picture.
        x = min(max(xmin, 0), max(0, picture.width - width))
        y = ymin - height if ymin >= height else min(ymin, max(0, picture.height - height))
        canvas.rectangle((x, y, x + width, y + height), fill=colour)
        origin = (x + line_px - left, y + line_px - top)
        canvas.text(origin, text, fill=_text_colour(colour), font=font)
    return picture


def save_png(image: PilImage, path: Path, outputs: Outputs | None = None) -> None:
    """Write a drawing as PNG, marked as made by `edge-edet detect`.

    A run that is killed leaves no half picture.

    Parameters
    ----------
    image
        The drawing.
    path
        The file to write.
    outputs
        What else the command writes, and its inputs.

    Raises
    ------
    InputError
        A file is there that is no drawing of ours, or the folder cannot be written to.
    """
    marks = PngInfo()
    marks.add_text("Software", "edge-edet detect")
    data = io.BytesIO()
    image.save(data, format="PNG", pnginfo=marks)
    try:
        with outputs_of(outputs) as writing:
            writing.write(path, data.getvalue(), DRAWING)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write {str(path)!r}: {reason}; choose another --draw") from None


def class_colour(class_id: int) -> tuple[int, int, int]:
    """Return a saturated colour, the same for a class everywhere."""
    hue = (class_id * GOLDEN_ANGLE) % 1.0
    r, g, b = colorsys.hsv_to_rgb(hue, 0.85, 0.95)
    return round(r * 255), round(g * 255), round(b * 255)


def _text_colour(background: tuple[int, int, int]) -> str:
    r, g, b = background
    return "black" if 0.299 * r + 0.587 * g + 0.114 * b > 140 else "white"  # Rec. 601 luma


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.load_default(size_px)
    except TypeError:  # before Pillow 10.1 the built-in font has one size
        return ImageFont.load_default()


def _printable(text: str) -> str:
    # The bitmap font of older Pillows knows Latin-1 only.
    return text.encode("latin-1", "replace").decode("latin-1")
