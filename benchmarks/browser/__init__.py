"""Pages that run a model in a browser: measured like a board, or live with the camera."""

from __future__ import annotations

from edge_edet.benchmarks.browser.bench import DELEGATES, BrowserPlan, bench_in_browsers
from edge_edet.benchmarks.browser.live import serve_live
from edge_edet.benchmarks.browser.serve import Reach
from edge_edet.benchmarks.browser.served_model import find_or_convert

__all__ = [
    "DELEGATES",
    "BrowserPlan",
    "Reach",
    "bench_in_browsers",
    "find_or_convert",
    "serve_live",
]
