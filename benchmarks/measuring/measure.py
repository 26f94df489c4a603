"""Measures one job in this process: load, warm up, sample, and what the machine did meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import time
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet import __version__
from edge_edet.benchmarks.measuring.energy import find_meter
from edge_edet.benchmarks.measuring.events import Emit, MinuteMeasured, ProgressMade, RunBegun
from edge_edet.benchmarks.measuring.job import Job
from edge_edet.benchmarks.measuring.machine_state import (
    CpuTime,
    machine_state,
    read_cpu_time,
    read_thermal_state,
)
from edge_edet.benchmarks.measuring.sampling import Samples, Step, StopRule, sample_streams, warm_up
from edge_edet.benchmarks.measuring.stage_timer import Clock, StageTimer
from edge_edet.benchmarks.measuring.sustained import run_sustained
from edge_edet.benchmarks.rows import (
    SCHEMA_VERSION,
    ActualConfig,
    BenchmarkRow,
    Energy,
    Minute,
    Sustain,
    Throughput,
)
from edge_edet.errors import PictureWarning
from edge_edet.files import read_input
from edge_edet.pictures import FILE_LIMIT

if TYPE_CHECKING:
    from edge_edet.detection import Detector, DetectorInfo

__all__ = ["measure"]

REPORT_S = 1.0  # between two events of progress
REPORT_SUSTAINED_S = 10.0


def measure(
    job: Job,
    emit: Emit = lambda event: None,
    *,
    load: Callable[[Job], Detector] | None = None,
    clock: Clock = time.perf_counter,
    fresh: bool = False,
) -> BenchmarkRow:
    """Measure one job in this process.

    Parameters
    ----------
    job
        What to measure.
    emit
        Takes progress, and the begin and the minutes of a sustained run.
    load, clock
        Stand-ins for loading a model and for the time, in seconds.
    fresh
        Nothing else ran in this process, so that its peak memory is the model's.

    Returns
    -------
    BenchmarkRow
        Without accuracy and warnings.

    Raises
    ------
    EdgeEdetError
        As loading and detecting do.
    """
    started, machine = datetime.now(timezone.utc), machine_state()
    emit(ProgressMade(job.name, 0, None))
    load = load or _load
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            warnings.catch_warnings()
        )  # of pictures: they say nothing about latency
        warnings.simplefilter("ignore", PictureWarning)
        start = clock()
        detectors = [stack.enter_context(load(job))]
        load_ms = (clock() - start) * 1e3
        detectors += [stack.enter_context(load(job)) for _ in range(job.asked.streams - 1)]
        pictures = [read_input(name, f"picture {name!r}", FILE_LIMIT) for name in job.pictures]
        steps = [_step(detector, pictures, clock) for detector in detectors]
        for step in steps:
            warm_up(step, job.rule, clock)
        fields = _fields(job, started, _ran(detectors[0].info), load_ms)
        fields["machine"] = machine
        if job.sustain_s is not None:
            begun = BenchmarkRow(**fields | {"sustain": Sustain(job.sustain_s, ())})
            emit(RunBegun(begun))
        before, meter = _cpu_time(), find_meter()
        with meter or contextlib.nullcontext():
            samples, sustain = _sampled(job, steps, emit, clock)
        seconds, busy = _others_since(before)
    count = sum(len(m.samples_ms) for m in sustain.minutes) if sustain else samples.count
    fields["samples_ms"] = {stage: ms for stage, ms in samples.ms.items() if ms}
    fields["sustain"] = sustain
    held = machine.throttled, read_thermal_state().throttled  # before, and when it was warm
    throttled = None if held == (None, None) else tuple(sorted({n for h in held for n in h or ()}))
    fields["machine"] = dataclasses.replace(machine, busy_cores=busy, throttled=throttled)
    if fresh:
        fields["peak_memory_bytes"] = peak_memory_bytes()
    if job.asked.streams > 1:
        fields["throughput"] = Throughput(job.asked.streams, samples.count, samples.seconds)
    if meter is not None:
        fields["energy"] = Energy(meter.source, meter.joules / count, count, seconds)
    return BenchmarkRow(**fields)


def peak_memory_bytes(proc: Path = Path("/proc")) -> int | None:
    """Read the most memory that this process ever had resident; None where Linux's /proc is missing."""
    try:
        for line in (proc / "self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _load(job: Job) -> Detector:
    from edge_edet.detection import load

    options = job.load_options()
    return load(job.model, config=job.postprocess(), verify=job.verify, **options)


def _step(detector: Detector, pictures: list[bytes], clock: Clock) -> Step:
    timer, turns = StageTimer(detector, clock), itertools.cycle(pictures)
    return lambda: timer(next(turns))


def _sampled(
    job: Job, steps: list[Step], emit: Emit, clock: Clock
) -> tuple[Samples, Sustain | None]:
    if job.sustain_s is None:
        return sample_streams(steps, job.rule, clock, _reporter(job, emit, clock)), None

    def told(minute: Minute) -> None:
        emit(MinuteMeasured(job.key, minute))

    step = _reporting(job, steps[0], job.sustain_s, emit, clock)
    sustain, samples = run_sustained(step, job.sustain_s, clock, told=told)
    return samples, sustain


def _reporting(job: Job, step: Step, seconds: float, emit: Emit, clock: Clock) -> Step:
    """Wrap the step to report every REPORT_SUSTAINED_S how far the run is."""
    start = reported = clock()
    count = 0

    def run() -> Mapping[str, float]:
        nonlocal reported, count
        times, now = step(), clock()
        count += 1
        if now - reported >= REPORT_SUSTAINED_S:
            reported, elapsed = now, now - start
            total = math.ceil(count * max(seconds / elapsed, 1.0))
            emit(ProgressMade(job.name, count, total))
        return times

    return run


def _reporter(job: Job, emit: Emit, clock: Clock) -> Callable[[int], None]:
    """Make what reports every REPORT_S how many samples there are, and the most that there may be."""
    start = reported = clock()

    def report(count: int) -> None:
        nonlocal reported
        now = clock()
        if now - reported >= REPORT_S:
            reported = now
            emit(ProgressMade(job.name, count, most_samples(job.rule, count, now - start)))

    return report


def most_samples(rule: StopRule, count: int, elapsed_s: float) -> int:
    """Compute the most samples that there may be in the end, at the rate of the first `count`."""
    in_time = count / max(elapsed_s, 1e-9) * rule.max_s
    return max(count, min(rule.max_samples, max(rule.min_samples, math.ceil(in_time))))


def _fields(job: Job, started: datetime, ran: ActualConfig, load_ms: float) -> dict[str, Any]:
    """All of the row that is known before sampling; what may come later is None."""
    later = dict.fromkeys(
        ("peak_memory_bytes", "throughput", "energy", "sustain", "estimate", "summary", "accuracy")
    )
    return later | {
        "schema_version": SCHEMA_VERSION,
        "how": "measured",
        "started_at": started.isoformat(timespec="seconds"),
        "tool": f"edge-edet {__version__}",
        "model": job.facts,
        "asked": job.asked,
        "ran": ran,
        "device": job.device,
        "protocol": job.protocol(),
        "samples_ms": {},
        "load_ms": load_ms,
        "warnings": (),
    }


def _ran(info: DetectorInfo) -> ActualConfig:
    return ActualConfig(
        runtime=info.runtime,
        version=info.runtime_version,
        delegate=info.delegate,
        operators=info.total_operators,
        delegated=info.delegated_operators,
        partitions=info.partitions,
        precision=info.inference_precision,
        threads=info.threads,
        streams=info.streams,
        device=info.device,
        execution_devices=tuple(info.execution_devices),
        layers=dict(info.layers) if info.layers is not None else None,
        nms="in-graph" if info.nms == "in-graph" else "none",
    )


def _cpu_time() -> tuple[float, CpuTime]:
    return time.perf_counter(), read_cpu_time()


def _others_since(before: tuple[float, CpuTime]) -> tuple[float, float | None]:
    """Seconds since, and the cores that others kept busy."""
    seconds = time.perf_counter() - before[0]
    return seconds, read_cpu_time().others_since(before[1], seconds)
