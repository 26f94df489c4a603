"""Long runs: one picture after the other, minute by minute, to see whether latency drifts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from edge_edet.benchmarks.measuring.machine_state import ThermalState, read_thermal_state
from edge_edet.benchmarks.measuring.sampling import Samples, Step
from edge_edet.benchmarks.measuring.stage_timer import Clock
from edge_edet.benchmarks.rows import MINUTE_S, STAGES, Minute, Sustain
from edge_edet.errors import InputError

__all__ = ["parse_duration", "run_sustained"]

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST_S = 7 * 24 * 3600.0


def parse_duration(text: str) -> float:
    """Read `30m`, `90s`, `1h` or `1.5h` as seconds.

    Parameters
    ----------
    text
        A number with s, m or h.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    InputError
        For another text, 0, or more than 168 hours.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= LONGEST_S:
        raise InputError(f"a duration must be like 90s, 30m or 1h, up to 168h, but got {text!r}")
    return seconds


def run_sustained(
    step: Step,
    seconds: float,
    clock: Clock = time.perf_counter,
    heat: Callable[[], ThermalState] = read_thermal_state,
    told: Callable[[Minute], None] = lambda minute: None,
) -> tuple[Sustain, Samples]:
    """Run `step` without a pause.

    A picture counts in the minute in which it ended. Temperature, clock and throttling are read at the end
    of each minute; the last one may be shorter.

    Parameters
    ----------
    step
        Runs one picture: stage -> ms.
    seconds
        How long.
    clock, heat
        Stand-ins for the time, in seconds, and for `read_thermal_state`.
    told
        Takes each minute when it is over.

    Returns
    -------
    sustain : Sustain
        The minutes, end to end.
    samples : Samples
        All stages of the first minute.
    """
    start = clock()
    first: dict[str, list[float]] = {stage: [] for stage in STAGES}
    minutes: list[Minute] = []
    current: list[float] = []
    first_s = 0.0
    while True:
        times = step()
        elapsed = clock() - start
        current.append(times["end_to_end"])
        if not minutes:
            first_s = elapsed
            for stage, ms in times.items():
                first[stage].append(ms)
        over = elapsed >= seconds
        if over or elapsed >= MINUTE_S * (len(minutes) + 1):
            now = heat()
            minutes.append(
                Minute(
                    len(minutes) + 1,
                    tuple(current),
                    now.temperature_c,
                    now.frequency_mhz,
                    now.throttled,
                )
            )
            told(minutes[-1])
            current = []
        if over:
            samples = {stage: tuple(ms) for stage, ms in first.items()}
            return Sustain(seconds, tuple(minutes)), Samples(samples, first_s)
