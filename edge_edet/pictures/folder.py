"""Which files of a folder are its pictures: one rule for every command.

Pictures are the files whose names end in one of SUFFIXES, in upper or lower case. Hidden files and
folders (a name that begins with a dot, as macOS' `._x.jpg`) and the folders that systems keep beside
pictures are left out. `detect`, `inspect` and `bench` look into the folder itself, as they take several
paths and patterns; `calibrate`, `convert`, `compare-float` and `--max-drop` into all that lies below it.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from edge_edet.errors import InputError

__all__ = ["SUFFIXES", "Given", "find_given", "is_hidden", "pictures_in"]

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
    """Whether its name, or that of a folder between it and `below`, is one that is left out."""
    parts = path.relative_to(below).parts if below is not None else (path.name,)
    return any(part.startswith(".") or part in SYSTEM_FOLDERS for part in parts)


def pictures_in(folder: Path, *, recursive: bool) -> list[Path]:
    """The pictures of a folder, sorted; recursive: those below it too, without following links to folders.

    A link that leads nowhere counts as a picture, so that it is reported as a bad one. Raises InputError
    where there are none.
    """
    found: list[Path] = []
    others: Counter[str] = Counter()
    inner = 0
    for root, folders, names in os.walk(folder, onerror=_raise):
        deep = Path(root) != folder
        folders[:] = sorted(name for name in folders if not is_hidden(Path(name)))
        for name in names:
            path = Path(root, name)
            suffix = path.suffix.lower()
            if is_hidden(Path(name)):
                continue
            if suffix in OTHERS:
                others[suffix] += 1
            if suffix not in SUFFIXES or not (path.is_file() or not path.exists()):
                continue  # of another kind, or a pipe, a socket, a device
            inner += deep
            if recursive or not deep:
                found.append(path)
        if not recursive and found:
            break
    if not found:
        raise InputError(_nothing(folder, others, inner, recursive))
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def _nothing(folder: Path, others: Counter[str], inner: int, recursive: bool) -> str:
    text = f"no pictures in folder {str(folder)!r}: looked for {' '.join(SUFFIXES)}"
    if inner and not recursive:
        text += f"; {inner} lie in folders below it: name these, or a pattern such as '**/*.jpg'"
    elif others:
        seen = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(3))
        text += f"; {seen} are not read: save them as JPEG or PNG, a video's frames too"
    return text


class Given(dict[Path, bool]):
    """Pictures in order, each once; the value: whether it was named, and did not come with a folder."""

    @property
    def paths(self) -> list[Path]:
        return list(self)


def find_given(given: Iterable[str | Path]) -> Given:
    """Files in the order given; a folder's own pictures and a pattern's matches sorted.

    A path that is not there stays in: it is reported as a bad picture in its turn. Raises InputError for
    a folder without pictures, a pattern without matches, an address.
    """
    found = Given()
    for name in map(str, given):
        path = Path(name)
        if path.is_dir():
            for inside in pictures_in(path, recursive=False):
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
