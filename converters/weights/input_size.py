"""The size of the input to build for: as `--image-size` states it, and what can be built."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from edge_edet.errors import InputError
from edge_edet.variants import ImageSize, Variant, size_of, size_text

__all__ = [
    "MARGIN",
    "Auto",
    "Ratio",
    "SizeWish",
    "check_size",
    "chosen_size",
    "commonest_shape",
    "read_size",
    "size_note",
    "wish_text",
]

STEP, LEAST, MOST = 32, 64, 4096  # pixels of a side
MARGIN = 32  # least rows or columns of padding that "auto" keeps: docs/decisions/0019-rectangles.md
ALLOWED = f"multiples of {STEP} from {LEAST} to {MOST}"
FORMS = "512, 512x384 (width x height), 16:9 or auto"


class Ratio(NamedTuple):
    """Width to height of the pictures; the longer side is the variant's."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}:{self.height}"


class Auto(NamedTuple):
    """The commonest shape of the calibration pictures, as far as they were looked at.

    Attributes
    ----------
    width, height
        Of a picture of that shape; 0: no picture was looked at yet.
    having, pictures
        How many pictures have it, of how many.
    """

    width: int = 0
    height: int = 0
    having: int = 0
    pictures: int = 0

    def __str__(self) -> str:
        return "auto"


SizeWish: TypeAlias = ImageSize | Ratio | Auto


def read_size(text: str) -> SizeWish:
    """Read a size: "512", "512x384" (width x height, as google/automl writes it), a ratio, "16:9", or "auto".

    Parameters
    ----------
    text
        As given.

    Returns
    -------
    SizeWish
        A size, a ratio, or auto.

    Raises
    ------
    InputError
        It is none of them, or cannot be built for any variant.
    """
    if text.strip().lower() == "auto":
        return Auto()
    found = re.fullmatch(r"\s*([0-9]{1,9})(?:([x:])([0-9]{1,9}))?\s*", text.lower())
    if found is None:
        raise InputError(f"{text!r} is no size of an input: expected {FORMS}")
    first, sign, second = found.groups()
    if sign == ":":
        ratio = Ratio(int(first), int(second))
        if 0 in ratio:
            raise InputError(
                f"{text!r} is no ratio of sides: expected two positive numbers, as 16:9"
            )
        return ratio
    size = size_of(int(second or first), int(first))
    check_size(size, None, f"{text.strip()!r}")
    return size


def wish_text(wish: SizeWish) -> str:
    """Return a wish as `--image-size` takes it.

    Parameters
    ----------
    wish
        A size, a ratio, or auto.

    Returns
    -------
    str
        The text.
    """
    return str(wish) if isinstance(wish, Ratio | Auto) else size_text(wish)


def commonest_shape(sizes: Sequence[tuple[int, int]]) -> Auto:
    """Find the commonest shape of pictures.

    Parameters
    ----------
    sizes
        (width, height) of each upright picture, at least one. Shapes are the same where the shorter side is
        the same percentage of the longer one, rounded.

    Returns
    -------
    Auto
        With the size that has the relatively longest shorter side of that shape, so that no picture of it is
        scaled down further. Of two shapes that are as common, the one nearer to a square.
    """
    shapes = Counter((round(100 * min(one) / max(one)), one[0] >= one[1]) for one in sizes)
    (share, wide), count = max(shapes.items(), key=lambda item: (item[1], item[0]))
    of_shape = [
        one
        for one in sizes
        if (round(100 * min(one) / max(one)), one[0] >= one[1]) == (share, wide)
    ]
    width, height = max(of_shape, key=lambda one: (min(one) / max(one), one))
    return Auto(width, height, count, len(sizes))


def chosen_size(wish: SizeWish | None, trained: Variant) -> ImageSize:
    """Return the size to build for.

    Parameters
    ----------
    wish
        What was asked for. Of a ratio the longer side is that of the training, the other one is rounded up to
        a multiple of 32, so that pictures of that ratio are not scaled further down. So it is for "auto", but
        at least MARGIN rows or columns of padding stay beside the picture, as far as the square has them.
        None: as trained.
    trained
        The variant as trained.

    Raises
    ------
    InputError
        That size cannot be built, or no picture was looked at.
    """
    if wish is None:
        size, what = trained.image_size, f"{trained.name}: image size"
    elif isinstance(wish, Ratio | Auto):
        if 0 in (wish.width, wish.height):
            raise InputError(
                "--image-size auto takes the commonest shape of the calibration pictures: give a folder of "
                "pictures with --calibration, or a size"
            )
        longer = max(trained.input_size)
        short, long = sorted((wish.width, wish.height))
        margin = MARGIN if isinstance(wish, Auto) else 0
        other = min(longer, -(-(longer * short + margin * long) // (long * STEP)) * STEP)
        if isinstance(wish, Auto):  # its margin, or more, keeps levels to halve
            other = max(other, min(longer, _least_shorter(trained)))
        size = size_of(other, longer) if wish.width >= wish.height else size_of(longer, other)
        what = f"--image-size {wish} of {trained.name}:"
    else:
        size, what = wish, "--image-size"
    check_size(size, trained, f"{what} {size_text(size)}")
    return size


def size_note(wish: SizeWish | None, size: ImageSize) -> str:
    """Say what "auto" has chosen, and of what.

    Parameters
    ----------
    wish, size
        What was asked for, and the size to build: a side, or (height, width).

    Returns
    -------
    str
        A sentence; empty for other wishes.
    """
    if not isinstance(wish, Auto) or not wish.pictures:
        return ""
    height, width = (size, size) if isinstance(size, int) else size
    scale = min(height / wish.height, width / wish.width)
    left = max(height - round(wish.height * scale), width - round(wish.width * scale))
    lines = "rows" if wish.width >= wish.height else "columns"
    return (
        f"--image-size auto: {size_text(size)}, for pictures of {wish.width} x {wish.height}, the shape of "
        f"{wish.having} of {wish.pictures} calibration pictures; {left} {lines} of padding stay beside them"
    )


def _least_shorter(variant: Variant) -> int:
    """Return the least shorter side in pixels that leaves the top level something to halve."""
    return int(2 ** (variant.max_level - 1)) + STEP


def check_size(size: ImageSize, variant: Variant | None, what: str) -> None:
    """Refuse a size that cannot be built.

    Parameters
    ----------
    size
        Side, or (height, width).
    variant
        Its levels must halve in both directions, as google/automl's resampling demands; None: any variant's.
    what
        Names it in the message.

    Raises
    ------
    InputError
        A side is no multiple of 32 from 64 to 4096, or the shorter one leaves the top levels nothing.
    """
    height, width = (size, size) if isinstance(size, int) else size
    for side in (height, width):
        if side % STEP or not LEAST <= side <= MOST:
            raise InputError(f"{what}: expected {ALLOWED}, as in {FORMS}")
    if variant is None or height == width:
        return
    shorter = _least_shorter(variant)
    if min(height, width) < shorter:
        raise InputError(
            f"{what}: the shorter side of {variant.name} must be at least {shorter}, so that its top "
            f"level, with a stride of {2**variant.max_level}, still has rows and columns to halve"
        )
