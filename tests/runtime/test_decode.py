"""decode="scaled": libjpeg decodes a JPEG file to no more than the input takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.cli import main
from edge_edet.detection import preprocess
from edge_edet.detection.preprocess import resized_rgb
from edge_edet.pictures.image import read_picture

SMOOTH = np.random.default_rng(3).integers(0, 256, (9, 12, 3), dtype=np.uint8)


def picture(width: int, height: int) -> Image.Image:
    return Image.fromarray(SMOOTH).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def make_jpeg(tmp_path: Path) -> Callable[..., Path]:
    def make(size: tuple[int, int] = (640, 480), mode: str = "RGB", turn: int = 1) -> Path:
        exif = Image.Exif()
        exif[0x0112] = turn
        path = tmp_path / "a.jpg"
        picture(*size).convert(mode).save(path, quality=95, exif=exif)
        return path

    return make


@pytest.mark.parametrize(
    ("size", "decoded"),
    [
        ((640, 480), (80, 60)),  # to fit into 64 x 64, 64 x 48 are needed
        (
            (511, 383),
            (128, 96),
        ),  # an eighth would be 64 x 48 of 511 x 383, rounded up: a quarter fits
        ((256, 192), (64, 48)),
        ((127, 96), (127, 96)),
        ((64, 64), (64, 64)),
        ((32, 20), (32, 20)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_it_decodes_no_less_than_is_needed_and_boxes_stay(
    size: tuple[int, int],
    decoded: tuple[int, int],
    mode: str,
    make_jpeg: Callable[..., Path],
    tiny_float: Path,
) -> None:
    path = make_jpeg(size, mode)
    with (
        edge_edet.load(tiny_float) as full,
        edge_edet.load(tiny_float, decode="scaled") as scaled,
    ):
        read = scaled.read(path)
        assert (read.image.size, read.size) == (decoded, size)
        expected, placement = full.prepare(path)
        tensor, same = scaled.prepare(path)
        assert same == placement
        assert scaled.detect(path).to_dicts() == full.detect(path).to_dicts()
        many = list(scaled.detect_many([path, path]))
        assert [one.to_dicts() for one in many] == [full.detect(path).to_dicts()] * 2
    # The picture is smooth: a tenth of the scale would be a shift by a pixel.
    assert np.abs(tensor.astype(int) - expected.astype(int)).max() <= 12


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_picture_that_is_turned(
    turn: int, make_jpeg: Callable[..., Path], tiny_float: Path
) -> None:
    path = make_jpeg((1200, 400), turn=turn)
    with (
        edge_edet.load(tiny_float) as full,
        edge_edet.load(tiny_float, decode="scaled") as scaled,
    ):
        expected, placement = full.prepare(path)
        tensor, same = scaled.prepare(path)
        assert same == placement
        upright = (400, 1200) if turn > 4 else (1200, 400)
        assert scaled.read(path).size == (same.width, same.height) == upright
        assert max(scaled.read(path).image.size) == 150
    assert np.abs(tensor.astype(int) - expected.astype(int)).max() <= 12


def test_other_pictures_are_as_they_were(tmp_path: Path, tiny_float: Path) -> None:
    picture(640, 480).save(tmp_path / "a.png")
    with edge_edet.load(tiny_float, decode="scaled") as scaled, edge_edet.load(tiny_float) as full:
        for given in (tmp_path / "a.png", picture(640, 480), np.asarray(picture(640, 480))):
            assert scaled.read(given).image.size == (640, 480)
            np.testing.assert_array_equal(scaled.prepare(given)[0], full.prepare(given)[0])


def test_without_a_need_all_is_decoded(make_jpeg: Callable[..., Path]) -> None:
    assert read_picture(make_jpeg()).image.size == (640, 480)


def test_a_damaged_jpeg_is_the_same_error(tmp_path: Path, tiny_float: Path) -> None:
    path = tmp_path / "cut.jpg"
    picture(640, 480).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    messages = []
    for decode in ("full", "scaled"):
        with (
            edge_edet.load(tiny_float, decode=decode) as detector,
            pytest.raises(edge_edet.ImageError, match=r"cut\.jpg") as error,
        ):
            detector.detect(path)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("decode", ["fast", "", None, 2])
def test_other_words_are_refused(decode: Any, tiny_float: Path) -> None:
    with pytest.raises(edge_edet.InputError, match="decode must be one of full, scaled, but got"):
        edge_edet.load(tiny_float, decode=decode)


def test_tiles_need_all_pixels(tiny_float: Path) -> None:
    with pytest.raises(edge_edet.InputError, match="give one of the two"):
        edge_edet.load(tiny_float, decode="scaled", tiles="2x2")


def test_detect_says_how_it_decoded(
    make_jpeg: Callable[..., Path], tiny_float: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(make_jpeg())
    documents = []
    for decode in ("full", "scaled"):
        assert main(["detect", path, "-m", str(tiny_float), "--json", "--decode", decode]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert [one.pop("decode") for one in documents] == ["full", "scaled"]
    assert documents[0] == documents[1]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK"])
@pytest.mark.parametrize(
    ("size", "new"),
    [((1920, 1080), (512, 288)), ((1281, 977), (512, 390)), ((1203, 903), (300, 225))],
)
def test_blocks_first_is_near_the_filter_over_all(
    mode: str, size: tuple[int, int], new: tuple[int, int]
) -> None:
    """On a picture with edges the mean difference stays below 2 of 255 levels, without a shift."""
    edges = Image.fromarray(SMOOTH).resize(size, Image.Resampling.NEAREST).convert(mode)
    fast = resized_rgb(edges, *new).astype(int)
    slow = np.asarray(edges.convert("RGB").resize(new, Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(fast - slow).mean() < 2
    assert np.abs((fast - slow).mean(axis=(0, 1))).max() < 0.3


def test_below_two_and_a_half_times_nothing_changed() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (479, 639, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    for new in ((512, 384), (300, 300), (256, 192), (700, 500)):
        assert max(639 / new[0], 479 / new[1]) < 2 * preprocess.REDUCING_GAP
        expected = np.asarray(image.resize(new, Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(resized_rgb(image, *new), expected)
