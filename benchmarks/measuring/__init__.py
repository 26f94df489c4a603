"""One job measured in a process of its own: warm-up, samples, stages, energy, temperature."""

from __future__ import annotations

from edge_edet.benchmarks.measuring.job import BUNDLED_PICTURE, Job, load_options, pictures_digest
from edge_edet.benchmarks.measuring.sampling import StopRule
from edge_edet.benchmarks.measuring.sustained import parse_duration
from edge_edet.benchmarks.measuring.sustained_journal import Journal
from edge_edet.benchmarks.measuring.worker import run_fresh, run_here

__all__ = [
    "BUNDLED_PICTURE",
    "Job",
    "Journal",
    "StopRule",
    "load_options",
    "parse_duration",
    "pictures_digest",
    "run_fresh",
    "run_here",
]
