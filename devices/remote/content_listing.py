"""What is to be sent: files known by their content, with the names that they get there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.errors import InputError
from edge_edet.files import sha256_input

__all__ = ["Entry", "digest", "list_files"]

IR_SUFFIX, WEIGHTS_SUFFIX = ".xml", ".bin"  # of an OpenVINO model: one is nothing without the other


@dataclass(frozen=True)
class Entry:
    """One file. name: relative, with slashes."""

    path: Path
    name: str
    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path, name: str) -> Entry:
        value = sha256_input(path, repr(str(path)))
        return cls(path, name, value.hex(), path.stat().st_size)


def list_files(paths: Sequence[Path]) -> list[Entry]:
    """Of files, and of all in folders; the i-th path's names begin with "i/".

    Raises InputError for what is not there.
    """
    return [
        Entry.of(path, f"{i}/{name}")
        for i, given in enumerate(paths)
        for path, name in _files_of(given)
    ]


def _files_of(given: Path) -> Iterator[tuple[Path, str]]:
    if given.is_dir():
        for path in sorted(given.rglob("*")):
            if path.is_file():
                yield path, f"{given.absolute().name}/{path.relative_to(given).as_posix()}"
        return
    if not given.is_file():
        raise InputError(f"there is no {given} to send")
    yield given, given.name
    weights = given.with_suffix(WEIGHTS_SUFFIX)
    if given.suffix == IR_SUFFIX and weights.is_file():
        yield weights, weights.name


def digest(value: object) -> str:
    """A short name for a JSON value."""
    return hashlib.sha256(json.dumps(value).encode("utf-8")).hexdigest()[:16]
