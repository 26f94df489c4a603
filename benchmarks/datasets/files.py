"""Files of a data set: what is listed of a folder, and text in the encodings that lists come in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from edge_edet.errors import InputError

__all__ = [
    "PICTURE_SUFFIXES",
    "first_twice",
    "is_hidden",
    "read_lines",
    "sub_folders",
    "visible_files",
]

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
MAX_TEXT_BYTES = 64 << 20


def is_hidden(name: str) -> bool:
    """Whether macOS, an editor or a file manager put it there (`._x.png`, `.DS_Store`)."""
    return name.startswith(".") or name == "__MACOSX"


def visible_files(folder: Path, *suffixes: str, below: bool = False) -> list[Path]:
    """Sorted; hidden files are left out, and what is in hidden folders.

    suffixes: in lower case, files of any case match; none: all files. below: of sub-folders too.
    """
    found = []
    seen: set[tuple[int, int]] = set()  # a link may lead back up
    for place, folders, names in os.walk(folder, followlinks=True):
        stat = Path(place).stat()
        known = (stat.st_dev, stat.st_ino) in seen
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = [n for n in folders if below and not known and not is_hidden(n)]
        found += [Path(place, name) for name in names if not known and not is_hidden(name)]
    return sorted(path for path in found if not suffixes or path.suffix.lower() in suffixes)


def sub_folders(folder: Path) -> list[Path]:
    """Sorted; hidden ones are left out."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not is_hidden(p.name))


def read_lines(file: Path) -> list[str]:
    """Without line ends and outer spaces. UTF-8, or UTF-16 with its mark as PowerShell writes it.

    Raises InputError for another encoding: a name read wrong would be another name.
    """
    what = repr(str(file))
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {what}: {error.strerror or error}") from None
    if len(data) > MAX_TEXT_BYTES:
        raise InputError(f"{what} is larger than {MAX_TEXT_BYTES:,} bytes: expected lines of text")
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{what} is not UTF-8 text: save it as UTF-8") from None
    return [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def first_twice(names: Iterable[str]) -> str | None:
    """The first name that was there before, None where all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
