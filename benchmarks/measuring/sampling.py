"""Sampling: warm up, then take samples until there are enough and their median is known well."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_edet.benchmarks.measuring.stage_timer import Clock
from edge_edet.benchmarks.rows import OPTIONS, STAGES, relative_width
from edge_edet.errors import InputError

__all__ = ["CHECK_EVERY", "Samples", "StopRule", "sample", "sample_streams", "warm_up"]

CHECK_EVERY = 10  # samples between two looks at the width, which sorts all of them


Step = Callable[[], Mapping[str, float]]  # runs one picture: stage -> ms
Report = Callable[[int], None]  # told the number of samples so far


@dataclass(frozen=True)
class StopRule:
    """When sampling ends.

    Sampling ends at min_samples or later, once the 95 % interval of the end-to-end median is narrower than
    relative_width of it; at the latest at max_samples, or after max_s with min_samples. Before that, at
    least `warmup` runs and warmup_s are not counted.

    Attributes
    ----------
    warmup, warmup_s
        Runs, and seconds of runs, before sampling.
    min_samples, max_samples
        Least and largest number of samples.
    relative_width
        Width of the interval as a part of the median.
    max_s
        Seconds of sampling.
    """

    warmup: int = 5
    warmup_s: float = 1.0
    min_samples: int = 50
    relative_width: float = 0.02
    max_samples: int = 1000
    max_s: float = 60.0

    def __post_init__(self) -> None:
        for name, least in (("warmup", 0), ("min_samples", 6)):
            if getattr(self, name) < least:
                raise InputError(
                    f"{OPTIONS[name]} must be at least {least}, but got {getattr(self, name)}"
                )
        for name in ("warmup_s", "relative_width", "max_s"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(
                    f"{OPTIONS[name]} must be at least 0, but got {getattr(self, name)}"
                )
        if self.max_samples < self.min_samples:
            raise InputError(
                f"--max-samples is {self.max_samples}, below the {self.min_samples} of --samples: "
                f"give --max-samples {self.min_samples} or more"
            )

    def to_dict(self) -> dict[str, Any]:
        """Make the fields as a row's protocol has them.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return dataclasses.asdict(self)

    def enough(self, samples: Sequence[float], elapsed_s: float) -> bool:
        """Whether the end-to-end samples, in ms, are enough after so many seconds.

        Parameters
        ----------
        samples
            End to end, in ms.
        elapsed_s
            Seconds since sampling began.

        Returns
        -------
        bool
            Whether sampling ends.
        """
        n = len(samples)
        if n < self.min_samples:
            return False
        if n >= self.max_samples or elapsed_s >= self.max_s:
            return True
        if (n - self.min_samples) % CHECK_EVERY:
            return False
        width = relative_width(samples)
        return width is not None and width <= self.relative_width


@dataclass(frozen=True)
class Samples:
    """What was sampled.

    Attributes
    ----------
    ms
        Stage -> samples in ms, in order.
    seconds
        From the first to the end of the last.
    """

    ms: dict[str, tuple[float, ...]]  # stage -> samples, in order
    seconds: float  # from the first to the end of the last

    @property
    def count(self) -> int:
        """The number of samples of a stage."""
        return max(map(len, self.ms.values()), default=0)


def warm_up(step: Step, rule: StopRule, clock: Clock = time.perf_counter) -> int:
    """Run the step until the rule's warm-up is over. Returns the number of runs."""
    start, runs = clock(), 0
    while runs < rule.warmup or clock() - start < rule.warmup_s:
        step()
        runs += 1
    return runs


def sample(
    step: Step,
    rule: StopRule,
    clock: Clock = time.perf_counter,
    report: Report = lambda count: None,
) -> Samples:
    """Take samples of `step` until the rule is met.

    What the step, the clock or the report raise ends it.
    """
    return sample_streams([step], rule, clock, report)


def sample_streams(
    steps: Sequence[Step],
    rule: StopRule,
    clock: Clock = time.perf_counter,
    report: Report = lambda count: None,
) -> Samples:
    """Take samples as `sample` does, of several steps at the same time, each in a thread of its own.

    The rule holds for the samples of all together, in the order in which they end. One step stays in the
    caller's thread.
    """
    taken: dict[str, list[float]] = {stage: [] for stage in STAGES}
    lock, stop = threading.Lock(), threading.Event()
    failures: list[BaseException] = []
    start = clock()

    def run(step: Step) -> None:
        try:
            while not stop.is_set():
                times = step()
                with lock:
                    if stop.is_set():  # a picture that was still on its way
                        return
                    for stage, ms in times.items():
                        taken[stage].append(ms)
                    report(len(taken["end_to_end"]))
                    if rule.enough(taken["end_to_end"], clock() - start):
                        ended.append(clock())
                        stop.set()
        except BaseException as error:
            failures.append(error)
            stop.set()

    ended: list[float] = []
    threads = [threading.Thread(target=run, args=(step,)) for step in steps[1:]]
    for thread in threads:
        thread.start()
    run(steps[0])
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return Samples({stage: tuple(ms) for stage, ms in taken.items()}, ended[0] - start)
