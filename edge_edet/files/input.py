"""Open the files that people name, in one place: only regular files, and only up to a limit.

A name may be a pipe that nobody writes to, a device without an end, a folder, or a text that cannot
be a path. These are neither waited for nor read, but refused with one line. Every limit has a reason,
which the message states. Where a pipe makes sense, `stream.py` reads it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from edge_edet.errors import InputError

__all__ = ["Limit", "kind_of", "open_input", "read_input", "sha256_input", "why_not"]

CHUNK = 1 << 20
# Without waiting: a pipe that takes the place of the file after the look at it must not hold us up.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Limit(NamedTuple):
    """How large a file may be, and why no valid one is larger.

    Attributes
    ----------
    size_bytes
        The most bytes.
    reason
        Why no valid file has more.
    """

    size_bytes: int
    reason: str


def open_input(
    path: str | Path,
    what: str,
    *,
    limit: Limit | None = None,
    missing: str | None = None,
    error: type[InputError] = InputError,
) -> BufferedReader:
    """Open a file for reading in binary mode; the caller closes it.

    Parameters
    ----------
    path
        The file.
    what
        How messages name the file, with its path.
    limit
        The most bytes that it may have; None for no limit.
    missing
        The whole message where there is no such file.
    error
        The class of what is raised.

    Returns
    -------
    BufferedReader
        The open file.

    Raises
    ------
    InputError
        Or `error`: if it is not a regular file, is larger than the limit, or cannot be opened.
    """
    try:
        _refuse_kind(os.stat(path).st_mode, what, error)  # noqa: PTH116 - opening a device may do something
        file = open(path, "rb", opener=_open)  # noqa: SIM115 - Path.open takes no opener
    except FileNotFoundError as reason:
        if os.path.islink(path):  # noqa: PTH114 - a text too
            raise error(f"cannot read {what}: it is a link that leads nowhere") from None
        raise error(missing or f"cannot read {what}: {why_not(reason)}") from None
    except (OSError, ValueError) as reason:
        raise error(f"cannot read {what}: {why_not(reason)}") from None
    try:
        found = os.fstat(file.fileno())
        _refuse_kind(found.st_mode, what, error)
        if limit is not None and found.st_size > limit.size_bytes:
            raise error(_too_large(f"{found.st_size:,}", what, limit))
    except BaseException:
        file.close()
        raise
    return file


def read_input(
    path: str | Path,
    what: str,
    limit: Limit,
    *,
    missing: str | None = None,
    error: type[InputError] = InputError,
) -> bytes:
    """Read all bytes of a file; parameters and errors are those of `open_input`.

    Parameters
    ----------
    path
        The file.
    what
        How messages name the file, with its path.
    limit
        The most bytes that it may have.
    missing
        The whole message where there is no such file.
    error
        The class of what is raised.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    InputError
        Or `error`: if it is not a regular file, is larger than the limit, or cannot be read.
    """
    try:
        with open_input(path, what, limit=limit, missing=missing, error=error) as file:
            data = file.read(os.fstat(file.fileno()).st_size + 1)
            if rest := file.read(1):  # it grew, or is of /proc, whose files have no size
                data += rest + file.read(max(limit.size_bytes - len(data), 0))
    except OSError as reason:
        raise error(f"cannot read {what}: {why_not(reason)}") from None
    if len(data) > limit.size_bytes:
        raise error(_too_large(f"more than {limit.size_bytes:,}", what, limit))
    return data


def sha256_input(
    *paths: str | Path,
    kind: str = "file",
    limit: Limit | None = None,
    missing: Callable[[Path], str] | None = None,
    error: type[InputError] = InputError,
) -> str:
    """Return the sha256, in hex, over the bytes of one file after the other.

    Parameters
    ----------
    paths
        The files, in this order.
    kind
        How messages name a file, before its path.
    limit
        The most bytes that one file may have.
    missing
        Makes the whole message for a file that is not there.
    error
        What is raised, as by `open_input`.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        Or `error`: where a file cannot be read, is no regular file, or is larger than the
        limit.
    """
    digest = hashlib.sha256()
    for path in paths:
        what, absent = f"{kind} {str(path)!r}", missing(Path(path)) if missing else None
        try:
            with open_input(path, what, limit=limit, missing=absent, error=error) as file:
                while part := file.read(CHUNK):
                    digest.update(part)
        except OSError as reason:
            raise error(f"cannot read {what}: {why_not(reason)}") from None
    return digest.hexdigest()


def kind_of(mode: int) -> str | None:
    """Name what a file is, by its st_mode: "a folder", "a pipe"; None for a regular file.

    Parameters
    ----------
    mode
        St_mode of the file.

    Returns
    -------
    str | None
        What it is, with its article.
    """
    if stat.S_ISREG(mode):
        return None
    return next((text for is_kind, text in KINDS if is_kind(mode)), "no file")


def why_not(error: OSError | ValueError) -> str:
    """Say why a path could not be opened; a ValueError is a zero byte in it, or undecodable text.

    Parameters
    ----------
    error
        What `open` raised.

    Returns
    -------
    str
        A few words.
    """
    if isinstance(error, UnicodeError):
        return "its name cannot be encoded as a path"
    if isinstance(error, ValueError):
        return "its name has a zero byte"
    return error.strerror or str(error)


def _open(path: str, flags: int) -> int:
    return os.open(path, FLAGS)


def _refuse_kind(mode: int, what: str, error: type[InputError]) -> None:
    if (kind := kind_of(mode)) is not None:
        raise error(f"cannot read {what}: it is {kind}, expected a regular file")


def _too_large(found: str, what: str, limit: Limit) -> str:
    return (
        f"cannot read {what}: it has {found} bytes, at most {limit.size_bytes:,} are read: "
        f"{limit.reason}"
    )
