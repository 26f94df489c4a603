"""Figures as data, and their drawing to SVG and PNG by matplotlib."""

from __future__ import annotations

from edge_edet.benchmarks.report.figures.draw import DRAWN_BY, draw_both, draw_svg, mark_ids
from edge_edet.benchmarks.report.figures.embedded_svg import inline_svg
from edge_edet.benchmarks.report.figures.figure import (
    PRECISION_COLORS,
    Axis,
    Figure,
    Mark,
    Panel,
    Series,
    shape_of,
)
from edge_edet.benchmarks.report.figures.split_colors import colored_parts
from edge_edet.benchmarks.report.figures.theme import LAYOUTS, css_variables

__all__ = [
    "DRAWN_BY",
    "LAYOUTS",
    "PRECISION_COLORS",
    "Axis",
    "Figure",
    "Mark",
    "Panel",
    "Series",
    "colored_parts",
    "css_variables",
    "draw_both",
    "draw_svg",
    "inline_svg",
    "mark_ids",
    "shape_of",
]
