"""Draws a blood smear with known boxes: pictures in which the bundled D0 finds the cells.

`python -m edge_edet.demo_picture OUT.png --seed 1` writes one. The pictures are free to ship, in any number;
the same seed gives the same pixels.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["CLASSES", "PLATELET", "RBC", "WBC", "Box", "Slide", "draw_smear"]

WIDTH, HEIGHT = 640, 480
RBC, WBC, PLATELET = 0, 1, 2
CLASSES = ("RBC", "WBC", "Platelets")

PLASMA = (214, 205, 190)
RBC_COLOUR = (196, 140, 128)
RBC_PALLOR = 28  # how much lighter a red cell's middle is
WBC_COLOUR = (198, 172, 196)
NUCLEUS_COLOUR = (112, 78, 158)
PLATELET_COLOUR = (150, 110, 170)

BLUR_REACH = 5  # a blurred edge ends within so many times its radius
CELLS, DISTANCE = 14, 88  # as many cells as fit at this distance, at most
WBC_RADIUS, WBC_CLEARANCE = 82, 140
PLATELET_RADIUS, PLATELET_BOX = 13, 14

Box = tuple[float, float, float, float, int]  # xmin ymin xmax ymax class, in pixels
Colour = tuple[int, int, int]
Point = tuple[float, float]
Layer = tuple[Image.Image, Colour, tuple[int, int]]  # mask, what it paints, left and top


def draw_smear(seed: int) -> tuple[npt.NDArray[np.uint8], list[Box]]:
    """Draw one smear: red cells, one white cell, platelets.

    Parameters
    ----------
    seed
        The same seed gives the same pixels.

    Returns
    -------
    pixels
        [480, 640, 3] uint8 RGB.
    boxes
        xmin, ymin, xmax, ymax and class (RBC, WBC or PLATELET) of each cell. They may reach out of the
        picture where a cell does.
    """
    rng = np.random.default_rng(seed)
    slide = Slide(rng)
    boxes: list[Box] = []
    centres = _place_cells(rng)
    x, y = centres[0]
    white = centres[0] if 100 < x < WIDTH - 100 and 100 < y < HEIGHT - 100 else (320, 240)
    for centre in centres[1:]:
        if _squared_distance(centre, white) >= WBC_CLEARANCE**2:
            boxes.append(slide.red_cell(centre))
    boxes.append(slide.white_cell(white))
    for _ in range(3):
        place = rng.uniform(30, WIDTH - 30), rng.uniform(30, HEIGHT - 30)
        boxes.append(slide.platelet(place))
    return slide.photograph(), boxes


def _place_cells(rng: np.random.Generator) -> list[Point]:
    """Draw centres that keep their distance from each other."""
    centres: list[Point] = []
    for _ in range(400):
        thrown = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        if all(_squared_distance(thrown, other) > DISTANCE**2 for other in centres):
            centres.append(thrown)
        if len(centres) >= CELLS:
            break
    return centres


class Slide:
    """The picture while it is drawn; all randomness is from the one generator.

    Parameters
    ----------
    rng
        Draws shapes, colours and noise.
    size
        Width and height in pixels.

    Attributes
    ----------
    image
        What was painted so far, without the camera's noise.
    layers
        How it was painted, in order: mask, colour, and left and top of the mask.
    """

    def __init__(self, rng: np.random.Generator, size: tuple[int, int] = (WIDTH, HEIGHT)):
        self.rng = rng
        self.image = Image.new("RGB", size, PLASMA)
        self.layers: list[Layer] = []

    def red_cell(self, centre: Point) -> Box:
        """Paint a red cell; returns its box."""
        rng = self.rng
        radius, turn, stretch = rng.uniform(46, 54), rng.uniform(0, 3), rng.uniform(0.92, 1.08)
        red, green, blue = np.array(RBC_COLOUR) + rng.normal(0, 5, 3)
        pale = int(red + RBC_PALLOR), int(green + RBC_PALLOR), int(blue + RBC_PALLOR)
        outline = _blob(rng, centre, radius, 0.025, stretch, turn)
        self._paint(outline, (int(red), int(green), int(blue)))
        self._paint(_blob(rng, centre, radius * 0.45, 0.04), pale, blur=9, opacity=200)
        return _square(centre, radius, RBC)

    def white_cell(self, centre: Point) -> Box:
        """Paint a white cell with three lobes; returns its box."""
        self._paint(_blob(self.rng, centre, WBC_RADIUS, 0.03), WBC_COLOUR, blur=2)
        for lobe in range(3):
            angle = lobe * 2.1 + self.rng.uniform(0, 1)
            place = centre[0] + 30 * np.cos(angle), centre[1] + 30 * np.sin(angle)
            self._paint(_blob(self.rng, place, 36, 0.1), NUCLEUS_COLOUR, blur=2)
        return _square(centre, WBC_RADIUS, WBC)

    def platelet(self, centre: Point) -> Box:
        """Paint a platelet; returns its box."""
        self._paint(_blob(self.rng, centre, PLATELET_RADIUS, 0.12), PLATELET_COLOUR, blur=2)
        return _square(centre, PLATELET_BOX, PLATELET)

    def repeat(self, layers: Sequence[Layer], x: int, y: int) -> None:
        """Paint what another slide holds, moved by x and y pixels."""
        for mask, colour, (left, top) in layers:
            self.image.paste(
                colour, (left + x, top + y, left + x + mask.width, top + y + mask.height), mask
            )

    def photograph(self) -> npt.NDArray[np.uint8]:
        """Return the picture as a camera takes it: soft, noisy, unevenly lit."""
        pixels = np.asarray(self.image.filter(ImageFilter.GaussianBlur(1.2))).astype(np.float32)
        noise = self.rng.normal(0, 3, pixels.shape)
        lamp = Image.fromarray(self.rng.integers(0, 255, (6, 8), dtype=np.uint8))
        light = np.asarray(lamp.resize(self.image.size, Image.Resampling.BICUBIC))[..., None]
        pixels += noise + light / 255 * 12 - 6
        return np.clip(pixels, 0, 255).astype(np.uint8)

    def _paint(
        self, outline: list[Point], colour: Colour, blur: float = 1.5, opacity: int = 235
    ) -> None:
        xs, ys = zip(*outline, strict=True)
        around = math.ceil(BLUR_REACH * blur)
        left, top = (max(0, math.floor(min(one)) - around) for one in (xs, ys))
        right = min(self.image.width, math.ceil(max(xs)) + around)
        bottom = min(self.image.height, math.ceil(max(ys)) + around)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (right - left, bottom - top), 0)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in outline], fill=opacity)
        soft = mask.filter(ImageFilter.GaussianBlur(blur))
        self.layers.append((soft, colour, (left, top)))
        self.repeat(self.layers[-1:], 0, 0)


def _blob(
    rng: np.random.Generator,
    centre: Point,
    radius: float,
    jitter: float,
    stretch: float = 1.0,
    turn: float = 0.0,
) -> list[Point]:
    """Return the outline of an uneven ellipse: the radius varies by about `jitter` of itself."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    bumps = rng.normal(0, 1, 7)
    uneven = 1 + jitter * np.interp(angles, np.linspace(0, 2 * np.pi, 8), [*bumps, bumps[0]])
    x = radius * uneven * np.cos(angles) * stretch
    y = radius * uneven * np.sin(angles)
    turned_x = centre[0] + x * np.cos(turn) - y * np.sin(turn)
    turned_y = centre[1] + x * np.sin(turn) + y * np.cos(turn)
    return list(zip(turned_x.tolist(), turned_y.tolist(), strict=True))


def _square(centre: Point, half: float, kind: int) -> Box:
    x, y = centre
    return (x - half, y - half, x + half, y + half, kind)


def _squared_distance(a: Point, b: Point) -> float:
    return float((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2)


def main(argv: Sequence[str] | None = None) -> None:
    """Write one smear, as `python -m edge_edet.demo_picture`."""
    parser = argparse.ArgumentParser(prog="python -m edge_edet.demo_picture")
    parser.add_argument("output", type=Path, metavar="OUT.png", help="the picture to write")
    parser.add_argument("--seed", type=int, default=1, help="which smear (default: 1)")
    args = parser.parse_args(argv)
    pixels, boxes = draw_smear(args.seed)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(args.output)
    kinds = [kind for *_, kind in boxes]
    print(
        f"{args.output}: drawn with {kinds.count(RBC)} red cells, {kinds.count(WBC)} white, "
        f"{kinds.count(PLATELET)} platelets"
    )


if __name__ == "__main__":
    main()
