"""Files of a data set: listings of folders, and text in the encodings that lists come in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from edge_edet.errors import InputError
from edge_edet.files import Limit, read_input
from edge_edet.pictures import SUFFIXES, is_hidden

__all__ = [
    "PICTURE_SUFFIXES",
    "exists",
    "first_twice",
    "is_file",
    "read_lines",
    "sub_folders",
    "visible_files",
]

PICTURE_SUFFIXES = SUFFIXES
TEXT_LIMIT = Limit(64 << 20, "a list of a million pictures has about as many")


def is_file(path: Path) -> bool:
    """Return whether a file exists; False for impossible names, for which `Path.is_file` raises."""
    return os.path.isfile(path)  # noqa: PTH113


def exists(path: Path) -> bool:
    """Return whether a file or folder exists; False for impossible names."""
    return os.path.exists(path)  # noqa: PTH110


def visible_files(folder: Path, *suffixes: str, below: bool = False) -> list[Path]:
    """List the files of a folder, sorted, without hidden files and hidden folders.

    Parameters
    ----------
    suffixes
        In lower case; files match in any case. Without any, all files are listed.
    below
        Include sub-folders.
    """
    found = []
    seen: set[tuple[int, int]] = set()  # a link may lead back to a parent
    for place, folders, names in os.walk(folder, followlinks=True):
        stat = Path(place).stat()
        known = (stat.st_dev, stat.st_ino) in seen
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = [n for n in folders if below and not known and not is_hidden(Path(n))]
        found += [Path(place, name) for name in names if not known and not is_hidden(Path(name))]
    return sorted(path for path in found if not suffixes or path.suffix.lower() in suffixes)


def sub_folders(folder: Path) -> list[Path]:
    """List the sub-folders of a folder, sorted, without hidden ones."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not is_hidden(p))


def read_lines(file: Path) -> list[str]:
    """Read lines without line ends and outer spaces.

    The text is UTF-8, or UTF-16 with a byte order mark, as PowerShell writes it.

    Raises
    ------
    InputError
        It has another encoding: a misread name would be another name.
    """
    what = repr(str(file))
    data = read_input(file, what, TEXT_LIMIT)
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{what} is not UTF-8 text: save it as UTF-8") from None
    if "\0" in text:
        raise InputError(f"{what} has zero bytes: expected lines of text")
    return [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def first_twice(names: Iterable[str]) -> str | None:
    """Return the first name that repeats an earlier one; None where all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
