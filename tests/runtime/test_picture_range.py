"""Grey pictures of more than 8 bits: what is black and white in them, and what is said of them.

Sources of the kinds: MS2's and fieldscale's issues on 12-bit and radiometric thermal data in 16-bit grey;
TIFF 6.0 section 8 (WhiteIsZero, BitsPerSample); the PGM format (maxval); what Pillow 9.4 to 13.0 makes
of each.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edge_edet import ImageError, InputError, PictureWarning
from edge_edet.pictures.image import read_image, read_picture
from edge_edet.pictures.value_range import PictureRange, check_range, parse_range, range_text

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)  # of 12 bits
FULL = (RAMP * 16).astype(np.uint16)
THERMAL = (RAMP // 4 + 7000).astype(np.uint16)  # counts of a narrow band


def tiff(
    values: npt.NDArray[Any],
    *,
    order: str = "<",
    bits: int = 16,
    kind: int = 1,
    white: int = 1,
    data: bytes | None = None,
) -> bytes:
    """An uncompressed grey TIFF. kind: SampleFormat 1 unsigned, 2 signed, 3 float; white: its Photometric."""
    height, width = values.shape
    data = data or values.astype(values.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, white), (273, 0), (277, 1)]
    tags += [(278, height), (279, len(data)), (339, kind)]
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack(order + "HHII", tag, 4, 1, start if tag == 273 else value)
        for tag, value in tags
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    return head + entries + bytes(4) + data


def twelve_bit_tiff(values: npt.NDArray[np.uint16]) -> bytes:
    """Two values in three bytes."""
    a, b = values.reshape(-1, 2).astype(np.uint32).T
    whole = (a << 12) | b
    packed = np.stack([whole >> 16, whole >> 8 & 255, whole & 255], 1).astype(np.uint8).tobytes()
    return tiff(values, bits=12, data=packed)


def png(values: npt.NDArray[Any], colour: int, extra: bytes = b"") -> bytes:
    """16 bits a channel; Pillow writes no colour of 16 bits."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour, 0, 0, 0)
    sbit = chunk(b"sBIT", extra) if extra else b""
    body = chunk(b"IHDR", head) + sbit + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def pgm(values: npt.NDArray[np.uint16], largest: int) -> bytes:
    head = f"P5\n{values.shape[1]} {values.shape[0]}\n{largest}\n".encode()
    return head + values.astype(">u2").tobytes()


def written(values: npt.NDArray[Any], form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, form)
    return file.getvalue()


def grey(path: Path, picture_range: PictureRange = None) -> npt.NDArray[np.uint8]:
    """[h, w], without warnings."""
    pixels = np.asarray(read_picture(path, picture_range).rgb)
    assert (pixels == pixels[..., :1]).all()
    return np.asarray(pixels[..., 0])


def said(path: Path, picture_range: PictureRange = None) -> list[str]:
    return [finding.text() for finding in read_picture(path, picture_range).findings]


EIGHT = (RAMP >> 4).astype(np.uint8)  # what every one of them shows
SHORT = (RAMP.astype(np.int32) - 2000).astype(np.int16)


