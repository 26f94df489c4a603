"""Write the files of a command, by one rule.

Output may replace an empty file, and a file that the same command wrote before, which is recognized
by its content. Anything else needs `overwrite`, and an input of the command is never replaced. One
process at a time writes a file; it is written under a temporary name beside the final one, and
renamed when it is complete.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_edet.errors import InputError
from edge_edet.files import SUFFIX, LockFile, belongs, holder, lock_of, recover, short, switch
from edge_edet.output_files.kinds import GRAPH, Kind
from edge_edet.pictures import SUFFIXES as PICTURES

__all__ = ["Outputs", "add_overwrite_argument", "outputs_of"]

Check = Callable[[Path], Any]
DATA = (*PICTURES, ".json", ".txt", ".xml", ".yaml", ".yml")  # what is read of a folder of data


def add_overwrite_argument(parser: argparse._ActionsContainer) -> None:
    """Add --overwrite.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="also replace files that this command did not write before; never an input",
    )


class Outputs:
    """The files that one command writes. Use as a context manager: it holds a lock for each.

    Parameters
    ----------
    inputs
        Files, and folders of files, that the command reads. They are recognized under any name, also
        through links.
    overwrite
        Whether files that are not ours may be replaced.
    option
        The option that chooses the place, for messages.
    """

    def __init__(
        self, inputs: Iterable[str | Path] = (), *, overwrite: bool = False, option: str = "-o"
    ):
        self._inputs, self._overwrite, self._option = list(inputs), overwrite, option
        self._known: dict[object, str] = {}
        self._locks: dict[Path, LockFile] = {}
        self._made: list[Path] = []
        self._swept: set[Path] = set()

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the locks, and remove folders that were created and stayed empty."""
        for lock in self._locks.values():
            lock.close()
        self._locks.clear()
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._made.clear()

    def check(self, path: Path, kind: Kind | None) -> None:
        """Refuse with InputError a file that may not be written; kind None accepts any existing file.

        Parameters
        ----------
        path
            Where a file is to be written.
        kind
            What may be replaced there; None: any file.

        Raises
        ------
        InputError
            For an input of the command, a file of another kind, a folder, or a place that
            cannot be written.
        """
        try:
            found = path.lstat()
        except FileNotFoundError:
            return
        except NotADirectoryError:
            raise InputError(f"cannot write into {str(path.parent)!r}: it is a file") from None
        if stat.S_ISLNK(found.st_mode):
            if not path.exists() and not self._overwrite:
                raise InputError(f"{str(path)!r} is a link that leads nowhere: {self._instead()}")
            found = path.stat() if path.exists() else found
        if given := self._input(path, found):
            named = "" if given == str(path) else f", given as {given!r}"
            raise InputError(
                f"{str(path)!r} is an input of this command{named}, and would be replaced: give "
                f"another {self._option}"
            )
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise InputError(
                f"{str(path)!r} is {what}, a file is to be written there: give another "
                f"{self._option}"
            )
        if kind is None or found.st_size == 0 or kind.wrote(path):
            return
        if not self._overwrite:
            raise InputError(f"{str(path)!r} is there and is not {kind.name}: {self._instead()}")
        if folder := self._data_folder(path):
            raise InputError(
                f"{str(path)!r} may be data of this command, which reads {folder!r}: give another "
                f"{self._option}"
            )

    def claim(self, path: Path, kind: Kind | None) -> None:
        """Check, and lock the file until `close`; a second claim only checks.

        Parameters
        ----------
        path
            Where a file is to be written.
        kind
            What may be replaced there; None: any file.

        Raises
        ------
        InputError
            As by `check`, if another process writes the file, or its folder cannot be created.
        """
        if path not in self._locks:
            self._make_folder(path.parent)
            self._sweep(path.parent)
            try:
                lock = LockFile.take(lock_of(path))
            except OSError as error:
                raise _named(error, path) from None
            if lock is None:
                raise InputError(
                    f"{str(path)!r} is being written by another edge-edet{holder(lock_of(path))}: wait "
                    f"until it is done, or give another {self._option}"
                )
            self._locks[path] = lock
            if lock.real:
                _sweep_after(path)
        self.check(path, kind)

    def claim_pair(self, path: Path, kind: Kind) -> None:
        """Claim an IR's `.xml` and the `.bin` beside it.

        Parameters
        ----------
        path
            Of the .xml.
        kind
            What may be replaced there.
        """
        self.claim(path, kind)  # which first puts right what a killed process left
        self.claim(path.with_suffix(".bin"), _weights_of(path))

    def write(self, path: Path, data: bytes, kind: Kind | None, check: Check | None = None) -> None:
        """Write a file; a kill or a full disk leaves the old file, or none.

        check: called with the temporary file, before it is renamed; it raises where that is wrong.

        Parameters
        ----------
        path
            Of the file.
        data
            Its content.
        kind
            What may be replaced there; None: any file.
        check
            Called with the temporary file before it is renamed; it raises where that is wrong.
        """
        with self.making(path, kind) as temporary:
            _write_new(temporary, data, durable=kind is None or kind.durable)
            if check is not None:
                check(temporary)

    @contextlib.contextmanager
    def making(self, path: Path, kind: Kind | None) -> Iterator[Path]:
        """Yield a temporary name beside a file, for what is written little by little.

        What stands there when the block ends gets the file's name; after an error it is removed.

        Parameters
        ----------
        path
            Of the file.
        kind
            What may be replaced there; None: any file.

        Yields
        ------
        Path
            The temporary name.

        Raises
        ------
        OSError
            Where it cannot be written; names the file.
        """
        self.claim(path, kind)
        temporary = temporary_of(path)
        try:
            yield temporary
            self.check(path, kind)
            temporary.replace(path)
            if kind is None or kind.durable:
                sync_folder(path.parent)
        except OSError as error:
            raise _named(error, path) from None
        finally:
            temporary.unlink(missing_ok=True)

    def write_pair(self, path: Path, files: Mapping[str, bytes], kind: Kind, check: Check) -> None:
        """Write an IR, suffix -> bytes; `read_ir` finds the old two files or the new two.

        Parameters
        ----------
        path
            Of the .xml.
        files
            Content by suffix, .xml and .bin.
        kind
            What may be replaced there.
        check
            Called with the temporary .xml before both are renamed.

        Raises
        ------
        OSError
            Where they cannot be written; names the file.
        """
        self.claim_pair(path, kind)
        folder = temporary_of(path)
        try:
            folder.mkdir()
            for suffix, data in files.items():
                _write_new((folder / path.name).with_suffix(suffix), data, durable=True)
            check(folder / path.name)
            self.claim_pair(path, kind)
            switch(folder, path)
            sync_folder(path.parent)
        except OSError as error:
            raise _named(error, path) from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def release(self, path: Path) -> None:
        """Release the lock of one file.

        Parameters
        ----------
        path
            Of the file.
        """
        if lock := self._locks.pop(path, None):
            lock.close()

    def _instead(self) -> str:
        return f"give another {self._option}, or --overwrite to replace it"

    def _input(self, path: Path, found: os.stat_result) -> str | None:
        """Return the input that this file is, as it was given; None if it is none."""
        if not self._known:
            for given in self._inputs:
                for key in _keys(Path(given)):
                    self._known[key] = str(given)
        for key in (_identity(found), os.path.realpath(path)):
            if key in self._known:
                return self._known[key]
        return None

    def _data_folder(self, path: Path) -> str | None:
        """Return the input folder that this file may be data of; None if there is none."""
        self._input(path, path.lstat())
        if path.suffix.lower() not in DATA:
            return None
        folders = Path(os.path.realpath(path)).parents
        return next((self._known[str(one)] for one in folders if str(one) in self._known), None)

    def _make_folder(self, folder: Path) -> None:
        new = [one for one in (folder, *folder.parents) if not one.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"cannot write into {str(folder)!r}: it is a file") from None
        self._made += reversed(new)

    def _sweep(self, folder: Path) -> None:
        """Remove what killed processes left in a folder: what has a lock that nobody holds."""
        if folder in self._swept:
            return
        self._swept.add(folder)
        try:
            left = [one for one in folder.iterdir() if one.name.endswith(SUFFIX)]
        except OSError:
            return
        for path in left:
            with contextlib.suppress(OSError):
                lock = LockFile.take(path, make=False)
                if lock is None:
                    continue
                try:
                    if lock.real:
                        _sweep_after(folder / path.name[1 : -len(SUFFIX)])
                finally:
                    lock.close()


@contextlib.contextmanager
def outputs_of(given: Outputs | None) -> Iterator[Outputs]:
    """Yield the outputs that a function was given, which stay open, or new ones for it alone.

    Parameters
    ----------
    given
        None: make new ones.

    Yields
    ------
    Outputs
        The outputs.
    """
    if given is not None:
        yield given
        return
    with Outputs() as own:
        yield own


def temporary_of(path: Path) -> Path:
    """Return an unused name beside a file: `.NAME.edge-edet-PID-RANDOM.tmp`."""
    return path.with_name(f".{short(path.name)}.edge-edet-{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _sweep_after(path: Path) -> None:
    """Remove the leftovers of earlier writers of a file. The caller holds its lock."""
    if path.suffix == ".xml":
        recover(path, _temporaries(path))
    for left in _temporaries(path):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _temporaries(path: Path) -> list[Path]:
    pattern = re.compile(rf"\.{re.escape(short(path.name))}\.edge-edet-\d+-[0-9a-f]{{8}}\.tmp")
    return [one for one in path.parent.iterdir() if pattern.fullmatch(one.name)]


def _weights_of(path: Path) -> Kind:
    """Make the kind of an IR's .bin: ours if an .xml of ours beside it names its sha256."""
    name = f"what a {path.name!r} of ours beside it was written with"
    return Kind(name, lambda weights: GRAPH.wrote(path) and belongs(path, weights))


def _keys(given: Path) -> Iterator[object]:
    """Yield what an input file is recognized by, with an IR's weights."""
    for path in (given, given.with_suffix(".bin")) if given.suffix == ".xml" else (given,):
        with contextlib.suppress(OSError, ValueError):
            yield os.path.realpath(path)
            yield _identity(path.stat())


def _identity(found: os.stat_result) -> object:
    return (found.st_dev, found.st_ino) if found.st_ino else None


def _write_new(path: Path, data: bytes, *, durable: bool) -> None:
    with path.open("xb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a renamed file is still there after a power cut."""
    with contextlib.suppress(OSError, AttributeError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _named(error: OSError, path: Path) -> OSError:
    """Put the file's name into an error: a full disk has none, and a temporary name says nothing."""
    if error.filename is None or ".edge-edet" in os.fsdecode(error.filename):
        error.filename, error.filename2 = str(path), None
    return error
