"""Files that commands write: complete or not at all, and never over what is not ours."""

from __future__ import annotations

from edge_edet.output_files.html import html_page, table_rows
from edge_edet.output_files.kinds import (
    CALIBRATION,
    CORRECTIONS,
    DEMO_COMMENT,
    DEMO_VIDEO,
    DRAWING,
    DRAWN_VIDEO,
    GRAPH,
    MODEL,
    PARETO,
    PARITY_PAGE,
    PARITY_REPORT,
    SEARCH_LOG,
    STUDY_MODEL,
    TARGET_FILE,
    VIDEO_COMMENT,
    Kind,
    json_with,
    page_by,
    png_by,
    starts_with,
    svg_by,
)
from edge_edet.output_files.outputs import Outputs, add_overwrite_argument, outputs_of

__all__ = [
    "CALIBRATION",
    "CORRECTIONS",
    "DEMO_COMMENT",
    "DEMO_VIDEO",
    "DRAWING",
    "DRAWN_VIDEO",
    "GRAPH",
    "MODEL",
    "PARETO",
    "PARITY_PAGE",
    "PARITY_REPORT",
    "SEARCH_LOG",
    "STUDY_MODEL",
    "TARGET_FILE",
    "VIDEO_COMMENT",
    "Kind",
    "Outputs",
    "add_overwrite_argument",
    "html_page",
    "json_with",
    "outputs_of",
    "page_by",
    "png_by",
    "starts_with",
    "svg_by",
    "table_rows",
]
