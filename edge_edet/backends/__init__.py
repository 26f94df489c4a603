"""One interface for every runtime, and the choice among them for a model file."""

from __future__ import annotations

from edge_edet.backends.backend import Backend, BackendInfo, TensorSpec
from edge_edet.backends.choose import RunOptions, check_options, open_backend
from edge_edet.backends.isolate import applies, run_apart
from edge_edet.backends.threads import physical_cores, resolve_threads

__all__ = [
    "Backend",
    "BackendInfo",
    "RunOptions",
    "TensorSpec",
    "applies",
    "check_options",
    "open_backend",
    "physical_cores",
    "resolve_threads",
    "run_apart",
]
