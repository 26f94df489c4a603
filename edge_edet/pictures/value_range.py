"""Which values of a picture with more than 8 bits become black and white: its range.

Cameras write 12 bits, and thermal ones counts of a narrow band, into 16-bit grey; its upper byte is
then nearly black. A range says what is black and what is white: "auto" or (low, high).
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError
from edge_edet.pictures.value_rows import Rows, Scan, scan, strips

__all__ = [
    "AUTO",
    "Finding",
    "PictureRange",
    "check_range",
    "parse_range",
    "range_text",
    "to_eight_bits",
    "unused_scale",
    "upper_byte",
]

PictureRange: TypeAlias = "tuple[float, float] | Literal['auto'] | None"
AUTO: Literal["auto"] = "auto"
PERCENTILES = (0.1, 99.9)  # of a picture's pixels: a few hot or dead ones do not count
EXPECTED = "expected auto, or two numbers LOW,HIGH with LOW below HIGH"
KNOWN_BITS = (10, 12, 14)


class Finding(NamedTuple):
    """What a reader of the results should know of one picture.

    Attributes
    ----------
    what
        Of the picture, the same for all of its kind.
    seen
        What was seen in this one.
    advice
        What to do, with the option written as {range}, {auto} and {low_high}.
    low_high
        The range that the advice suggests.
    """

    what: str
    seen: str = ""
    advice: str = ""
    low_high: str = ""

    def text(self, *, api: bool = False) -> str:
        """Return one line, with the option as the command has it, or as Python does (api).

        Parameters
        ----------
        api
            Whether to name the argument of Python, not the option.

        Returns
        -------
        str
            The line.
        """
        low_high = f"({self.low_high.replace(',', ', ')})" if api else f"--range={self.low_high}"
        auto, name = (
            ("picture_range='auto'", "picture_range") if api else ("--range auto", "--range")
        )
        advice = self.advice.format(range=name, auto=auto, low_high=low_high)
        seen = f" ({self.seen})" if self.seen and not api else ""
        return f"{self.what}{seen}{'; ' if advice else ''}{advice}"


def check_range(given: Any) -> PictureRange:
    """Check a range from Python: None, "auto" or (low, high), low below high.

    Returns it with floats.

    Parameters
    ----------
    given
        What was given.

    Returns
    -------
    PictureRange
        The range, with floats.

    Raises
    ------
    InputError
        For anything else.
    """
    if given is None or (isinstance(given, str) and given == AUTO):
        return AUTO if given else None
    if isinstance(given, (tuple, list)) and len(given) == 2:
        good = all(
            isinstance(v, (int, float, np.integer, np.floating)) and not isinstance(v, bool)
            for v in given
        )
        if good and math.isfinite(given[0]) and math.isfinite(given[1]) and given[0] < given[1]:
            return float(given[0]), float(given[1])
    raise InputError(
        f"picture_range {given!r}: expected None, 'auto' or (low, high), low below high"
    )


def parse_range(text: str) -> PictureRange:
    """Read the value of --range.

    Parameters
    ----------
    text
        "auto", or two numbers with a comma.

    Returns
    -------
    PictureRange
        The range.

    Raises
    ------
    InputError
        For any other text.
    """
    if text.strip().lower() == AUTO:
        return AUTO
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--range {text!r}: {EXPECTED}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"--range {text!r}: {EXPECTED}")
    return low, high


def range_text(picture_range: PictureRange) -> str | None:
    """Return the range as --range takes it, for records, protocols and JSON; None stays None.

    Parameters
    ----------
    picture_range
        As `check_range` returns it.

    Returns
    -------
    str | None
        The text.
    """
    if picture_range is None or isinstance(picture_range, str):
        return picture_range
    return ",".join(_number(value) for value in picture_range)


def to_eight_bits(
    values: Rows, picture_range: PictureRange
) -> tuple[npt.NDArray[np.uint8], list[Finding]]:
    """Map values of any type to 8 bits: 255 * (value - low) / (high - low), rounded, clipped at both ends.

    Parameters
    ----------
    values
        [h, w] numbers. Those that are no number become black.
    picture_range
        (low, high), or "auto": the 0.1 and 99.9 percentiles of this picture's own values, its smallest and
        largest where these two are equal; a picture of one value becomes black.

    Returns
    -------
    pixels
        [h, w] uint8.
    findings
        What a reader of the results should know.
    """
    assert picture_range is not None
    seen = scan(values, PERCENTILES)
    low, high = _ends(seen) if isinstance(picture_range, str) else picture_range
    eight = np.zeros(values.shape, np.uint8)
    if high > low:
        for rows, part in strips(values):
            with np.errstate(over="ignore", invalid="ignore"):
                scaled = (part.astype(np.float64) - low) * (255.0 / (high - low))
            eight[rows] = np.rint(np.nan_to_num(scaled.clip(0, 255), nan=0.0)).astype(np.uint8)
    findings = []
    if seen.nans:
        findings.append(Finding("pixels that are no number, taken as black", f"{seen.nans} pixels"))
    if not isinstance(picture_range, str) and (seen.least >= high or seen.most <= low):
        text = f"values from {_number(seen.least)} to {_number(seen.most)}"
        what = "no value inside the range, so black or white throughout"
        findings.append(Finding(what, text, "give another {range}"))
    return eight, findings


def _ends(seen: Scan) -> tuple[float, float]:
    """Return the values of "auto", from the finite values."""
    if math.isnan(seen.least):
        return 0.0, 0.0
    return (seen.low, seen.high) if seen.low < seen.high else (seen.least, seen.most)


def upper_byte(values: Rows, bits: int) -> tuple[npt.NDArray[np.uint8], Finding | None]:
    """Map whole numbers to their upper 8 bits, clipped at both ends.

    Parameters
    ----------
    values
        [h, w] whole numbers.
    bits
        Of one value, 9 to 16.

    Returns
    -------
    pixels
        [h, w] uint8.
    finding
        Where the values fill little of their scale.
    """
    eight = np.empty(values.shape, np.uint8)
    for rows, part in strips(values):
        eight[rows] = part.astype(np.int64).clip(0, 2**bits - 1) >> (bits - 8)
    return eight, unused_scale(scan(values, PERCENTILES), bits)


def unused_scale(seen: Scan, bits: int) -> Finding | None:
    """Return a finding where grey values that are read as 0 to 2 ** bits - 1 fill little of that scale.

    Little: nearly all (99.8 %) stay below a quarter of the scale, or within an eighth of it; a few hot
    pixels do not change that. Values beyond the scale count too.
    """
    least, most, scale = int(seen.least), int(seen.most), 2**bits
    if least < 0 or most >= scale:
        return Finding(
            f"values outside 0 to {scale - 1}, which are cut off there",
            f"from {least} to {most}",
            "give {auto} or {low_high}",
            f"{least},{most}",
        )
    low, high = int(seen.low), int(seen.high)
    known = next((b for b in KNOWN_BITS if b <= bits - 2 and high < 2**b), None)
    if known is not None and high - low >= 2**known // 8:
        return Finding(
            f"{bits}-bit values that stay below 2^{known}, as {known}-bit data has, so read nearly black",
            f"values from {least} to {most}",
            "give {auto} or {low_high}",
            f"0,{2**known - 1}",
        )
    if high - low < scale // 8:
        return Finding(
            f"{bits}-bit values in less than an eighth of their scale, so read nearly without contrast",
            f"values from {low} to {high}",
            "give {auto} or {low_high}",
            f"{low},{max(high, low + 1)}",
        )
    return None


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 2**53 else repr(value)
