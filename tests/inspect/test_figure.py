"""The figure of error along the network: as SVG, as PNG, and without words that overlap."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFont

from edge_edet.cli import main
from edge_edet.converters.inspect.errors.block_error import BlockError
from edge_edet.converters.inspect.errors.tensor_error import TensorError
from edge_edet.converters.inspect.figure.layout import (
    FONT,
    HEIGHT,
    TITLE_FONT,
    WIDTH,
    Figure,
    Mark,
    Words,
    error_figure,
)
from edge_edet.converters.inspect.figure.to_png import COLOURS, SCALE, png
from edge_edet.converters.inspect.figure.to_svg import svg

PLACES = (
    "image",
    "backbone/conv_stem",
    "backbone/blocks.0.0/conv_pw",
    "backbone/blocks.6.0/conv_pwl",
    "fpn/cell.0/fnode.0/conv_dw",
    "fpn/cell.2/fnode.7/conv_pw",
    "box_net/p3/predict/conv_dw",
    "class_net/p7/conv_rep.2/conv_pw/with/a/name/that/is/much/longer/than/any/of/ours",
)
SVG = "{http://www.w3.org/2000/svg}"


def tensor(name: str, order: int, own_db: float) -> TensorError:
    return TensorError(
        name,
        name,
        order,
        "CONV_2D",
        "int8",
        0.1,
        0,
        "conv",
        False,
        own_db - 5,
        own_db - 4,
        own_db,
        own_db,
        1.0,
        0.99,
        0.0,
        0.0,
        0.0,
        0.5,
        0.1,
        False,
    )


def figure(weakest: int = 3, count: int = 8) -> Figure:
    """Make errors at every height, also beyond both ends of the axis."""
    decibels = np.linspace(70, 12, count)
    decibels[weakest] = -3
    errors = [
        tensor(f"{PLACES[i * len(PLACES) // count]}.{i}", i, d) for i, d in enumerate(decibels)
    ]
    blocks = [BlockError(e.block, e.name, e.order, e.own_db, 0.1) for e in errors[1::2]]
    return error_figure(errors, blocks, "d0-int8.tflite against <float> & more")


def extent(words: Words) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom, in the figure's units."""
    font = ImageFont.load_default(TITLE_FONT if words.title else FONT)
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[words.anchor]
    left, top, right, bottom = font.getbbox(words.text, anchor=anchor)
    return words.x + left, words.y + top, words.x + right, words.y + bottom


@pytest.mark.parametrize("weakest", [0, 3, 39], ids=["first", "early", "last"])
def test_words_touch_neither_each_other_nor_a_mark(weakest: int) -> None:
    drawn = figure(weakest, 40)
    words = [(shape, extent(shape)) for shape in drawn.shapes if isinstance(shape, Words)]
    marks = [
        (s, (s.x - s.r, s.y - s.r, s.x + s.r, s.y + s.r))
        for s in drawn.shapes
        if isinstance(s, Mark)
    ]
    assert {"backbone", "fpn", "box_net", "class_net", "60+ dB"} <= {w.text for w, _ in words}
    for i, (shape, (left, top, right, bottom)) in enumerate(words):
        assert 0 <= left < right <= WIDTH, shape
        assert 0 <= top < bottom <= HEIGHT, shape
        for other, (xmin, ymin, xmax, ymax) in [*words[:i], *marks]:
            apart = xmin >= right or xmax <= left or ymin >= bottom or ymax <= top
            assert apart, (shape, other)


def test_the_weakest_tensor_is_named_and_ringed() -> None:
    drawn = figure(weakest=5)
    (ring,) = [s for s in drawn.shapes if isinstance(s, Mark) and s.role == "weakest"]
    dots = [s for s in drawn.shapes if isinstance(s, Mark) and s.role == "own" and s.tip]
    assert (ring.x, ring.y) == (dots[5].x, dots[5].y)
    assert any(
        isinstance(s, Words) and "fnode.7/conv_pw.5, -3.0 dB" in s.text for s in drawn.shapes
    )


def test_the_svg_is_well_formed_and_has_dark_colours() -> None:
    root = ET.fromstring(svg(figure()))
    assert next(root.iter(f"{SVG}text")).text == "d0-int8.tflite against <float> & more"
    (style,) = root.iter(f"{SVG}style")
    for role in COLOURS:  # each has its own colour in dark mode
        assert f".ef .{role}{{" in (style.text or "")


def test_the_png_shows_every_mark_where_the_svg_has_it() -> None:
    drawn = figure()
    with Image.open(io.BytesIO(png(drawn))) as picture:
        assert (picture.format, picture.size) == ("PNG", (WIDTH * SCALE, HEIGHT * SCALE))
        for shape in drawn.shapes:
            if isinstance(shape, Mark) and shape.role == "block":
                pixel = picture.getpixel((int(shape.x * SCALE), int(shape.y * SCALE)))
                assert "#" + bytes(pixel).hex() == COLOURS["block"]  # type: ignore[arg-type]


def test_without_tensors_only_the_axes_remain() -> None:
    empty = error_figure([], [], "refused.tflite against float")
    assert ET.fromstring(svg(empty)).tag == f"{SVG}svg"
    assert png(empty).startswith(b"\x89PNG")


def test_the_command_writes_a_png(
    model: Callable[[str], Path], float_path: Path, bench: Any, tmp_path: Path
) -> None:
    target = tmp_path / "new" / "error.PNG"
    main(
        [
            "inspect",
            str(model("equalized")),
            "--against",
            str(float_path),
            "--data",
            str(bench.pictures[0].parent),
            "--limit",
            "1",
            "--threads",
            "1",
            "--figure",
            str(target),
        ]
    )
    with Image.open(target) as picture:
        assert picture.format == "PNG"
    assert [path.name for path in target.parent.iterdir()] == ["error.PNG"]


def test_a_pillow_without_fonts_is_refused_before_the_work(
    model: Callable[[str], Path],
    float_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def old() -> None:  # takes no size
        raise AssertionError

    monkeypatch.setattr(ImageFont, "load_default", old)
    status = main(
        [
            "inspect",
            str(model("equalized")),
            "--against",
            str(float_path),
            "--data",
            str(tmp_path),
            "--figure",
            str(tmp_path / "a.png"),
        ]
    )
    assert status == 2
    assert "a .png figure needs Pillow 10.1 or newer" in capsys.readouterr().err
