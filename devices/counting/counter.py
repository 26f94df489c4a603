"""The counter: a plugin of QEMU, compiled on first use and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.devices.process import finish
from edge_edet.errors import BackendError
from edge_edet.system import CountingTools

__all__ = ["KINDS", "KindCounts", "build_counter", "cache_folder", "parse_marks"]

SOURCE = Path(__file__).with_name("counter.c")
FLAGS = ("-O2", "-shared", "-fPIC", "-fvisibility=hidden")
COMPILE_S = 120.0
# The order of the numbers in a line of counter.c. "integer" has what fits nowhere else, such as barriers.
KINDS = (
    "dot product",
    "int8 matrix",
    "widening multiply",
    "multiply",
    "other SIMD",
    "SIMD load/store",
    "table lookup",
    "scalar float",
    "integer",
    "load/store",
    "branch",
    "unknown",
)
NUMBERS = len(KINDS) + 3


@dataclass(frozen=True)
class KindCounts:
    """What was executed: instructions by kind, and the bytes that they loaded and stored.

    Attributes
    ----------
    kinds
        As many as KINDS, in that order.
    loaded, stored
        Bytes.
    waiting
        Instructions of threads that waited in a loop; they are in none of the kinds.
    """

    kinds: tuple[int, ...]
    loaded: int
    stored: int
    waiting: int

    @property
    def instructions(self) -> int:
        """All instructions, without waiting."""
        return sum(self.kinds)

    def since(self, before: KindCounts) -> KindCounts:
        """Subtract what was executed before another mark of the same run.

        Parameters
        ----------
        before
            Counts at the other mark.

        Returns
        -------
        KindCounts
            The difference.
        """
        kinds = tuple(b - a for a, b in zip(before.kinds, self.kinds, strict=True))
        return KindCounts(
            kinds,
            self.loaded - before.loaded,
            self.stored - before.stored,
            self.waiting - before.waiting,
        )


def cache_folder() -> Path:
    """Find the folder of compiled counters: in $EDGE_EDET_HOME, else in the user's cache folder.

    Returns
    -------
    Path
        The folder, whether it exists or not.
    """
    if home := os.environ.get("EDGE_EDET_HOME"):
        return Path(home) / "counter"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "edge-edet" / "counter"


def build_counter(tools: CountingTools, folder: Path | None = None) -> Path:
    """Compile the counter for this QEMU; quick if that was done before.

    Parameters
    ----------
    tools
        As `find_counting_tools` finds them.
    folder
        Where it is kept; None: `cache_folder()`.

    Returns
    -------
    Path
        The plugin, whose name has the digest of its source, the interface and the compiler.

    Raises
    ------
    BackendError
        When the compiler fails, with its last line, or the folder cannot be written.
    """
    folder = cache_folder() if folder is None else folder
    interface = 1 if tools.version < (9, 0) else 2 if tools.version < (9, 1) else 3
    compiler = finish([tools.compiler, "--version"], f"{tools.compiler} --version", timeout_s=20)
    key = [SOURCE.read_text(), str(interface), tools.compiler, compiler, platform.machine(), *FLAGS]
    path = folder / f"counter-{hashlib.sha256(chr(0).join(key).encode()).hexdigest()[:16]}.so"
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            new = Path(temporary) / "counter.so"
            options = [*FLAGS, f"-DAPI={interface}"]
            command: list[str | Path] = [tools.compiler, *options, "-o", new, SOURCE]
            finish(command, "compiling the counter", timeout_s=COMPILE_S)
            new.replace(path)  # whole or not at all, whoever else does the same
    except OSError as error:
        raise BackendError(
            f"cannot keep the counter in {str(folder)!r}: {error.strerror}; name another folder with "
            "EDGE_EDET_HOME"
        ) from None
    return path


def parse_marks(text: str) -> Sequence[KindCounts]:
    """Read the lines that the counter wrote; one that the end of the program cut off is passed over.

    Parameters
    ----------
    text
        Of its file.

    Returns
    -------
    sequence of KindCounts
        All that was executed up to each mark.
    """
    marks = []
    for line in text.splitlines(keepends=True):
        numbers = [int(word) for word in line.split()]
        if line.endswith("\n") and len(numbers) == NUMBERS:
            marks.append(KindCounts(tuple(numbers[: len(KINDS)]), *numbers[len(KINDS) :]))
    return marks
