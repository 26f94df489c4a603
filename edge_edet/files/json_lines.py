"""JSON Lines files that are only ever appended to, by one process at a time: one rule for all.

Every line is one JSON document and ends with a line feed. A kill leaves at most a last line
without its end, a power cut perhaps zero bytes in it: readers skip that line, and the next writer
cuts it off. Any other damage is refused. A writer holds a lock on the file for as long as it is
open, where the system and the file system have locks.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edge_edet.errors import InputError
from edge_edet.files.input import CHUNK, Limit, read_input
from edge_edet.files.locks import hold

__all__ = ["JsonLinesFile", "LineFormat", "dump_line", "parse_json_lines", "read_json_lines"]

MAX_LINE = 16 << 20  # bytes: an evaluated picture with 100,000 detections


@dataclass(frozen=True)
class LineFormat:
    """One kind of JSON Lines file: how to recognize it, and the words for messages about it.

    Attributes
    ----------
    name
        What it is, without an article: "file of rows of 'edge-edet bench'".
    item
        What a line holds, with its article: "a row".
    starts
        The bytes that lines begin with; a last line without its end must begin like one of them.
    user
        What else may hold the file open: "'edge-edet bench'".
    option
        The option that chooses another file.
    limit
        The most bytes that a file may have; None for no limit.
    advice
        What to do about a damaged line, after a colon.
    """

    name: str
    item: str
    starts: tuple[bytes, ...]
    user: str
    option: str
    limit: Limit | None = None
    advice: str = ""

    def damage(self, text: str) -> InputError:
        """Make the error for a damaged line, with the advice.

        Parameters
        ----------
        text
            What is wrong, with the place.

        Returns
        -------
        InputError
            The error, to be raised by the caller.
        """
        return InputError(f"{text}: {self.advice}" if self.advice else text)


class JsonLinesFile:
    """An open file, locked against other writers. Made by `JsonLinesFile.open`.

    Parameters
    ----------
    stream
        Open for reading and appending.
    path
        Of the file, for messages.
    form
        What its lines are.
    """

    def __init__(self, stream: IO[bytes], path: Path, form: LineFormat):
        self._stream, self._path, self._form = stream, path, form
        self._whole: int | None = _whole_size(stream, str(path), form)

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path, form: LineFormat) -> Iterator[JsonLinesFile]:
        """Open the file, and create it where it does not exist.

        Parameters
        ----------
        path
            The file.
        form
            What its lines are.

        Yields
        ------
        JsonLinesFile
            The open file, which is closed at the end.

        Raises
        ------
        InputError
            If it is not a regular file, its folder cannot be created, another process has it open,
            it is larger than the limit, or its end does not look like a line of such a file.
        """
        if path.exists() and not path.is_file():  # a device may have no end, and cannot be cut
            raise InputError(
                f"{str(path)!r} is no regular file, lines are to be added to it: give another "
                f"{form.option}"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"cannot write into {str(path.parent)!r}: it is a file") from None
        with path.open("a+b") as stream:
            if not hold(stream):
                raise InputError(
                    f"{str(path)!r} is in use by another {form.user}: wait for it, or give another "
                    f"{form.option}"
                )
            size = os.fstat(stream.fileno()).st_size
            if form.limit is not None and size > form.limit.size_bytes:
                raise InputError(
                    f"{str(path)!r} has more than {form.limit.size_bytes:,} bytes, and "
                    f"{form.limit.reason}, or give another {form.option}"
                )
            yield cls(stream, path, form)

    def documents(self) -> Iterator[tuple[str, Any]]:
        """Yield what the file held when it was opened: the place for messages, and the document.

        Returns
        -------
        Iterator[tuple[str, Any]]
            Place and document.

        Raises
        ------
        InputError
            For a line that is not JSON, or longer than 16 MiB.
        """
        end = self._stream.seek(0, os.SEEK_END) if self._whole is None else self._whole
        return _documents(self._stream, end, str(self._path), self._form)

    def add(self, document: Any, *, durable: bool = True) -> None:
        """Append one line; durable: on the disk when this returns.

        Parameters
        ----------
        document
            What JSON can hold.
        durable
            Whether it is on the disk when this returns.
        """
        if self._whole is not None:  # before the first line of ours
            self._stream.truncate(self._whole)
            self._whole = None
        self._stream.seek(0, os.SEEK_END)
        self._stream.write(dump_line(document).encode() + b"\n")
        self._stream.flush()
        if durable:
            os.fsync(self._stream.fileno())


def dump_line(document: Any) -> str:
    """Return the document as one line of JSON, without its end. NaN raises ValueError.

    Parameters
    ----------
    document
        What JSON can hold.

    Returns
    -------
    str
        One line.

    Raises
    ------
    ValueError
        For NaN and infinities.
    """
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_json_lines(
    path: Path, form: LineFormat, what: str, *, missing: str | None = None
) -> list[tuple[str, Any]]:
    """Read a whole file: place and document of each line.

    Parameters
    ----------
    path
        The file.
    form
        What its lines are.
    what
        How messages name the file, with its path.
    missing
        The whole message where there is no such file.

    Returns
    -------
    list[tuple[str, Any]]
        Place and document of each line.

    Raises
    ------
    InputError
        Where the file cannot be read, or a line is damaged.
    """
    assert form.limit is not None
    data = read_input(path, what, form.limit, missing=missing)
    return parse_json_lines(data, str(path), form)


def parse_json_lines(data: bytes, where: str, form: LineFormat) -> list[tuple[str, Any]]:
    """Parse the bytes of a file as `read_json_lines` does; where: how messages name them.

    Parameters
    ----------
    data
        The content of a file.
    where
        How messages name it.
    form
        What its lines are.

    Returns
    -------
    list[tuple[str, Any]]
        Place and document of each line.
    """
    stream = io.BytesIO(data)
    return list(_documents(stream, _whole_size(stream, where, form), where, form))


def _whole_size(stream: IO[bytes], where: str, form: LineFormat) -> int:
    """Count the bytes up to the end of the last whole line. Raises InputError for a foreign end."""
    end = at = stream.seek(0, os.SEEK_END)
    whole = 0
    while at > 0:
        if end - at > MAX_LINE:
            raise InputError(f"{where} is no {form.name}: its last line has no end")
        size = min(CHUNK, at)
        at -= size
        stream.seek(at)
        if (found := stream.read(size).rfind(b"\n")) >= 0:
            whole = at + found + 1
            break
    stream.seek(whole)
    torn = stream.read(end - whole)
    begun = torn.partition(b"\0")[0]  # a power cut leaves zeros where data did not come
    if not any(begun.startswith(start[: len(begun)]) for start in form.starts):
        raise InputError(f"{where} is no {form.name}: it ends in {torn[-40:]!r}")
    return whole


def _documents(
    stream: IO[bytes], end: int, where: str, form: LineFormat
) -> Iterator[tuple[str, Any]]:
    stream.seek(0)
    number = at = 0
    while at < end:
        line = stream.readline(MAX_LINE + 1)
        number, at = number + 1, at + len(line)
        place = f"{where}, line {number}"
        if len(line) > MAX_LINE:
            raise form.damage(f"{place} has more than {MAX_LINE:,} bytes")
        if line.strip():
            yield place, _loads(line.rstrip(b"\n"), place, form)


def _loads(line: bytes, place: str, form: LineFormat) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise form.damage(
            f"{place}: expected {form.item} as JSON, but found {line[:40]!r}"
        ) from None
