"""The files to send to a device, identified by their content, with their names there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.errors import InputError
from edge_edet.files import sha256_input

__all__ = ["Entry", "digest", "list_files"]

IR_SUFFIX, WEIGHTS_SUFFIX = ".xml", ".bin"  # of an OpenVINO model, which needs both


@dataclass(frozen=True)
class Entry:
    """One file; name is its relative path there, with slashes, and sha256 is in hex."""

    path: Path
    name: str
    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path, name: str) -> Entry:
        """Hash a file."""
        return cls(path, name, sha256_input(path), path.stat().st_size)


def list_files(paths: Sequence[Path]) -> list[Entry]:
    """List files and all files in folders, and the weights beside OpenVINO models.

    Returns
    -------
    list of Entry
        The names of the i-th path begin with "i/".

    Raises
    ------
    InputError
        When a path does not exist.
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
    """Make a short name for a JSON value, 16 hex digits of its sha256."""
    return hashlib.sha256(json.dumps(value).encode("utf-8")).hexdigest()[:16]
