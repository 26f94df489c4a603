"""How wrong the estimates are about models that the fit has not seen; prints the table of the docs.

    python -m edge_edet.benchmarks.estimate.errors

A model is left out with all its rows, and the interval is made from the others alone: the left-out model
has no part in the coefficients, the errors or the drift that it is judged with.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from edge_edet.benchmarks.estimate.cost_model import (
    Timing,
    cost,
    fit,
    of_device,
    published_timings,
)
from edge_edet.benchmarks.estimate.estimate import MEASURED_BOARDS
from edge_edet.benchmarks.estimate.interval import (
    doublings_outside,
    drift,
    held_out_range,
    leave_one_out,
)

__all__ = ["HeldOut", "held_out_rows", "other_device_errors", "table"]


@dataclass(frozen=True)
class HeldOut:
    """A published row, and the estimate of a fit that has not seen its model."""

    row: Timing
    predicted_ms: float
    low_ms: float
    high_ms: float

    @property
    def error(self) -> float:
        """Relative error of the estimate."""
        return self.predicted_ms / self.row.mean_ms - 1

    @property
    def is_inside(self) -> bool:
        """Whether the published latency is in the interval."""
        return self.low_ms <= self.row.mean_ms <= self.high_ms


def held_out_rows(device: str) -> Iterator[HeldOut]:
    """Yield all rows of one board, each with its model left out."""
    timings = of_device(published_timings(), device)
    for fold in leave_one_out(timings):
        rest = [row for row in timings if row.model != fold.model]
        inner, slope = leave_one_out(rest), drift(rest)
        for row in fold.held_out:
            low, high = held_out_range(inner, row.features, row.threads)
            wider = math.exp(slope * doublings_outside(rest, row.features))
            predicted = cost(fold.coefficients, row.features, row.threads)
            yield HeldOut(row, predicted, low / wider, high * wider)


def other_device_errors(known: str, device: str) -> list[float]:
    """Compute |error| on `device` of the fit of `known`, scaled to be right for Lite0 INT8 on one thread.

    This is what an estimate would be worth for a board of which one latency was measured.
    """
    coefficients = fit(of_device(published_timings(), known))
    rows = of_device(published_timings(), device)
    ratios = [row.mean_ms / cost(coefficients, row.features, row.threads) for row in rows]
    kinds = [(row.model, row.precision, row.threads) for row in rows]
    scale = ratios[kinds.index(("lite0", "int8", 1))]
    return [abs(scale / ratio - 1) for ratio in ratios]


def table(rows: Sequence[HeldOut]) -> list[str]:
    """Make the lines of a Markdown table: groups of rows, their errors, and how many intervals held."""
    lines = [
        "| left out | rows | median error | largest | in the 90 % interval | its width, median |"
    ]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    groupings: list[Callable[[Timing], str]] = [
        lambda row: row.model,
        lambda row: f"all, {row.device}",
        lambda row: f"all, {row.precision}",
        lambda row: f"all, threads {row.threads}",
        lambda _: "all",
    ]
    for name_of in groupings:
        for name in dict.fromkeys(name_of(held.row) for held in rows):
            lines.append(_line(name, [held for held in rows if name_of(held.row) == name]))
    return lines


def _line(name: str, rows: Sequence[HeldOut]) -> str:
    errors = [abs(held.error) for held in rows]
    inside = sum(held.is_inside for held in rows) / len(rows)
    width = median(held.high_ms / held.low_ms for held in rows) - 1
    return (
        f"| {name} | {len(rows)} | {median(errors):.1%} | {max(errors):.1%} | {inside:.0%} "
        f"| {width:.0%} |"
    )


def main() -> int:
    """Print the tables. Returns 0."""
    print("\n".join(table([held for board in MEASURED_BOARDS for held in held_out_rows(board)])))
    print("\n| fitted on | asked about | median error | largest |\n| --- | --- | --- | --- |")
    for known in MEASURED_BOARDS:
        for device in MEASURED_BOARDS:
            if device != known:
                errors = other_device_errors(known, device)
                print(f"| {known} | {device} | {median(errors):.0%} | {max(errors):.0%} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
