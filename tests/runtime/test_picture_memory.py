"""Large pictures take little more than their decoded pixels, and come out as if taken whole."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.detection import preprocess
from edge_edet.detection.preprocess import resized_rgb
from edge_edet.pictures import value_rows
from edge_edet.pictures.value_rows import scan

RNG = np.random.default_rng(5)
COLOUR = Image.fromarray(RNG.integers(0, 256, (157, 211, 3), np.uint8))


def in_mode(mode: str) -> Image.Image:
    if mode in ("RGBA", "LA", "PA"):
        image = COLOUR.convert("RGBA" if mode == "RGBA" else "LA")
        image.putalpha(Image.fromarray(RNG.integers(0, 256, (157, 211), np.uint8)))
        return image if mode != "PA" else COLOUR.convert("P").convert("PA")
    return COLOUR.convert(mode)


@pytest.mark.parametrize(
    "mode", ["L", "P", "LA", "PA", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "RGB"]
)
@pytest.mark.parametrize("size", [(64, 48), (211, 157), (100, 300), (1, 1), (640, 100), (200, 20)])
def test_some_rows_at_a_time_give_the_pixels_of_the_whole(
    mode: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow resizes rows and columns one after the other, in an order that 13.0 changed for heights that
    shrink much more than widths; mode by mode against RGB made first."""
    monkeypatch.setattr(preprocess, "STRIP_PIXELS", 211 * 10)  # 16 strips, the last a short one
    image = in_mode(mode)
    whole = image.convert("RGB").resize(
        size, Image.Resampling.BILINEAR, reducing_gap=preprocess.REDUCING_GAP
    )
    np.testing.assert_array_equal(resized_rgb(image, *size), whole)


@pytest.mark.parametrize(
    "values",
    [
        RNG.integers(0, 4096, (97, 103)).astype(np.uint16),
        RNG.integers(-5000, 90_000, (97, 103)).astype(np.int32),
        RNG.normal(20, 5, (97, 103)).astype(np.float32),
        np.where(RNG.random((97, 103)) < 0.1, np.nan, RNG.normal(20, 5, (97, 103))),
        np.where(RNG.random((97, 103)) < 0.1, np.inf, 7.0),
        np.full((3, 5), 65535, np.uint16),
        np.array([[3]], np.uint16),
        np.rint(RNG.normal(200, 50, (97, 103))).astype(np.float32),
    ],
    ids=["12 bits", "int32", "float", "some NaN", "infinite", "constant", "one", "whole floats"],
)
def test_a_scan_finds_what_numpy_does(values: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_rows, "STRIP_PIXELS", 700)
    found = scan(values, (0.1, 99.9))
    finite = values[np.isfinite(values)].astype(np.float64)
    assert (found.least, found.most) == (finite.min(), finite.max())
    np.testing.assert_allclose(
        (found.low, found.high), np.percentile(finite, (0.1, 99.9)), rtol=1e-6
    )
    assert found.nans == np.isnan(values.astype(np.float64)).sum()


def test_a_scan_of_no_finite_value() -> None:
    found = scan(np.full((4, 4), np.nan), (0.1, 99.9))
    assert np.isnan(found.least)
    assert found.nans == 16


PEAK = """
import sys
import numpy as np
from PIL import Image
from edge_edet.pictures import read_picture
from edge_edet.detection import letterbox

def status(name):
    return int(open("/proc/self/status").read().split(name)[1].split()[0]) // 1024

small = read_picture(Image.new("RGB", (64, 48))).image
letterbox(small, 512, (0, 0, 0))
open("/proc/self/clear_refs", "w").write("5")  # the high-water mark begins anew
before = status("VmRSS:")
spec = None if sys.argv[2] == "none" else "auto"
letterbox(read_picture(sys.argv[1], spec).image, 512, (0, 0, 0))
print(status("VmHWM:") - before)
"""


def save(path: Path, kind: str, side: int) -> float:
    """The file, and MB of its pixels as Pillow holds them."""
    tile = RNG.integers(0, 256, (250, 250), np.uint8)
    grey = np.tile(tile, (side // 250, side // 250))
    megabytes = side * side / 2**20
    if kind == "16 bits":
        Image.fromarray(grey.astype(np.uint16) * 257).save(path, compress_level=1)
        return 2 * megabytes
    if kind == "float":
        Image.fromarray(grey.astype(np.float32)).save(path)
        return 4 * megabytes
    image = Image.fromarray(grey)
    if kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.convert("RGB").save(path, quality=80, exif=exif)
        return 4 * megabytes
    image.convert({"grey": "L", "palette": "P"}[kind]).save(path, compress_level=1)
    return megabytes


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize(
    ("kind", "suffix", "picture_range"),
    [
        ("grey", "png", "none"),
        ("palette", "png", "none"),
        ("16 bits", "png", "none"),
        ("16 bits", "png", "auto"),
        ("float", "tif", "auto"),
        ("turned", "jpg", "none"),
    ],
)
def test_a_picture_takes_at_most_three_times_its_decoded_pixels(
    tmp_path: Path, kind: str, suffix: str, picture_range: str
) -> None:
    """36 megapixels; as a whole in RGB and int64 it was 5 and 11 times."""
    path = tmp_path / f"large.{suffix}"
    decoded = save(path, kind, 6000)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PEAK, str(path), picture_range],
        capture_output=True,
        text=True,
        check=True,
    )
    peak = int(ran.stdout)
    assert peak <= 3 * decoded + 25, f"{peak} MB for {decoded:.0f} MB of pixels"  # 25: strips, file


def test_the_same_boxes_from_every_mode_of_a_picture(tmp_path: Path) -> None:
    """A grey picture as L, as palette and as RGB is one picture."""
    grey = Image.fromarray(RNG.integers(0, 256, (157, 211), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = resized_rgb(grey, 64, 48)
        for mode in ("RGB", "P", "LA"):
            np.testing.assert_array_equal(resized_rgb(grey.convert(mode), 64, 48), first)
