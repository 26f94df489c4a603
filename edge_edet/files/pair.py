"""Replace the two files of an OpenVINO IR, so that nobody reads a graph with the weights of another.

Two names cannot be changed at once. So the old graph is moved aside first, then the old weights; then
the new weights get their name, and last the new graph. In between there is no graph under the name,
and never a wrong one. That lasts for four renames, and `read_ir` waits for it. If a rename fails, the
old two files are moved back; if the process is killed, the next writer of this model does it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from edge_edet.errors import ModelFileError
from edge_edet.files.locks import short

__all__ = ["aside", "belongs", "read_whole", "recover", "stamp", "switch"]

T = TypeVar("T")
WAIT_S = 2.0  # a switch takes milliseconds; the rest is for a disk that sleeps
PAUSE_S = 0.005
TRIES = 3  # at least, of readers that take longer than that


def aside(path: Path) -> Path:
    """Return where the old file is kept while it is replaced."""
    return path.with_name(f".{short(path.name)}.edge-edet-old")


def switch(folder: Path, graph: Path) -> None:
    """Replace the two files by those in `folder`. The caller holds the lock of `graph`.

    Parameters
    ----------
    folder
        Holds the two new files, on the same file system.
    graph
        The .xml that is replaced, with the .bin beside it.
    """
    weights = graph.with_suffix(".bin")
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in (
            (graph, aside(graph)),
            (weights, aside(weights)),
            (folder / weights.name, weights),
            (folder / graph.name, graph),
        ):
            if source.exists():
                source.replace(target)
                done.append((source, target))
    except BaseException:
        with contextlib.suppress(OSError):  # what cannot be put back now, `recover` will
            for source, target in reversed(done):
                target.replace(source)
        raise
    for old in (aside(graph), aside(weights)):
        with contextlib.suppress(OSError):
            old.unlink(missing_ok=True)


def recover(graph: Path, folders: Iterable[Path]) -> None:
    """Finish or undo what a killed `switch` began; folders: those it may have moved files from.

    Parameters
    ----------
    graph
        The .xml.
    folders
        Those that a killed `switch` may have moved files from.
    """
    weights = graph.with_suffix(".bin")
    if graph.exists():  # the last rename was done, or none
        if aside(graph).exists() or aside(weights).exists():
            _drop_if_whole(graph)
    elif aside(graph).exists():
        if aside(weights).exists():
            aside(weights).replace(weights)
        aside(graph).replace(graph)
    else:
        for folder in folders:  # the first pair there: its weights came, its graph did not
            new = folder / graph.name
            if belongs(new, weights):
                new.replace(graph)
                return


def _drop_if_whole(graph: Path) -> None:
    if not belongs(graph, graph.with_suffix(".bin")):
        return  # another has put its file there: what was set aside stays
    for old in (aside(graph), aside(graph.with_suffix(".bin"))):
        old.unlink(missing_ok=True)


def belongs(graph: Path, weights: Path) -> bool:
    """Return whether the graph names the sha256 of these weights, as our writers make it do.

    Parameters
    ----------
    graph
        The .xml.
    weights
        The .bin.

    Returns
    -------
    bool
        False where the .xml names another sum or none.
    """
    if not (graph.is_file() and weights.is_file()):
        return False
    return hashlib.sha256(weights.read_bytes()).hexdigest().encode() in graph.read_bytes()


def stamp(graph: Path) -> tuple[object, ...]:
    """Return a value that changes when one of the two files is replaced.

    Parameters
    ----------
    graph
        The .xml.

    Returns
    -------
    tuple[object, ...]
        To be compared with another stamp only.
    """
    found: list[object] = []
    for path in (graph, graph.with_suffix(".bin")):
        try:
            state = path.stat()
        except (OSError, ValueError):
            found.append(None)
        else:
            found.append((state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(found)


def read_whole(graph: Path, read: Callable[[], T]) -> T:
    """Call `read`, again where it failed and the files were replaced meanwhile.

    Parameters
    ----------
    graph
        The .xml.
    read
        Reads both files.

    Returns
    -------
    T
        What `read` returns.

    Raises
    ------
    ModelFileError
        What `read` raises, or if a replacement begun by another process does not end.
    """
    until = time.monotonic() + WAIT_S
    for tries in itertools.count(1):
        before = stamp(graph)
        try:
            return read()
        except ModelFileError:
            begun = before[0] is None and aside(graph).exists()
            if before == stamp(graph) and not begun:
                raise
            if time.monotonic() > until and tries > TRIES:
                if not begun:
                    raise
                raise ModelFileError(
                    f"no {str(graph)!r}: an 'edge-edet convert' was killed while it replaced it, or still "
                    "does; run it again, which first puts the old model back"
                ) from None
            time.sleep(PAUSE_S)
    raise AssertionError
