"""Choices for figures and recommendations."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.benchmarks.analysis.published_numbers import Published


@dataclass(frozen=True)
class Options:
    """What to draw or use besides the rows themselves.

    Attributes
    ----------
    published
        Published numbers to overlay; None for none.
    published_ap
        Use the published AP where none was measured.
    stage
        The time that is drawn: "inference" or "end_to_end".
    boards
        Overlay published latencies of boards on which the same network was timed.
    """

    published: Published | None
    published_ap: bool = False
    stage: str = "inference"
    boards: bool = False
