"""Which files of a folder are its pictures: one rule for every command.

Pictures are the files in the folder, and in the folders below it, whose names end in one of SUFFIXES, in
upper or lower case. Hidden files and folders (a name that begins with a dot, such as macOS' `._x.jpg`) are
left out, and the folders that systems keep beside pictures. Links to folders are not followed.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from edge_edet.errors import InputError
from edge_edet.files import sha256_input

__all__ = ["SUFFIXES", "Given", "find_given", "is_hidden", "pictures_digest", "pictures_in"]

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".bmp",
    ".webp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pnm",
    ".avif",
    ".jp2",
    ".mpo",
    ".tga",
)
SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found")
OTHERS = (
    ".heic",
    ".heif",
    ".dng",
    ".cr2",
    ".cr3",
    ".nef",
    ".arw",
    ".raf",
    ".orf",
    ".rw2",
    ".npy",
    ".exr",
    ".mp4",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".mts",
    ".m4v",
)


def is_hidden(path: Path, below: Path | None = None) -> bool:
    """Whether its name, or the name of a folder between it and `below`, is one that is left out.

    Parameters
    ----------
    path
        Of a file.
    below
        A folder above it; None: only the file's own name counts.

    Returns
    -------
    bool
        Whether it is left out.
    """
    parts = path.relative_to(below).parts if below is not None else (path.name,)
    return any(part.startswith(".") or part in SYSTEM_FOLDERS for part in parts)


def pictures_in(folder: Path, *, without: Path | None = None) -> list[Path]:
    """Find the pictures of a folder and of all folders below it.

    Parameters
    ----------
    folder
        It may itself be hidden: it was named.
    without
        A folder below it that is left out, such as the one that drawings are written to.

    Returns
    -------
    list of Path
        Sorted. A link that leads nowhere counts as a picture, so that it is reported as a bad one.

    Raises
    ------
    InputError
        There are none.
    """
    found: list[Path] = []
    others: Counter[str] = Counter()
    left_out = without.resolve() if without is not None else None
    for root, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [
            name
            for name in sorted(folders)
            if not is_hidden(Path(name)) and Path(root, name).resolve() != left_out
        ]
        for name in names:
            path = Path(root, name)
            suffix = path.suffix.lower()
            if is_hidden(Path(name)):
                continue
            if suffix in OTHERS:
                others[suffix] += 1
            # What is no file may be a pipe, a socket or a device.
            if suffix in SUFFIXES and (path.is_file() or not path.exists()):
                found.append(path)
    if not found:
        raise InputError(_nothing(folder, others))
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def _nothing(folder: Path, others: Counter[str]) -> str:
    text = f"no pictures in folder {str(folder)!r}: looked for {' '.join(SUFFIXES)}"
    if others:
        seen = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(3))
        text += f"; {seen} are not read: save them as JPEG or PNG, a video's frames too"
    return text


class Given(dict[Path, bool]):
    """Pictures in order, each once -> whether it was named by itself, and did not come with a folder."""

    @property
    def paths(self) -> list[Path]:
        """The pictures in order."""
        return list(self)


def find_given(given: Iterable[str | Path], *, without: Path | None = None) -> Given:
    """Find the pictures that paths, folders and patterns name.

    Parameters
    ----------
    given
        Files, folders and glob patterns, in which ** stands for any number of folders.
    without
        A folder that is left out of the folders given, see `pictures_in`.

    Returns
    -------
    Given
        Files in the order given; those of a folder and of a pattern sorted. A path that is not there stays
        in: it is reported as a bad picture in its turn.

    Raises
    ------
    InputError
        A folder without pictures, or a pattern without matches.
    ImageError
        An address or a stream.
    """
    found = Given()
    for name in map(str, given):
        path = Path(name)
        if path.is_dir():
            for inside in pictures_in(path, without=without):
                found.setdefault(inside, False)
        elif "://" in name and not path.exists():
            from edge_edet.pictures.image import refuse_addresses

            refuse_addresses(name)
            found[path] = True
        elif glob.has_magic(name) and not path.exists():
            matches = sorted(Path(p) for p in glob.glob(name, recursive=True))  # noqa: PTH207 - also absolute patterns
            if not matches:
                raise InputError(f"no file matches {name!r}: check the pattern")
            for match in matches:
                if match.is_file() and not any(part in SYSTEM_FOLDERS for part in match.parts):
                    found[match] = True
        else:
            found[path] = True
    return found


def pictures_digest(paths: Iterable[Path]) -> str:
    """Return the sha256, in hex, over the sha256 sums of the files' bytes, in their order.

    Parameters
    ----------
    paths
        Of the pictures.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    total = hashlib.sha256()
    for path in paths:
        total.update(bytes.fromhex(sha256_input(path, kind="picture")))
    return total.hexdigest()
