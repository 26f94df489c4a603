"""Which precision is fast in which version of TensorFlow Lite's runtimes: a measured table.

Measured 2026-11-28 on x86-64 (AMD EPYC, AVX512-VNNI), one thread: the bundled D0, medians of interleaved
rounds, as parts of the float model's time in the same runtime (docs/decisions/0007-int8-dynamic.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "COVERED",
    "MEASURED",
    "TABLE",
    "Kernels",
    "Slow",
    "Untaken",
    "kernels_of",
    "slow",
    "summary",
]

MEASURED = "D0, x86-64, 2026-11-28"
COVERED = 0.9  # of the operators: a delegate that takes less is hardly used
MARGIN = 0.05  # of the operators: other variants than the one that was measured
EIGHT_BIT = {"uint8": "int8"}  # what counts as what
LITERT = "use ai-edge-litert 1.4 or newer"
AGAIN = "convert the model again: files of this edge-edet are written so that XNNPACK takes them"


@dataclass(frozen=True)
class Untaken:
    """Models that XNNPACK took only in part.

    Attributes
    ----------
    time
        Of an inference, relative to the float model's.
    covered
        The part of the operators that XNNPACK took.
    advice
        What to do instead.
    """

    time: float
    covered: float
    advice: str


@dataclass(frozen=True)
class Kernels:
    """What some versions of a runtime do.

    Attributes
    ----------
    first, last
        Versions as (major, minor), both included.
    times
        Precision -> time of an inference relative to float's, with files as this edge-edet writes them.
    slow
        Precision -> which files were slow.
    """

    runtime: str
    first: tuple[int, int]
    last: tuple[int, int]
    times: Mapping[str, float]
    slow: Mapping[str, Untaken] = field(default_factory=dict)

    @property
    def versions(self) -> str:
        """The versions in words, `1.4 to 2.1`."""
        first, last = (".".join(map(str, one)) for one in (self.first, self.last))
        return first if first == last else f"{first} to {last}"


TABLE = (
    Kernels(
        "ai-edge-litert", (1, 4), (2, 1),
        {"int8": 0.42, "int8-dynamic": 0.78, "fp16": 0.96},
        {
            "fp16": Untaken(2.1, 0.47, f"use ai-edge-litert 2.2 or newer, or {AGAIN}"),
            "int8-dynamic": Untaken(1.2, 0.85, AGAIN),
        },
    ),
    Kernels(
        "ai-edge-litert", (2, 2), (2, 3),
        {"int8": 0.42, "int8-dynamic": 0.80, "fp16": 0.95},
        {"int8-dynamic": Untaken(1.2, 0.85, AGAIN)},
    ),
    Kernels(
        "tflite-runtime", (2, 14), (2, 14),
        {"int8": 0.74, "int8-dynamic": 2.3, "fp16": 0.96},
        {
            "int8": Untaken(9.3, 0.0, f"{LITERT}, or an fp32 file"),
            "int8-dynamic": Untaken(2.3, 0.73, f"{LITERT}, or an int8 or fp32 file"),
        },
    ),
    Kernels(
        "tensorflow", (2, 16), (2, 16),
        {"int8": 0.47, "int8-dynamic": 1.2, "fp16": 0.98},
        {"int8-dynamic": Untaken(1.2, 0.73, f"{LITERT}, or an int8 or fp32 file")},
    ),
    Kernels(
        "tensorflow", (2, 17), (2, 19),
        {"int8": 0.45, "int8-dynamic": 0.75, "fp16": 0.97},
        {"int8-dynamic": Untaken(1.2, 0.85, AGAIN)},
    ),
    Kernels(
        "tensorflow", (2, 20), (2, 21),
        {"int8": 0.40, "int8-dynamic": 0.82, "fp16": 0.97},
        {"fp16": Untaken(1.4, 0.47, AGAIN), "int8-dynamic": Untaken(1.2, 0.85, AGAIN)},
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Slow:
    """What is slow, and what to do instead."""

    text: str
    advice: str


def kernels_of(runtime: str, version: str) -> Kernels | None:
    """Find a version's entry; None for a version that was not measured, or another runtime."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        return None
    number = int(found[1]), int(found[2])
    rows = (row for row in TABLE if row.runtime == runtime and row.first <= number <= row.last)
    return next(rows, None)


def slow(runtime: str, version: str, precision: str, covered: float | None) -> Slow | None:
    """Return what is slow with this file in this runtime, None if nothing is known to be.

    Parameters
    ----------
    runtime
        Its name.
    version
        The installed version.
    precision
        Of the file.
    covered
        XNNPACK's part of the operators, from 0 to 1, as the runtime reports it; None if it does not,
        and then nothing is known.

    Returns
    -------
    Slow | None
        What is slow, by how much, and what is faster.
    """
    row, precision = kernels_of(runtime, version), EIGHT_BIT.get(precision, precision)
    known = row.slow.get(precision) if row else None
    if known is None or covered is None or covered > known.covered + MARGIN:
        return None
    return Slow(
        f"in {runtime} {version} XNNPACK takes only {covered:.0%} of the operators of this "
        f"{precision} model; such a one took {known.time:g} times the time of float ({MEASURED})",
        known.advice,
    )


def summary(runtime: str, version: str) -> str:
    """Summarize in one line for `doctor`: each precision's time relative to float's.

    Parameters
    ----------
    runtime
        Its name.
    version
        The installed version.

    Returns
    -------
    str
        The line; empty where nothing was measured.
    """
    row = kernels_of(runtime, version)
    if row is None:
        known = ", ".join(one.versions for one in TABLE if one.runtime == runtime)
        return f"speed not measured, of this runtime it was for {known}" if known else ""
    times = ", ".join(f"{name} {time:g}" for name, time in row.times.items())
    text = f"time against float: {times} ({MEASURED})"
    for name, time in row.times.items():
        if time > 1:
            text += f"; for {name} {row.slow[name].advice}"
    return text
