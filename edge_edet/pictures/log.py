"""What a run came across in its pictures, counted: those left out, and those with something to know."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from edge_edet.errors import ImageError
from edge_edet.pictures.image import DECODES, read_picture
from edge_edet.pictures.value_range import Finding, PictureRange, parse_range

__all__ = [
    "PictureLog",
    "add_decode_argument",
    "add_picture_arguments",
    "add_range_argument",
    "usable",
]

NAMED = 3  # of the pictures that are left out


class PictureLog:
    """Collects findings and bad pictures of a run."""

    def __init__(self) -> None:
        self._findings: dict[str, tuple[str, Finding]] = {}  # what -> where first
        self._counts: dict[str, int] = {}
        self._bad: list[tuple[str, str]] = []
        self._objects: int | None = None  # of labelled pictures

    def add(self, name: str, findings: Iterable[Finding]) -> None:
        """Add the findings of one picture.

        Parameters
        ----------
        name
            Of the picture.
        findings
            What was found in it.
        """
        for finding in findings:
            self._findings.setdefault(finding.what, (name, finding))
            self._counts[finding.what] = self._counts.get(finding.what, 0) + 1

    def leave_out(self, name: str, reason: str, objects: int | None = None) -> None:
        """Add one picture that cannot be read.

        Parameters
        ----------
        name
            Its path.
        reason
            The error's message.
        objects
            How many labelled objects are left out with it, where AP is measured.
        """
        self._bad.append((name, reason))
        if objects is not None:
            self._objects = (self._objects or 0) + objects

    @property
    def left_out(self) -> int:
        """How many pictures could not be read."""
        return len(self._bad)

    def notes(self) -> dict[str, int]:
        """Return text -> number of pictures.

        Returns
        -------
        dict[str, int]
            Count by text.
        """
        found = {}
        if self._bad:
            names = ", ".join(repr(Path(name).name) for name, _ in self._bad[1:NAMED])
            more = f", then {names}" if names else ""
            rest = f" and {len(self._bad) - NAMED} more" if len(self._bad) > NAMED else ""
            objects = ""
            if self._objects is not None:
                objects = (
                    f", and {self._objects} labelled objects with them, so AP is of the others"
                )
            text = f"pictures left out as unreadable{objects}: {self._bad[0][1]}{more}{rest}"
            found[text] = len(self._bad)
        for what, (name, first) in self._findings.items():
            seen = f": {first.seen}" if first.seen else ""
            shown = first._replace(seen=f"first {Path(name).name!r}{seen}")
            found[f"pictures with {shown.text()}"] = self._counts[what]
        return found

    def lines(self) -> list[str]:
        """Return the notes as a reader expects them: `1 picture with ...`.

        Returns
        -------
        list[str]
            One text for each kind of finding.
        """
        return [
            f"{count} {text if count != 1 else text.replace('pictures', 'picture', 1)}"
            for text, count in self.notes().items()
        ]

    def say(self) -> None:
        """Print the notes on stderr, one line each."""
        for line in self.lines():
            print(f"note: {line}", file=sys.stderr)


def usable(
    pictures: Sequence[Path],
    picture_range: PictureRange,
    log: PictureLog,
    *,
    strict: bool,
    named: Container[Path] = (),
) -> list[Path]:
    """Decode each picture once, and return those that can be read.

    Parameters
    ----------
    pictures
        Paths.
    picture_range
        As in `read_image`.
    log
        Takes the others, and all findings.
    strict
        Whether any bad picture is an error.
    named
        Pictures that people named, of which a bad one is an error.

    Returns
    -------
    list of Path
        In the order given.

    Raises
    ------
    ImageError
        A bad picture that is an error, or no picture can be read.
    """
    good = []
    first: ImageError | None = None
    for path in pictures:
        try:
            found = read_picture(path, picture_range).findings
        except ImageError as error:
            if strict or path in named:
                raise
            first = first or error
            log.leave_out(str(path), str(error))
            continue
        log.add(str(path), found)
        good.append(path)
    if not good and first is not None:
        raise ImageError(f"none of the {len(pictures)} pictures can be read; the first: {first}")
    return good


def add_picture_arguments(parser: argparse._ActionsContainer) -> None:
    """Add --range and --strict, which every command that reads pictures has.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    add_range_argument(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail on a picture of a folder that cannot be read; default: leave it out, and count it",
    )


def add_range_argument(parser: argparse._ActionsContainer) -> None:
    """Add --range alone.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    parser.add_argument(
        "--range",
        dest="picture_range",
        type=_range,
        metavar="auto|LOW,HIGH",
        help="which values are black and white in grey pictures of more than 8 bits (12-bit or thermal "
        "data): auto takes each picture's 0.1 and 99.9 percentiles; default: the upper 8 of 16 bits",
    )


def add_decode_argument(parser: argparse._ActionsContainer) -> None:
    """Add --decode.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    parser.add_argument(
        "--decode",
        choices=DECODES,
        default=DECODES[0],
        help="how JPEG files are decoded: full (default), or scaled, by libjpeg to a half, a quarter or an "
        "eighth of their sides, but not below what the model's input takes: faster, other pixels",
    )


def _range(text: str) -> PictureRange:
    return parse_range(text)
