"""The error along the network as a figure: layout, and files of it as SVG and PNG."""

from __future__ import annotations

from edge_edet.converters.inspect.figure.layout import DRAWN_BY, error_figure
from edge_edet.converters.inspect.figure.to_png import check_fonts, png
from edge_edet.converters.inspect.figure.to_svg import svg

__all__ = ["DRAWN_BY", "check_fonts", "error_figure", "png", "svg"]
