"""Conclusions from rows: comparisons, selections, the Pareto front, and published numbers."""

from __future__ import annotations

from edge_edet.benchmarks.analysis.ap_of_row import ApLookup, ApOfRow, is_coco_model
from edge_edet.benchmarks.analysis.compare import Change, compare_rows, pair_rows, refusal
from edge_edet.benchmarks.analysis.eval_set import VAL2017, EvalSet, eval_set_of
from edge_edet.benchmarks.analysis.options import Options
from edge_edet.benchmarks.analysis.published_numbers import (
    BOARDS,
    SPLITS,
    Published,
    Quantity,
    board_latency,
    published_from,
)
from edge_edet.benchmarks.analysis.recommend import (
    Candidate,
    Choice,
    candidates_of,
    choose_model,
    parse_budget,
    parse_min_ap,
    published_candidates,
)
from edge_edet.benchmarks.analysis.selection import (
    Notes,
    SelectedRows,
    has_time,
    is_gpu,
    protocol_names,
    select_rows,
)
from edge_edet.benchmarks.analysis.values import Value, ap_of, latency_of, threads_of, way_of

__all__ = [
    "BOARDS",
    "SPLITS",
    "VAL2017",
    "ApLookup",
    "ApOfRow",
    "Candidate",
    "Change",
    "Choice",
    "EvalSet",
    "Notes",
    "Options",
    "Published",
    "Quantity",
    "SelectedRows",
    "Value",
    "ap_of",
    "board_latency",
    "candidates_of",
    "choose_model",
    "compare_rows",
    "eval_set_of",
    "has_time",
    "is_coco_model",
    "is_gpu",
    "latency_of",
    "pair_rows",
    "parse_budget",
    "parse_min_ap",
    "protocol_names",
    "published_candidates",
    "published_from",
    "refusal",
    "select_rows",
    "threads_of",
    "way_of",
]
