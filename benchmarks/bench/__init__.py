"""`edge-edet bench`: the plan, where each job runs, and what is printed."""

from __future__ import annotations

from edge_edet.benchmarks.bench.labelled_data import read_labelled
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
from edge_edet.benchmarks.bench.run import measure_jobs
from edge_edet.benchmarks.bench.session import BenchSession, check_countable, check_estimable
from edge_edet.benchmarks.bench.targets import Place, find_places, name_device

__all__ = [
    "BenchOutput",
    "BenchSession",
    "ConfigGrid",
    "Place",
    "Plan",
    "check_countable",
    "check_estimable",
    "convert_d0",
    "find_models",
    "find_places",
    "make_jobs",
    "measure_jobs",
    "name_device",
    "parse_list",
    "parse_threads",
    "read_labelled",
]
