"""One job measured in a process of its own: warm-up, samples, stages, energy, temperature."""

from __future__ import annotations

from edge_edet.benchmarks.measuring.events import (
    Emit,
    Ended,
    Event,
    MinuteMeasured,
    Note,
    ProgressMade,
    RowMeasured,
    RunBegun,
    event_from_dict,
    event_to_dict,
)
from edge_edet.benchmarks.measuring.job import (
    BUNDLED_PICTURE,
    Job,
    input_load_options,
    load_options,
)
from edge_edet.benchmarks.measuring.sampling import StopRule
from edge_edet.benchmarks.measuring.streaming import StreamBench, bench_stream
from edge_edet.benchmarks.measuring.sustained import parse_duration
from edge_edet.benchmarks.measuring.sustained_journal import Journal
from edge_edet.benchmarks.measuring.worker import run_fresh, run_here

__all__ = [
    "BUNDLED_PICTURE",
    "Emit",
    "Ended",
    "Event",
    "Job",
    "Journal",
    "MinuteMeasured",
    "Note",
    "ProgressMade",
    "RowMeasured",
    "RunBegun",
    "StopRule",
    "StreamBench",
    "bench_stream",
    "event_from_dict",
    "event_to_dict",
    "input_load_options",
    "load_options",
    "parse_duration",
    "run_fresh",
    "run_here",
]
