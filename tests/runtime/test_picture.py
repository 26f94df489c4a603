"""Pictures of every kind, the letterbox, and what is refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_edet.detection.preprocess import letterbox, stretch
from edge_edet.errors import ImageError
from edge_edet.pictures.image import MAX_PIXELS, read_image

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_letterbox_is_pil_bilinear_top_left_on_the_padding_colour() -> None:
    image = Image.fromarray(RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    tensor, placement = letterbox(image, 64, (1, 2, 3))
    expected = np.asarray(image.resize((64, 48), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(tensor[0, :48], expected)
    assert np.all(tensor[0, 48:] == (1, 2, 3))
    assert placement.scale_x == placement.scale_y == 1.6


@pytest.mark.parametrize(
    ("size", "resized"),
    [
        ((640, 480), (512, 384)),
        ((480, 640), (384, 512)),
        ((512, 512), (512, 512)),
        ((1, 1), (512, 512)),
        ((10_000, 1), (512, 1)),
        ((1, 10_000), (1, 512)),
        ((1024, 333), (512, 167)),  # 166.5: halves go up
        ((300, 200), (512, 341)),  # 341.33
    ],
)
def test_sides_are_rounded_to_nearest_and_at_least_1(
    size: tuple[int, int], resized: tuple[int, int]
) -> None:
    tensor, placement = letterbox(Image.new("RGB", size, (9, 9, 9)), 512, (0, 0, 0))
    filled = tensor[0, :, :, 0] == 9
    assert (int(filled.any(axis=0).sum()), int(filled.any(axis=1).sum())) == resized
    assert placement.scale_x == 512 / max(size)


@pytest.mark.parametrize("size", [(640, 480), (3, 7), (100, 100)])
def test_padding_does_not_move_boxes(size: tuple[int, int]) -> None:
    _, placement = letterbox(Image.new("RGB", size), 64, (0, 0, 0))
    scale = 64 / max(size)
    whole = np.array([[0, 0, size[0] * scale, size[1] * scale]], np.float32)
    np.testing.assert_allclose(placement.to_picture(whole), [[0, 0, *size]], rtol=1e-6)


def test_stretch_scales_each_axis_by_itself() -> None:
    tensor, placement = stretch(Image.new("RGB", (200, 50)), 100, 100)
    assert tensor.shape == (1, 100, 100, 3)
    assert (placement.scale_x, placement.scale_y) == (0.5, 2.0)


@pytest.mark.parametrize(
    ("mode", "value", "rgb"),
    [
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("LA", (77, 0), (77, 77, 77)),
        ("RGBA", (10, 20, 30, 0), (10, 20, 30)),  # alpha is dropped
        ("CMYK", (0, 0, 0, 0), (255, 255, 255)),
        ("I;16", 0x4D12, (0x4D, 0x4D, 0x4D)),
        ("I", 0x4D12, (0x4D, 0x4D, 0x4D)),
        ("P", 0, (0, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(mode: str, value: object, rgb: tuple[int, int, int]) -> None:
    image = read_image(Image.new(mode, (3, 2), value))  # type: ignore[arg-type]
    assert image.mode == "RGB"
    assert image.getpixel((0, 0)) == rgb


def test_palette_with_transparency_keeps_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(tmp_path / "p.png", transparency=1)
    assert read_image(tmp_path / "p.png").getpixel((0, 0)) == (200, 100, 50)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=exif)
    undo = [
        lambda a: a,
        lambda a: a[:, ::-1],
        lambda a: a[::-1, ::-1],
        lambda a: a[::-1],
        lambda a: a.transpose(1, 0, 2),
        lambda a: np.rot90(a, -1),
        lambda a: np.rot90(a, -1)[:, ::-1][::-1],
        lambda a: np.rot90(a),
    ]
    expected = undo[orientation - 1](PIXELS)
    if orientation == 7:
        expected = PIXELS[::-1, ::-1].transpose(1, 0, 2)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "a.png")), expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
def test_the_orientation_of_a_grey_tiff_is_applied(
    orientation: int, kind: type[np.generic], tmp_path: Path
) -> None:
    """Pillow 11 to 13 shifts the rows of a sideways one that it maps into memory."""
    upright = np.arange(5 * 7).reshape(5, 7).astype(kind)
    upright *= kind(7 if kind is np.uint8 else 1800)
    stored = {
        1: upright,
        3: upright[::-1, ::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    path = tmp_path / "a.tif"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, tiffinfo={0x0112: orientation})
    eight = upright if kind is np.uint8 else upright >> 8
    np.testing.assert_array_equal(np.asarray(read_image(path))[..., 0], eight)


def test_arrays_need_not_be_contiguous() -> None:
    view = np.ascontiguousarray(PIXELS[:, ::-1])[:, ::-1]
    np.testing.assert_array_equal(np.asarray(read_image(view)), PIXELS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "but got float32 [4, 4, 3]"),
        (np.zeros((4, 4), np.uint8), "but got uint8 [4, 4]"),
        (np.zeros((4, 4, 4), np.uint8), "but got uint8 [4, 4, 4]"),
        (np.zeros((0, 4, 3), np.uint8), "but got uint8 [0, 4, 3]"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000, 3)), "is 20000 x 20000, more than"),
        (None, "but got NoneType"),
        ([1, 2], "but got list"),
        (Image.new("F", (2, 2)), "holds floats"),
        (Image.new("RGB", (0, 5)), "has no pixels"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(given: object, message: str) -> None:
    with pytest.raises(ImageError) as error:
        read_image(given)  # type: ignore[arg-type]
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def bomb() -> bytes:
    """A PNG that says it has 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0"))


def jpeg() -> bytes:
    import io

    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.jpg", b"", "is not a picture that Pillow can read"),
        ("text.png", b"hello world\n" * 9, "is not a picture that Pillow can read"),
        ("truncated.jpg", jpeg()[:900], "truncated"),
        ("header.jpg", jpeg()[:20], "'header.jpg'"),
        ("bomb.png", bomb(), f"more than {MAX_PIXELS:,} pixels"),
    ],
)
def test_bad_files_are_refused_in_one_line(
    name: str, data: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(data)
    with pytest.raises(ImageError) as error:
        read_image(name)
    assert message in str(error.value)
    assert repr(name) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no picture"):
        read_image(tmp_path / "nope.png")
    with pytest.raises(ImageError, match=r"is a folder|cannot read"):
        read_image(tmp_path)
