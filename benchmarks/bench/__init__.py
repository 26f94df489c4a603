"""`edge-edet bench`: the plan, where each job runs, and what is shown."""

from __future__ import annotations

from edge_edet.benchmarks.bench.accuracy import with_accuracy
from edge_edet.benchmarks.bench.expected_time import expected_words
from edge_edet.benchmarks.bench.labelled_data import Labelled, read_labelled, with_data
from edge_edet.benchmarks.bench.output import BenchOutput
from edge_edet.benchmarks.bench.plan import (
    ConfigGrid,
    Plan,
    convert_d0,
    find_models,
    make_jobs,
    parse_list,
    parse_threads,
)
from edge_edet.benchmarks.bench.remote import measure_remote
from edge_edet.benchmarks.bench.run import measure_jobs
from edge_edet.benchmarks.bench.targets import Place, find_places, name_device

__all__ = [
    "BenchOutput",
    "ConfigGrid",
    "Labelled",
    "Place",
    "Plan",
    "convert_d0",
    "expected_words",
    "find_models",
    "find_places",
    "make_jobs",
    "measure_jobs",
    "measure_remote",
    "name_device",
    "parse_list",
    "parse_threads",
    "read_labelled",
    "with_accuracy",
    "with_data",
]
