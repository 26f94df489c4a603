"""How long a bench will take, as bounds that are printed before it starts; nothing is timed for them."""

from __future__ import annotations

from collections.abc import Sequence

from edge_edet.benchmarks.measuring import Job

__all__ = ["expected_s", "expected_words"]

RATES = (
    60e9,
    3e9,
)  # multiply-adds a second: a server's cores in INT8, a small board's core in float32
UNKNOWN = 5e9  # multiply-adds of a network that is not known
START_S = (1.0, 6.0)  # of a process with its model: import, load, compile
EVALUATED_MS = (5.0, 50.0)  # of a picture of --data, besides the inference


def expected_s(jobs: Sequence[Job], pictures: int = 0) -> tuple[float, float]:
    """Estimate the least and the most seconds of some jobs.

    Parameters
    ----------
    jobs
        What will be measured.
    pictures
        How many labelled pictures each file is evaluated on, once.

    Returns
    -------
    tuple of float
        Least, most.
    """
    least = most = 0.0
    seen = set[tuple[str, str | None]]()
    for job in jobs:
        work = job.facts.multiply_adds or UNKNOWN
        quick, slow = (work / rate for rate in RATES)
        rule = job.rule
        least += START_S[0] + max(rule.warmup * quick, rule.warmup_s) + rule.min_samples * quick
        most += START_S[1] + max(rule.warmup * slow, rule.warmup_s)
        most += max(rule.min_samples * slow, min(rule.max_s, rule.max_samples * slow))
        least, most = least + (job.sustain_s or 0.0), most + (job.sustain_s or 0.0)
        file = job.facts.sha256, job.asked.runtime
        if file not in seen:
            seen.add(file)
            least += pictures * (quick + EVALUATED_MS[0] / 1e3)
            most += pictures * (slow + EVALUATED_MS[1] / 1e3)
    return least, most


def expected_words(jobs: Sequence[Job], pictures: int = 0) -> str:
    """Say it in one line: `4 rows of 2 models: 20 seconds to 5 minutes, ...`."""
    models = len({job.facts.sha256 for job in jobs})
    least, most = expected_s(jobs, pictures)
    told = f"{_count(len(jobs), 'row')} of {_count(models, 'model')}: {_duration(least)} to {_duration(most)}"
    return f"{told}, as each is sampled until its median is precise (shorter: --max-seconds, or name a MODEL)"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _duration(seconds: float) -> str:
    for size, name in ((3600.0, "hour"), (60.0, "minute")):
        if seconds >= 1.5 * size:
            return _count(round(seconds / size), name)
    return _count(max(1, round(seconds)), "second")
