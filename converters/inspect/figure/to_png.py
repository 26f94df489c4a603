"""A figure as a PNG, for viewers and documents that take no SVG.

Pillow, which the runtime needs anyway, draws it: matplotlib is an extra of `report` alone.
"""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from edge_edet.converters.inspect.figure.layout import (
    DRAWN_BY,
    FONT,
    HEIGHT,
    TITLE_FONT,
    WIDTH,
    Figure,
    Line,
    Mark,
    Words,
)
from edge_edet.converters.inspect.figure.to_svg import BLOCK, LINE, OWN, RUNNING, TEXT
from edge_edet.errors import InputError

SCALE = 2  # pixels for each unit of the figure
SMOOTH = 2  # shapes are drawn so many times larger and reduced: Pillow smooths letters only
COLOURS = {"own": OWN, "block": BLOCK, "weakest": TEXT, "grid": LINE, "running": RUNNING}
WIDTHS = {"weakest": 1.5, "grid": 1.0, "running": 1.5}
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(figure: Figure) -> bytes:
    """Draw a figure on white, and return the file. Raises as `check_fonts`.

    Parameters
    ----------
    figure
        What to draw.

    Returns
    -------
    bytes
        The content of the .png.
    """
    fonts = {False: check_fonts(FONT), True: check_fonts(TITLE_FONT)}
    scale = SCALE * SMOOTH
    picture = Image.new("RGB", (WIDTH * scale, HEIGHT * scale), "white")
    canvas = ImageDraw.Draw(picture)
    for shape in figure.shapes:
        if not isinstance(shape, Words):
            _draw(canvas, shape, scale)
    picture = picture.reduce(SMOOTH)
    canvas = ImageDraw.Draw(picture)
    for shape in figure.shapes:
        if isinstance(shape, Words):
            at = (shape.x * SCALE, shape.y * SCALE)
            font = fonts[shape.title]
            canvas.text(at, shape.text, fill=TEXT, font=font, anchor=ANCHORS[shape.anchor])
    file = io.BytesIO()
    marks = PngInfo()
    marks.add_text("Software", DRAWN_BY)
    picture.save(file, format="PNG", optimize=True, pnginfo=marks)
    return file.getvalue()


def _draw(canvas: ImageDraw.ImageDraw, shape: Mark | Line, scale: int) -> None:
    colour, width = COLOURS[shape.role], round(WIDTHS.get(shape.role, 0) * scale)
    if isinstance(shape, Line):
        points = [(x * scale, y * scale) for x, y in shape.points]
        canvas.line(points, fill=colour, width=width, joint="curve")
        return
    left, top = (shape.x - shape.r) * scale, (shape.y - shape.r) * scale
    box = (left, top, left + 2 * shape.r * scale, top + 2 * shape.r * scale)
    if shape.role == "block":
        canvas.rectangle(box, fill=colour)
    elif shape.role == "weakest":
        canvas.ellipse(box, outline=colour, width=width)
    else:
        canvas.ellipse(box, fill=colour)


def check_fonts(size: int = FONT) -> ImageFont.FreeTypeFont:
    """Return a font of that size.

    Parameters
    ----------
    size
        In pixels.

    Returns
    -------
    ImageFont.FreeTypeFont
        The font.

    Raises
    ------
    InputError
        Where Pillow has none that can be scaled.
    """
    try:
        font = ImageFont.load_default(size * SCALE)
    except (TypeError, ImportError, OSError):  # before Pillow 10.1, or built without FreeType
        font = None
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise InputError(
            "a .png figure needs Pillow 10.1 or newer with FreeType: name a .svg, or "
            "pip install --upgrade pillow"
        )
    return font