@pytest.mark.parametrize(
    ("data", "picture_range", "tolerance"),
    [
        (written(FULL, "PNG"), None, 0),
        (written(FULL, "TIFF"), None, 0),
        (tiff(FULL, order=">"), None, 0),
        (tiff(65535 - FULL, white=0), None, 0),  # a negative: 0 is white
        (twelve_bit_tiff(RAMP), None, 0),
        (pgm(RAMP, 4095), None, 0),
        (pgm(FULL, 65535), None, 0),
        (png(FULL, 0, extra=b"\x0c"), None, 0),  # 12 significant bits, at the top as PNG wants it
        (written(RAMP, "PNG"), (0, 4095), 1),
        (tiff(RAMP, order=">"), (0, 4095), 1),
        (tiff(4095 - RAMP, white=0), (0, 4095), 1),
        (twelve_bit_tiff(RAMP), (0, 4095), 1),
        (pgm(RAMP, 4095), (0, 4095), 1),  # in the file's own values, not Pillow's
        (pgm(RAMP, 65535), (0, 4095), 1),
        (png(RAMP, 0, extra=b"\x0c"), (0, 4095), 1),
        (written(THERMAL, "TIFF"), (7000, 8023), 1),
        (tiff(SHORT, kind=2), (-2000, 2095), 1),
        (tiff(SHORT.astype(np.int32), bits=32, kind=2, order=">"), (-2000, 2095), 1),
        (tiff(RAMP.astype(np.uint32) * 2**20, bits=32), (0, 4095 * 2**20), 1),  # beyond int32
        (tiff((RAMP / 4095 * 40 - 10).astype(np.float32), bits=32, kind=3), (-10, 30), 1),  # degrees
        (written(RAMP, "PNG"), "auto", 1),
        (written(THERMAL, "TIFF"), "auto", 1),
        (tiff(65535 - THERMAL, white=0), "auto", 1),
        (tiff(SHORT, kind=2), "auto", 1),
    ],
)  # fmt: skip
def test_every_grey_of_more_than_8_bits_shows_the_same(
    data: bytes, picture_range: PictureRange, tolerance: int, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(data)
    difference = grey(tmp_path / "x", picture_range).astype(int) - EIGHT
    assert np.abs(difference).max() <= tolerance
    assert said(tmp_path / "x", picture_range) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (RAMP, "16-bit values that stay below 2^12, as 12-bit data has"),
        (RAMP // 4, "16-bit values that stay below 2^10, as 10-bit data has"),
        (RAMP * 4, "16-bit values that stay below 2^14, as 14-bit data has"),
        (THERMAL, "16-bit values in less than an eighth of their scale"),
        (THERMAL + 40_000, "16-bit values in less than an eighth of their scale"),
        (np.zeros_like(RAMP), "16-bit values in less than an eighth of their scale"),
    ],
)
def test_unused_scale_is_said(
    values: npt.NDArray[np.uint16], expected: str, tmp_path: Path
) -> None:
    Image.fromarray(values).save(tmp_path / "x.png")
    [text] = said(tmp_path / "x.png")
    assert text.startswith(expected)
    assert "give --range auto or --range=" in text
    with pytest.warns(PictureWarning, match=r"give picture_range='auto' or \(\d+, \d+\)"):
        read_image(tmp_path / "x.png")


def test_advice_is_a_range_that_shows_the_picture(tmp_path: Path) -> None:
    for values in (RAMP, THERMAL):
        Image.fromarray(values).save(tmp_path / "x.png")
        [finding] = read_picture(tmp_path / "x.png").findings
        shown = grey(tmp_path / "x.png", parse_range(finding.low_high))
        assert np.abs(shown.astype(int) - EIGHT).max() <= 2


def test_a_few_hot_pixels_change_neither_the_warning_nor_auto(tmp_path: Path) -> None:
    values = RAMP.copy()
    values[0, 0], values[63, 63] = 65535, 65535
    Image.fromarray(values).save(tmp_path / "x.png")
    assert "stay below 2^12" in said(tmp_path / "x.png")[0]
    assert np.abs(grey(tmp_path / "x.png", "auto")[1:-1].astype(int) - EIGHT[1:-1]).max() <= 1


