"""An estimate from counted instructions: nanoseconds for each, from published latencies of other models.

    ms = instructions * a

a is one number for a board and a precision, on one thread: the mean, on logarithms, of what
EfficientDet-Lite models take there for each instruction that is counted in our files of them. Suppression,
which is inside of the published latencies and not of the counted files, is taken off first (`cost_model`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from edge_edet.benchmarks.counting import read_table
from edge_edet.benchmarks.estimate.cost_model import fit, of_device, published_timings
from edge_edet.benchmarks.estimate.estimate import SOURCE
from edge_edet.benchmarks.estimate.interval import COVERAGE
from edge_edet.benchmarks.rows import Counts, Estimate

__all__ = ["CORES", "CountFit", "estimate_from_counts", "fit_counts", "left_out_errors"]

CORES = {"rpi4": "cortex-a72", "rpi5": "cortex-a76"}
# Student's t that leaves 5 % at each side, by degrees of freedom: the interval of one more model
T90 = {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015}
# Table lookups (swish, sigmoid) are in no published model, and those of four registers are slow on small
# cores: each costs from nothing to this many other instructions.
LOOKUP = 8.0
NOTE = (
    "from counted instructions; not in the interval is what they cannot show: slower memory of wider "
    "networks, another clock rate, heat, other programs, another version of the runtime"
)


@dataclass(frozen=True)
class CountFit:
    """Nanoseconds for an instruction of each model whose latency is published.

    Attributes
    ----------
    device, precision
        Where, and of what.
    ns
        Model -> ns.
    """

    device: str
    precision: str
    ns: dict[str, float]

    @property
    def mean(self) -> float:
        """The mean on logarithms, in ns."""
        return math.exp(sum(map(math.log, self.ns.values())) / len(self.ns))

    @property
    def spread(self) -> float:
        """What one more model may be off by, as a factor: Student's interval on logarithms."""
        n, middle = len(self.ns), math.log(self.mean)
        variance = sum((math.log(one) - middle) ** 2 for one in self.ns.values()) / (n - 1)
        return math.exp(T90[n - 1] * math.sqrt(variance * (1 + 1 / n)))


@cache
def fit_counts(device: str, precision: str) -> CountFit | None:
    """Fit a board on one thread.

    Parameters
    ----------
    device, precision
        The board's id, and of the models.

    Returns
    -------
    CountFit or None
        None where fewer than three of its models are counted.
    """
    core, timings = CORES.get(device), of_device(published_timings(), device)
    if core is None:
        return None
    suppressed = float(fit(timings)[-1])
    known = {
        row["model"]: 1e3 * int(row["instructions"]) for row in read_table() if row["core"] == core
    }
    ns = {}
    for row in timings:
        name = f"{row.model}-{row.precision}"
        if row.threads == 1 and row.precision == precision and name in known:
            inference = row.mean_ms - suppressed * row.features.suppressed_scores
            ns[row.model] = 1e6 * inference / known[name]
    return CountFit(device, precision, ns) if len(ns) > 2 else None


def left_out_errors(found: CountFit) -> dict[str, float]:
    """Compute how wrong the estimate of each model is from the others alone.

    Parameters
    ----------
    found
        The fit of all of them.

    Returns
    -------
    dict
        Model -> relative error of its inference, above 0 where the estimate is too slow.
    """
    errors = {}
    for model, its in found.ns.items():
        rest = {name: one for name, one in found.ns.items() if name != model}
        errors[model] = CountFit(found.device, found.precision, rest).mean / its - 1
    return errors


def estimate_from_counts(counts: Counts, device: str, precision: str) -> Estimate | None:
    """Estimate an inference on one thread; None where the board or the precision has no fit.

    Parameters
    ----------
    counts
        Of the model, one thread, on the core of that board.
    device, precision
        The board's id, and the precision of the file.

    Returns
    -------
    Estimate or None
        Of the inference alone, with its 90 % interval.
    """
    found = fit_counts(device, precision)
    if found is None or counts.core != CORES[device]:
        return None
    ms = counts.instructions * found.mean / 1e6
    lookups = counts.kinds.get("table lookup", 0) * found.mean / 1e6
    return Estimate(
        p50_ms=ms,
        low_ms=(ms - lookups) / found.spread,
        high_ms=(ms + (LOOKUP - 1) * lookups) * found.spread,
        coverage=COVERAGE,
        source=(
            f"{counts.instructions / 1e6:.0f} million instructions counted on QEMU's {counts.core}, "
            f"{found.mean:.3f} ns each; {_models(list(found.ns))} {SOURCE}"
        ),
        notes=(NOTE,),
    )


def _models(names: Sequence[str]) -> str:
    return f"of {', '.join(names)}:"
