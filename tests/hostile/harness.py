"""Runs one function on many damaged files, each in a forked child, and counts how it ends.

Outcomes: `done` (it took the file), `refused` (one of our errors, one line), and those that must not be:
`signal` (death by one), `hang` (over SECONDS), `unexpected` (any other exception, or an error of several
lines), `memory` (a peak over MAX_MB), `destroyed` (a file of the user is not what it was), `silent`
(a model file that was changed gives another answer without a word).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutate import mutated

SECONDS = 20
MAX_MB = 2048
BAD = ("signal", "hang", "unexpected", "memory", "destroyed", "silent")
DONE, REFUSED, UNEXPECTED, SILENT = 0, 2, 70, 71


@dataclass(frozen=True)
class Kind:
    """name; file: its name beside the others; make(folder): writes it and what it needs; read(path): what a
    person would do with it, its value is the answer; text: damage by lines and words.

    answers: the answer must be that of the whole file, or an error. whole: the whole file is taken.
    """

    name: str
    file: str
    make: Callable[[Path], None]
    read: Callable[[Path], Any]
    text: bool = False
    answers: bool = False
    whole: bool = True


@dataclass
class Tally:
    """What came of one kind: outcome -> count, and the seeds of those that must not be."""

    counts: Counter[str] = field(default_factory=Counter)
    seeds: dict[str, list[int]] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    peak_mb: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "counts": dict(self.counts),
            "seeds": self.seeds,
            "words": self.words,
            "seconds": round(self.seconds, 1),
            "peak_mb": self.peak_mb,
        }


def run_kind(kind: Kind, count: int, seed: int) -> Tally:
    """count damaged files of one kind; the parent must hold no thread of a runtime."""
    tally, started = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edge-edet-hostile-") as temporary:
        folder = Path(temporary)
        _apart(lambda: kind.make(folder))
        read, path = kind.read, folder / kind.file
        whole = path.read_bytes()
        answer = _answer(read, path) if kind.answers else None
        if kind.whole and answer is None:
            outcome, words, _ = _in_child(read, path, None, folder)
            assert outcome == "done", f"the whole file must be taken: {words}"
        others = _digests(folder, path)
        for number in range(count):
            path.write_bytes(mutated(whole, seed * 1_000_003 + number, kind.text))
            before = hashlib.sha256(path.read_bytes()).digest()
            outcome, words, peak = _in_child(read, path, answer, folder)
            after = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(after).digest() != before or _digests(folder, path) != others:
                outcome = "destroyed"
            tally.counts[outcome] += 1
            tally.peak_mb = max(tally.peak_mb, peak)
            if outcome in BAD:
                tally.seeds.setdefault(outcome, []).append(number)
                tally.words.setdefault(outcome, words)
    tally.seconds = time.monotonic() - started
    return tally


def _apart(work: Callable[[], None]) -> None:
    """In a child: runtimes that it starts leave no threads here."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, "the file could not be made"


def _digests(folder: Path, apart: Path) -> dict[str, bytes]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).digest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != apart and not path.name.startswith(".scratch")
    }


def _answer(read: Callable[[Path], Any], path: Path) -> str:
    """Of the whole file, computed in a child too: the parent stays free of the runtime's threads."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            with os.fdopen(writer, "w") as stream:
                stream.write(_text(read(path)))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    assert text, "the whole file must be taken"
    return text


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _quiet(folder: Path) -> None:
    scratch = os.open(folder / ".scratch-output", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(scratch, 1)
    os.dup2(scratch, 2)


def _in_child(
    read: Callable[[Path], Any], path: Path, answer: str | None, folder: Path
) -> tuple[str, str, int]:
    """The outcome, the last words, and the peak memory in MB."""
    child = os.fork()
    if child == 0:
        os._exit(_child(read, path, answer, folder))
    deadline = time.monotonic() + SECONDS
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.wait4(child, 0)
            return "hang", "", 0
        time.sleep(0.0005)
    words = (folder / ".scratch-output").read_text("utf-8", "replace")[-600:]
    peak = usage.ru_maxrss // 1024
    if os.WIFSIGNALED(status):
        return "signal", f"signal {os.WTERMSIG(status)}; {words}", peak
    if peak > MAX_MB:
        return "memory", f"{peak} MB", peak
    outcome = {DONE: "done", REFUSED: "refused", SILENT: "silent"}.get(
        os.WEXITSTATUS(status), "unexpected"
    )
    return outcome, words, peak


def _child(read: Callable[[Path], Any], path: Path, answer: str | None, folder: Path) -> int:
    from edge_edet.errors import EdgeEdetError

    _quiet(folder)
    limit = 3 * MAX_MB * 2**20
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        found = read(path)
    except EdgeEdetError as error:
        if "\n" in str(error):
            print(f"an error of several lines: {error}", file=sys.stderr)
            return UNEXPECTED
        return REFUSED
    except BaseException:
        traceback.print_exc()
        return UNEXPECTED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return SILENT if answer is not None and _text(found) != answer else DONE
