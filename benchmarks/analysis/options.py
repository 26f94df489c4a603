"""What people choose for figures and recommendations."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.benchmarks.analysis.published_numbers import Published


@dataclass(frozen=True)
class Options:
    """published: overlaid, None for nothing. published_ap: also in place of an AP not measured.
    boards: published latencies of boards are overlaid where the same network was timed on them."""

    published: Published | None
    published_ap: bool = False
    stage: str = "inference"
    boards: bool = False
