"""The options of `load`, `detect` and `eval` for how a foreign detector is fed and read.

A model of ours states all of this in its manifest and its graph. A foreign `.tflite` states part of
it in its metadata and operators; the rest is given here, or assumed, which `DetectorInfo` reports.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from edge_edet.arguments import shown
from edge_edet.errors import InputError
from edge_edet.labels import LabelFile, read_label_file
from edge_edet.pictures import Given, Normalization, read_normalization

if TYPE_CHECKING:
    import argparse

__all__ = ["FITS", "InputOptions", "add_input_arguments", "input_options"]

FITS = ("letterbox", "stretch")
SIDES = (16, 8192)  # pixels: least and most

Pixel: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class InputOptions:
    """What was given about a model's input and labels; None: not given.

    Parameters
    ----------
    mean, std
        Of normalization, one value or three; see `edge_edet.pictures.read_normalization`.
    labels
        A label file, or the names by class, None for an unused one.
    fit
        "letterbox" keeps the picture's aspect and pads on the right and below, "stretch" does not.
    pad
        The colour of the padding, one value or red, green and blue, from 0 to 255.
    input_size
        For an input of free height and width: (height, width), one number for a square, or
        "WIDTHxHEIGHT".

    Raises
    ------
    InputError
        For values that cannot be any of these.
    """

    mean: Given | None = None
    std: Given | None = None
    labels: str | Path | Sequence[str | None] | None = None
    fit: str | None = None
    pad: int | str | Sequence[int] | None = None
    input_size: int | str | Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.fit is not None and (not isinstance(self.fit, str) or self.fit not in FITS):
            raise InputError(f"fit must be one of {', '.join(FITS)}, but got {shown(self.fit)}")
        self.normalization()
        self.pad_rgb()
        self.size()

    def given(self) -> list[str]:
        """Return the names of the options that were given.

        Returns
        -------
        list[str]
            Names of options, as in Python.
        """
        return [f.name for f in dataclasses.fields(self) if getattr(self, f.name) is not None]

    def normalization(self) -> Normalization | None:
        """Return mean and std of the three channels, None if they were not given.

        Returns
        -------
        Normalization | None
            Values on the 0-255 scale.
        """
        return read_normalization(self.mean, self.std)

    def pad_rgb(self) -> Pixel | None:
        """Return the padding's red, green and blue, None if it was not given.

        Returns
        -------
        Pixel | None
            Values from 0 to 255.

        Raises
        ------
        InputError
            For anything but one value from 0 to 255 or three.
        """
        if self.pad is None:
            return None
        values = _integers(self.pad, ",")
        if len(values) not in (1, 3) or not all(0 <= value <= 255 for value in values):
            raise InputError(
                "pad must be one value from 0 to 255 or three, for red, green and blue, such as "
                f"127 or 124,116,104, but got {self.pad!r}"
            )
        red, green, blue = values * 3 if len(values) == 1 else values
        return red, green, blue

    def size(self) -> tuple[int, int] | None:
        """Return height and width of the input, None if they were not given.

        Returns
        -------
        tuple[int, int] | None
            In pixels.

        Raises
        ------
        InputError
            For what is no side and no WIDTHxHEIGHT, or is out of the limits.
        """
        if self.input_size is None:
            return None
        values = _integers(self.input_size, "x")
        if len(values) not in (1, 2) or not all(SIDES[0] <= side <= SIDES[1] for side in values):
            raise InputError(
                f"input_size must be a side from {SIDES[0]} to {SIDES[1]} pixels, or WIDTHxHEIGHT, "
                f"such as 320 or 640x480, but got {self.input_size!r}"
            )
        first, second = values * 2 if len(values) == 1 else values
        return (second, first) if isinstance(self.input_size, str) else (first, second)

    def read_labels(self, num_classes: int | None) -> LabelFile | None:
        """Read the labels that were given, for a model with so many classes.

        Parameters
        ----------
        num_classes
            Of the model; None where it is not known.

        Returns
        -------
        LabelFile | None
            The names; None where no file was given.

        Raises
        ------
        InputError
            For a file that cannot be read, or another number of labels.
        """
        if self.labels is None:
            return None
        if isinstance(self.labels, (str, Path)):
            found = read_label_file(Path(self.labels), num_classes)
            what = f"label file {str(self.labels)!r}"
        else:
            what, found = "labels", LabelFile(_names(self.labels))
        if num_classes is not None and len(found.names) != num_classes:
            raise InputError(
                f"{what}: {len(found.names)} names, but the model has {num_classes} classes: give a "
                "name for each, '???' for one that is unused, or indices before the names"
            )
        return found


def _integers(given: object, separator: str) -> list[int]:
    """Convert to a list of integers, [] for what is none."""
    if isinstance(given, str):
        parts: list[Any] = given.lower().split(separator)
        return [int(part) for part in parts] if all(p.strip().isdecimal() for p in parts) else []
    items: Any = given
    try:
        listed = list(items)
    except TypeError:
        listed = [given]
    try:
        good = all(int(item) == item and not isinstance(item, (bool, str)) for item in listed)
    except (TypeError, ValueError, OverflowError):
        return []
    return [int(item) for item in listed] if good else []


def _names(given: object) -> tuple[str | None, ...]:
    items: Any = given
    try:
        names = tuple(items)
    except TypeError:
        names = (given,)
    wrong = [name for name in names if not (name is None or isinstance(name, str))]
    if wrong or not names:
        raise InputError(
            f"labels must be a file or names by class, but got {wrong[0] if wrong else given!r}"
        )
    return names


def add_input_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the options for foreign detectors; `input_options` passes them to `edge_edet.load`.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="class names, one a line, with or without an index before each, or a .pbtxt label map",
    )
    parser.add_argument(
        "--mean",
        metavar="X[,X,X]",
        help="of a foreign float or int8 input without metadata, with --std: such as 127.5, or "
        "123.7,116.3,103.5, on the 0-255 scale (0-1 where --std is below 1)",
    )
    parser.add_argument(
        "--std", metavar="X[,X,X]", help="the value that (picture - mean) is divided by"
    )
    parser.add_argument(
        "--fit",
        metavar="FIT",
        help="of a foreign model, letterbox or stretch; default: letterbox where the file says "
        "EfficientDet, else stretch",
    )
    parser.add_argument(
        "--pad", metavar="X[,X,X]", help="colour beside a letterboxed picture; default: the mean"
    )
    parser.add_argument(
        "--input-size", metavar="N|WxH", help="of a foreign input of free height and width"
    )


def input_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the parsed options as keyword arguments for `edge_edet.load`.

    Parameters
    ----------
    args
        The parsed command line.

    Returns
    -------
    dict[str, Any]
        Keyword arguments.
    """
    return {
        "labels": args.labels,
        "mean": args.mean,
        "std": args.std,
        "fit": args.fit,
        "pad": args.pad,
        "input_size": args.input_size,
    }