def test_values_beyond_16_bits_are_said(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(tiff(SHORT, kind=2))
    [text] = said(tmp_path / "x.tif")
    assert text.startswith(
        "values outside 0 to 65535, which are cut off there (from -2000 to 2095)"
    )
    assert "--range=-2000,2095" in text


def test_a_range_beside_all_values_is_said(tmp_path: Path) -> None:
    Image.fromarray(THERMAL).save(tmp_path / "x.png")
    [text] = said(tmp_path / "x.png", (0, 4095))
    assert text.startswith("no value inside the range")
    assert "values from 7000 to 8023" in text


@pytest.mark.parametrize("value", [0, 7000, 65535])
def test_auto_of_one_value_is_black(value: int, tmp_path: Path) -> None:
    Image.fromarray(np.full((5, 4), value, np.uint16)).save(tmp_path / "x.png")
    assert not grey(tmp_path / "x.png", "auto").any()


def test_auto_of_two_values_is_black_and_white(tmp_path: Path) -> None:
    values = np.zeros((100, 100), np.uint16)
    values[50, 50] = 9  # fewer than one in a thousand
    Image.fromarray(values).save(tmp_path / "x.png")
    assert grey(tmp_path / "x.png", "auto")[50, 50] == 255


def test_floats_need_a_range_and_what_is_no_number_is_black(tmp_path: Path) -> None:
    degrees = np.array([[np.nan, 10.0], [20.0, np.inf]], np.float32)
    (tmp_path / "x.tif").write_bytes(tiff(degrees, bits=32, kind=3))
    with pytest.raises(ImageError, match=r"holds floats, .* --range \(picture_range in Python\)"):
        read_picture(tmp_path / "x.tif")
    np.testing.assert_array_equal(grey(tmp_path / "x.tif", (0, 20)), [[0, 128], [255, 255]])
    assert said(tmp_path / "x.tif", "auto") == [
        "pixels that are no number, taken as black (1 pixels)"
    ]


@pytest.mark.parametrize("colour", [2, 4, 6])
def test_16_bit_colour_has_no_range_and_says_so(colour: int, tmp_path: Path) -> None:
    channels = {2: 3, 4: 2, 6: 4}[colour]
    bright, dark = (np.stack([v] * channels, -1) for v in (FULL, RAMP))
    (tmp_path / "bright.png").write_bytes(png(bright, colour))
    (tmp_path / "dark.png").write_bytes(png(dark, colour))
    np.testing.assert_array_equal(grey(tmp_path / "bright.png"), EIGHT)
    assert said(tmp_path / "bright.png") == []
    assert "the range is not applied" in said(tmp_path / "bright.png", "auto")[0]
    for picture_range in (None, (0, 4095)):
        assert (
            "16-bit colour whose values stay below 2^12"
            in said(tmp_path / "dark.png", picture_range)[0]
        )


def test_8_bits_are_left_as_they_are_and_it_is_said(tmp_path: Path) -> None:
    Image.fromarray(EIGHT).save(tmp_path / "x.png")
    np.testing.assert_array_equal(grey(tmp_path / "x.png", (0, 20)), EIGHT)
    assert said(tmp_path / "x.png", "auto") == [
        "8 bits a channel, which the range leaves as they are"
    ]
    assert said(tmp_path / "x.png") == []


@pytest.mark.parametrize("name", ["x.tif", "x.gif", "x.webp", "x.png"])
def test_of_several_pages_the_first_is_read_and_it_is_said(name: str, tmp_path: Path) -> None:
    first, second = (Image.new("L", (8, 8), value) for value in (0, 255))
    first.save(tmp_path / name, save_all=True, append_images=[second])
    assert not grey(tmp_path / name).any()
    assert said(tmp_path / name) == ["several pages or frames, of which the first is read"]


def test_arrays_of_more_than_8_bits_need_a_range() -> None:
    for values in (RAMP, RAMP.astype(np.int32), RAMP.astype(np.float32), RAMP.astype(">u2")):
        with pytest.raises(ImageError, match=r"\[h, w\] with a picture_range"):
            read_image(values)
        shown = np.asarray(read_image(values, (0, 4095)))[..., 0].astype(int)
        assert np.abs(shown - EIGHT).max() <= 1
    with pytest.raises(ImageError, match=r"but got uint8 \[64, 64\]$"):
        read_image(EIGHT, "auto")


def test_a_picture_that_was_read_is_read_again_without_a_word(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "x.png")
    once = read_image(tmp_path / "x.png", "auto")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(np.asarray(read_image(once, "auto")), np.asarray(once))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("auto", "auto"),
        ((0, 4095), (0.0, 4095.0)),
        ([1.5, 2], (1.5, 2.0)),
        ((np.int64(3), np.float32(4)), (3.0, 4.0)),
    ],
)
def test_ranges_in_python(given: Any, expected: PictureRange) -> None:
    assert check_range(given) == expected
    text = range_text(expected)
    assert text is None or parse_range(text) == expected


@pytest.mark.parametrize(
    "given",
    ["", "AUTO ", "0,1", 5, (1,), (1, 1), (2, 1), (0, float("nan")), (True, 5), ("0", "1"), ()],
)
def test_ranges_that_are_none_in_python(given: Any) -> None:
    with pytest.raises(InputError, match="expected None, 'auto' or"):
        check_range(given)
