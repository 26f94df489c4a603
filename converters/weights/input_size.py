"""The size of the input to build for: as `--image-size` states it, and what can be built."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from edge_edet.errors import InputError
from edge_edet.variants import ImageSize, Variant, size_of, size_text

__all__ = ["Ratio", "SizeWish", "check_size", "chosen_size", "read_size", "wish_text"]

STEP, LEAST, MOST = 32, 64, 4096  # pixels of a side
ALLOWED = f"multiples of {STEP} from {LEAST} to {MOST}"
FORMS = "512, 512x384 (width x height) or 16:9"


class Ratio(NamedTuple):
    """Width to height of the pictures; the longer side is the variant's."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}:{self.height}"


SizeWish: TypeAlias = ImageSize | Ratio


def read_size(text: str) -> SizeWish:
    """Read a size: "512", "512x384" (width x height, as google/automl writes it) or a ratio, "16:9".

    Parameters
    ----------
    text
        As given.

    Returns
    -------
    SizeWish
        A size or a ratio.

    Raises
    ------
    InputError
        It is none of them, or cannot be built for any variant.
    """
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
        A size or a ratio.

    Returns
    -------
    str
        The text.
    """
    return str(wish) if isinstance(wish, Ratio) else size_text(wish)


def chosen_size(wish: SizeWish | None, trained: Variant) -> ImageSize:
    """Return the size to build for.

    Parameters
    ----------
    wish
        What was asked for. Of a ratio the longer side is that of the training, the other one is rounded up to
        a multiple of 32, so that pictures of that ratio are not scaled further down. None: as trained.
    trained
        The variant as trained.

    Raises
    ------
    InputError
        That size cannot be built.
    """
    if wish is None:
        size, what = trained.image_size, f"{trained.name}: image size"
    elif isinstance(wish, Ratio):
        longer = max(trained.input_size)
        other = -(-longer * min(wish) // (max(wish) * STEP)) * STEP
        landscape = wish.width >= wish.height
        size = size_of(other, longer) if landscape else size_of(longer, other)
        what = f"--image-size {wish} of {trained.name}:"
    else:
        size, what = wish, "--image-size"
    check_size(size, trained, f"{what} {size_text(size)}")
    return size


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
    shorter = 2 ** (variant.max_level - 1) + STEP
    if min(height, width) < shorter:
        raise InputError(
            f"{what}: the shorter side of {variant.name} must be at least {shorter}, so that its top "
            f"level, with a stride of {2**variant.max_level}, still has rows and columns to halve"
        )
