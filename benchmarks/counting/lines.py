"""A counted row for people: the sum, the kinds, and the operators."""

from __future__ import annotations

from collections.abc import Iterator

from edge_edet.benchmarks.rows import BenchmarkRow, Counts

__all__ = ["count_lines"]

MOST = 20  # operators that are listed; the row has all of them


def count_lines(row: BenchmarkRow) -> Iterator[str]:
    """Yield the lines below the row's name, at most 80 columns wide.

    Parameters
    ----------
    row
        With counts.

    Yields
    ------
    str
        A line.
    """
    counts = row.counts
    assert counts is not None
    yield f"    counted on QEMU's {counts.core}: {_millions(counts.instructions)} instructions"
    yield (
        f"    two inferences differ by {counts.repeat_error:.4%}; {counts.kernels} kernels; "
        f"{_millions(counts.loaded_bytes)}B loaded,"
    )
    yield f"    {_millions(counts.stored_bytes)}B stored{_waiting(counts)}"
    for kind, number in sorted(counts.kinds.items(), key=lambda item: -item[1]):
        part = number / counts.instructions
        if part >= 0.0005:
            yield f"    {kind:18} {number / 1e6:10.2f} M {part:6.1%}"
    if counts.operators:
        yield from _operators(counts)


def _operators(counts: Counts) -> Iterator[str]:
    yield f"    {'each operator alone':34} {'times':>5} {'M, all':>10} {'of the whole':>13}"
    for one in counts.operators[:MOST]:
        shape = "x".join(map(str, one.shape))
        name = f"{one.name} {shape}"[:34]
        part = one.instructions / counts.instructions
        if one.error is None:
            yield f"    {name:34} {one.times:5} {one.instructions / 1e6:10.2f} {part:13.1%}"
    others = counts.operators[MOST:]
    if others:
        number = sum(one.instructions for one in others)
        times = sum(one.times for one in others)
        part = number / counts.instructions
        yield f"    {'others':34} {times:5} {number / 1e6:10.2f} {part:13.1%}"
    rest = counts.beside_operators
    name = "difference of the whole to their sum"
    yield f"    {name:40} {rest / 1e6:10.2f} {rest / counts.instructions:13.1%}"
    for one in counts.operators:
        if one.error is not None:
            yield f"    could not be counted alone: {one.name}, {one.error}"[:80]


def _waiting(counts: Counts) -> str:
    return f"; {_millions(counts.waiting)} of waiting threads left out" if counts.waiting else ""


def _millions(number: int) -> str:
    return f"{number / 1e6:.1f} M"
