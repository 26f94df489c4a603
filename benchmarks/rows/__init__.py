"""A row: one model measured, estimated, emulated or counted in one configuration; its statistics."""

from __future__ import annotations

from edge_edet.benchmarks.rows.browser_run import BrowserRun, Parity, Pause
from edge_edet.benchmarks.rows.counts import MULTIPLIES, Counts, OperatorCounts
from edge_edet.benchmarks.rows.facts_of_model import has_random_weights, model_facts
from edge_edet.benchmarks.rows.file import (
    LIMIT,
    RowFile,
    done_keys,
    dump_row,
    is_rows,
    open_rows,
    read_rows,
)
from edge_edet.benchmarks.rows.from_benchmark_model import PROTOCOL, log_row, rows_of_log
from edge_edet.benchmarks.rows.parts import (
    STAGES,
    Accuracy,
    ActualConfig,
    DeviceName,
    Energy,
    Estimate,
    EstimatedWhole,
    MachineState,
    Minute,
    ModelFacts,
    RequestedConfig,
    Sustain,
    Throughput,
    Warned,
)
from edge_edet.benchmarks.rows.ratio import Ratio, median_ratio, ratio_of_runs
from edge_edet.benchmarks.rows.schema import (
    OPTIONS,
    SAMPLING,
    SCHEMA_VERSION,
    BenchmarkRow,
    row_from_dict,
    row_key,
    row_to_dict,
)
from edge_edet.benchmarks.rows.stats import (
    count,
    median_interval,
    p50,
    p90,
    p99,
    percentile,
    relative_width,
)
from edge_edet.benchmarks.rows.sustained_verdict import MINUTE_S, verdict
from edge_edet.benchmarks.rows.warnings import SOFTWARE, same_way, with_checks

__all__ = [
    "LIMIT",
    "MINUTE_S",
    "MULTIPLIES",
    "OPTIONS",
    "PROTOCOL",
    "SAMPLING",
    "SCHEMA_VERSION",
    "SOFTWARE",
    "STAGES",
    "Accuracy",
    "ActualConfig",
    "BenchmarkRow",
    "BrowserRun",
    "Counts",
    "DeviceName",
    "Energy",
    "Estimate",
    "EstimatedWhole",
    "MachineState",
    "Minute",
    "ModelFacts",
    "OperatorCounts",
    "Parity",
    "Pause",
    "Ratio",
    "RequestedConfig",
    "RowFile",
    "Sustain",
    "Throughput",
    "Warned",
    "count",
    "done_keys",
    "dump_row",
    "has_random_weights",
    "is_rows",
    "log_row",
    "median_interval",
    "median_ratio",
    "model_facts",
    "open_rows",
    "p50",
    "p90",
    "p99",
    "percentile",
    "ratio_of_runs",
    "read_rows",
    "relative_width",
    "row_from_dict",
    "row_key",
    "row_to_dict",
    "rows_of_log",
    "same_way",
    "verdict",
    "with_checks",
]
