"""Draws a smear that flows through the picture, with the box and the identity of each cell in each frame.

`python -m edge_edet.demo_video OUT.mp4 --seed 1` writes one, and its boxes in OUT.jsonl beside it. It is
test data for detection and tracking: the same seed gives the same pixels.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_edet.demo_picture import CLASSES, PLATELET, RBC, WBC, Box, Slide
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.optional_packages import missing_extra
from edge_edet.output_files import DEMO_COMMENT, DEMO_VIDEO, Outputs

__all__ = ["DrawnFrame", "draw_smear_video"]

WIDTH, HEIGHT = 640, 480
FLOW_PX = 6.0  # a frame, to the right
WANDER_PX = 1.5  # standard deviation of a cell's own speed, a frame
DISTANCE = 96  # of two cells half-way through the video
CELLS_PER_SCREEN = 14
WHITE_CLEARANCE = 140
TILE = 200  # a cell is drawn once, in the middle of a square of this side
VISIBLE = 0.5  # share of a box that must be in the picture for the cell to count
RATE = 15  # frames a second in the file


@dataclass(frozen=True, eq=False)
class DrawnFrame:
    """One frame of a drawn video.

    Attributes
    ----------
    image
        [480, 640, 3] uint8 RGB.
    boxes
        xmin, ymin, xmax, ymax within the picture, and class (`demo_picture.CLASSES`), of each cell that is at
        least half visible.
    ids
        Which cell each box is: the same number in every frame.
    """

    image: npt.NDArray[np.uint8]
    boxes: list[Box]
    ids: list[int]


@dataclass(frozen=True)
class _Cell:
    tile: Slide
    box: Box  # in the tile
    start: npt.NDArray[np.float64]  # left and top of the tile in frame 0
    speed: npt.NDArray[np.float64]  # pixels a frame

    def place(self, frame: int) -> tuple[int, int]:
        x, y = np.rint(self.start + self.speed * frame).astype(int)
        return int(x), int(y)


def draw_smear_video(seed: int, frames: int = 60) -> Iterator[DrawnFrame]:
    """Draw a smear that flows to the right, each cell with a little speed of its own.

    Parameters
    ----------
    seed
        The same seed gives the same pixels.
    frames
        Number of frames.

    Yields
    ------
    DrawnFrame
        In order; cells enter at the left and leave at the right, and some touch or cover others on the way.
    """
    rng = np.random.default_rng(seed)
    cells = _cells(rng, frames)
    for frame in range(frames):
        slide = Slide(rng)
        boxes, ids = [], []
        for number, cell in enumerate(cells):
            x, y = cell.place(frame)
            slide.repeat(cell.tile.layers, x, y)
            xmin, ymin, xmax, ymax, kind = cell.box
            whole = (xmax - xmin) * (ymax - ymin)
            left, top = max(0.0, xmin + x), max(0.0, ymin + y)
            right, bottom = min(WIDTH, xmax + x), min(HEIGHT, ymax + y)
            if max(0, right - left) * max(0, bottom - top) >= VISIBLE * whole:
                boxes.append((left, top, right, bottom, kind))
                ids.append(number)
        yield DrawnFrame(slide.photograph(), boxes, ids)


def _cells(rng: np.random.Generator, frames: int) -> list[_Cell]:
    """Place the cells of the whole video: they keep their distance half-way through it."""
    length = WIDTH + FLOW_PX * frames
    screens = max(1, round(length / WIDTH))
    start = -FLOW_PX * frames / 2  # of what passes by, at the middle of the video
    kinds = [WBC] * screens + [RBC] * (CELLS_PER_SCREEN * screens) + [PLATELET] * (3 * screens)
    cells: list[_Cell] = []
    taken: list[tuple[float, float, float]] = []
    for kind in kinds:
        clear = {WBC: WHITE_CLEARANCE, RBC: DISTANCE, PLATELET: DISTANCE / 2}[kind]
        for _ in range(50):
            x, y = rng.uniform(start, start + length), rng.uniform(0, HEIGHT)
            if all((x - a) ** 2 + (y - b) ** 2 >= max(clear, c) ** 2 for a, b, c in taken):
                break
        else:
            continue  # no room for it
        taken.append((x, y, WHITE_CLEARANCE if kind == WBC else 0))
        tile = Slide(rng, (TILE, TILE))
        paint = {WBC: tile.white_cell, RBC: tile.red_cell, PLATELET: tile.platelet}[kind]
        box = paint((TILE / 2, TILE / 2))
        speed = np.array([FLOW_PX, 0.0]) + rng.normal(0, WANDER_PX, 2)
        middle = np.array([x, y]) - TILE / 2
        cells.append(_Cell(tile, box, middle - speed * (frames / 2), speed))
    return cells


def _write(path: Path, seed: int, frames: int) -> int:
    """Write the video, and its boxes beside it; returns the number of cells."""
    if path.suffix.lower() != ".mp4":
        raise InputError(f"the video must be named .mp4, but got {str(path)!r}")
    if frames < 1:
        raise InputError(f"--frames must be a whole number from 1, but got {frames}")
    from PIL import Image

    from edge_edet.video import VideoWriter

    lines, seen = [], set()
    labels = path.with_suffix(".jsonl")
    with Outputs(option="OUT.mp4") as outputs:
        outputs.claim(labels, None)
        with (
            outputs.making(path, DEMO_VIDEO) as temporary,
            VideoWriter(temporary, comment=DEMO_COMMENT) as writer,
        ):
            for number, drawn in enumerate(draw_smear_video(seed, frames)):
                writer.add(Image.fromarray(drawn.image), number / RATE)
                cells = [
                    {"id": one, "class_id": kind, "label": CLASSES[kind], "box": box}
                    for one, (*box, kind) in zip(drawn.ids, drawn.boxes, strict=True)
                ]
                lines.append(
                    json.dumps({"frame": number, "time_s": round(number / RATE, 6), "cells": cells})
                )
                seen.update(drawn.ids)
        outputs.write(labels, "".join(f"{line}\n" for line in lines).encode(), None)
    return len(seen)


def main(argv: Sequence[str] | None = None) -> int:
    """Write one video, as `python -m edge_edet.demo_video`."""
    parser = argparse.ArgumentParser(prog="python -m edge_edet.demo_video")
    parser.add_argument(
        "output", type=Path, metavar="OUT.mp4", help="the video; its boxes go into OUT.jsonl"
    )
    parser.add_argument("--seed", type=int, default=1, help="which smear (default: 1)")
    parser.add_argument("--frames", type=int, default=60, help="how many (default: 60)")
    args = parser.parse_args(argv)
    try:
        cells = _write(args.output, args.seed, args.frames)
    except ImportError as error:
        problem: Exception = missing_extra(error) or error
    except EdgeEdetError as error:
        problem = error
    else:
        print(f"{args.output}: {args.frames} frames with {cells} cells")
        return 0
    if not isinstance(problem, EdgeEdetError):
        raise problem
    print(f"demo_video: error: {problem}", file=sys.stderr)
    return problem.exit_status


if __name__ == "__main__":
    sys.exit(main())
