"""Find the files on this machine for the names of pictures in a list.

Lists have separators of Windows, absolute paths of another machine, storage paths of labelling servers,
and URLs. A name that is a file is used as it is. Else the same number of leading folders is removed from
all names, so that different names stay different files.

Names in label files, which may come from anyone, are followed only within the folder of the data. Names
in data.yaml and in lists of pictures, whose purpose is to state where pictures are, are followed anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from edge_edet.benchmarks.accuracy.datasets.files import is_file
from edge_edet.errors import InputError

__all__ = ["FoundFiles", "find_listed", "is_absolute", "is_url", "name_parts"]

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least, as one is a drive
DRIVE = re.compile(r"[A-Za-z]:$")
ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]|[\\/]")
LOCAL_FILES = "local-files"  # Label Studio: /data/local-files/?d=folder/name.png


@dataclass(frozen=True)
class FoundFiles:
    """Files for names.

    Attributes
    ----------
    paths
        One per name, in order; a missing file has the path at which it was expected.
    read_otherwise
        How many names were not used as they are written.
    """

    paths: tuple[Path, ...]
    read_otherwise: int


def is_url(name: str) -> bool:
    """Return whether the name is a URL."""
    return URL.match(name) is not None


def is_absolute(name: str) -> bool:
    """Return whether the path is absolute, on Windows or elsewhere."""
    return ABSOLUTE.match(name) is not None


def name_parts(name: str, *, decoded: bool = False) -> tuple[str, ...]:
    """Return folders and file name, without drive, host, query and leading `./`.

    Parameters
    ----------
    decoded
        Decode `%20` and the like.
    """
    if is_url(name) or f"/{LOCAL_FILES}/?" in name:
        name, decoded = _path_of_url(name)
    if decoded:
        name = unquote(name)
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if parts and DRIVE.match(parts[0]):
        parts = parts[1:]
    return tuple(parts)


def _path_of_url(name: str) -> tuple[str, bool]:
    """Return the path, and whether `%20` in it is still to be decoded."""
    try:
        url = urlsplit(name)
    except ValueError:  # no valid address: used as it is
        return name, False
    inner = parse_qs(url.query).get("d", [""])[0] if LOCAL_FILES in url.path else ""
    return (inner, False) if inner else (url.path, True)


def find_listed(
    names: Sequence[str],
    bases: Sequence[Path],
    *,
    strip: bool,
    last_part: bool = False,
    within: Sequence[Path] | None = None,
) -> FoundFiles:
    """Find the files of names: the first reading of the names in which all exist, else the best one.

    Parameters
    ----------
    bases
        Folders that the names may be relative to.
    strip
        Leading folders of the names may be missing here, the same number of each.
    last_part
        As a last resort, only the file names count.
    within
        Folders outside of which no file is used. `..` is resolved in the text, so that a link of the
        data's owner is followed, but no name leads out.

    Raises
    ------
    InputError
        Names lead only to files outside of `within`, or two names share a file name and nothing else
        finds them.
    """
    there = is_file if within is None else _file_within(within)

    def number(paths: Sequence[Path]) -> int:
        return sum(there(path) for path in paths)

    for paths in _readings(names, bases, strip):
        if all(there(path) for path in paths):
            return _found(names, bases, _inside(paths, within))
    best = max(_readings(names, bases, strip), key=number)
    if last_part:
        paths = tuple(bases[0] / (name_parts(name) or (name,))[-1] for name in names)
        if number(paths) > number(best):
            _refuse_shared(names, paths)
            return _found(names, bases, paths)
    if within is not None:
        _refuse_outside(names, bases, strip, there, number(best))
    return _found(names, bases, _inside(best, within))


def _readings(
    names: Sequence[str], bases: Sequence[Path], strip: bool
) -> Iterator[tuple[Path, ...]]:
    """Yield readings: as written, then with folders removed; none makes two names one file."""
    different = len({name_parts(name) for name in names})
    yield from (tuple(base / name for name in names) for base in bases)
    for decoded in (False, True):
        split = [name_parts(name, decoded=decoded) for name in names]
        for cut in range(min(map(len, split), default=0) if strip else 1):
            rest = [parts[cut:] for parts in split]
            if any(".." in parts for parts in rest) or len(set(rest)) < different:
                continue
            yield from (tuple(base.joinpath(*parts) for parts in rest) for base in bases)


def _file_within(folders: Sequence[Path]) -> Callable[[Path], bool]:
    roots = [Path(os.path.abspath(f)) for f in folders]  # noqa: PTH100 - links stay links
    roots += [root.resolve() for root in roots]

    def is_there(path: Path) -> bool:
        place = _worked_out(path)
        return any(root in place.parents for root in roots) and is_file(place)

    return is_there


def _worked_out(path: Path) -> Path:
    """Return the absolute path without `..`, resolved in the text and not through links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - links stay links


def _inside(paths: Sequence[Path], within: Sequence[Path] | None) -> tuple[Path, ...]:
    """Return the paths as they were checked: those with `..` resolved."""
    if within is None:
        return tuple(paths)
    return tuple(_worked_out(path) if ".." in path.parts else path for path in paths)


def _refuse_outside(
    names: Sequence[str],
    bases: Sequence[Path],
    strip: bool,
    there: Callable[[Path], bool],
    found: int,
) -> None:
    """Raise InputError where a reading that leaves the folders would find more files."""
    for paths in _readings(names, bases, strip):
        outside = [path for path in paths if is_file(path) and not there(path)]
        if outside and sum(is_file(path) for path in paths) > found:
            raise InputError(
                f"{len(outside)} of {len(names)} pictures are listed outside of the data's folder, "
                f"first {str(outside[0])!r}: give the folder of the pictures with --images, or, if "
                "you trust the source of the data, use 'edge-edet eval --follow'"
            )


def _found(names: Sequence[str], bases: Sequence[Path], paths: tuple[Path, ...]) -> FoundFiles:
    otherwise = 0
    for name, path in zip(names, paths, strict=True):
        as_listed = [Path(name)] if not is_url(name) else []
        if as_listed and not is_absolute(name):
            as_listed.append(Path(*name_parts(name)))
        otherwise += not any(path == base / known for base in bases for known in as_listed)
    return FoundFiles(paths, otherwise)


def _refuse_shared(names: Sequence[str], paths: Sequence[Path]) -> None:
    first: dict[Path, str] = {}
    for name, path in zip(names, paths, strict=True):
        if first.setdefault(path, name) != name and is_file(path):
            raise InputError(
                f"{first[path]!r} and {name!r} would both be {str(path)!r}: keep the pictures in the "
                "folders of the list"
            )
