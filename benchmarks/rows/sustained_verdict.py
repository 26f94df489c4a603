"""Whether latency drifts over a long run."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.benchmarks.rows.parts import Sustain
from edge_edet.benchmarks.rows.ratio import Ratio, median_ratio

MINUTE_S = 60.0


TOLERANCE = 0.05  # of the median; boards change by less without being throttled


@dataclass(frozen=True)
class Verdict:
    """Whether a long run drifts.

    Attributes
    ----------
    code
        "steady", "slower", "faster", "cut-short", or "too-short" to decide.
    text
        The same for people.
    ratio
        Last to first minute; None where they cannot be compared.
    """

    code: str
    text: str
    ratio: Ratio | None


def verdict(sustain: Sustain) -> Verdict:
    """Compare the last minute with the first, by the ratio of their medians and its interval.

    Parameters
    ----------
    sustain
        A run with its minutes.

    Returns
    -------
    Verdict
        Whether it became slower, and how much.
    """
    minutes = sustain.minutes
    if len(minutes) * MINUTE_S < sustain.seconds:
        text = f"ended after minute {len(minutes)} of {sustain.seconds / MINUTE_S:.0f}"
        return Verdict("cut-short", text, None)
    if len(minutes) < 2:
        return Verdict("too-short", "one minute cannot be compared: give --sustain 30m", None)
    last, ratio = minutes[-1].minute, median_ratio(minutes[0].samples_ms, minutes[-1].samples_ms)
    change = f"{ratio.value:.3f} times its median, {ratio.low:.3f} to {ratio.high:.3f}"
    if ratio.low > 1 and ratio.value > 1 + TOLERANCE:
        reasons = sorted({name for minute in minutes for name in minute.throttled or ()})
        why = f"; {', '.join(reasons)}" if reasons else ""
        return Verdict("slower", f"minute {last} is slower than minute 1: {change}{why}", ratio)
    if ratio.high < 1 and ratio.value < 1 - TOLERANCE:
        return Verdict("faster", f"minute {last} is faster than minute 1: {change}", ratio)
    return Verdict("steady", f"minute {last} is as fast as minute 1: {change}", ratio)
