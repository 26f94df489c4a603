"""A figure as an SVG without script, in light and dark."""

from __future__ import annotations

from html import escape

from edge_edet.converters.inspect.figure.layout import (
    DRAWN_BY,
    FONT,
    HEIGHT,
    TITLE_FONT,
    WIDTH,
    Figure,
    Line,
    Mark,
    Words,
)
from edge_edet.terminal import xml_text

# Colours are attributes of the elements, for viewers without CSS; the style changes them in dark mode.
OWN, RUNNING, BLOCK, TEXT, LINE = "#8aa5c9", "#c0392b", "#1f5fa8", "#333333", "#d0d0d0"
PAINT = {
    "own": f'fill="{OWN}"',
    "block": f'fill="{BLOCK}"',
    "weakest": f'fill="none" stroke="{TEXT}" stroke-width="1.5"',
    "grid": f'fill="none" stroke="{LINE}"',
    "running": f'fill="none" stroke="{RUNNING}" stroke-width="1.5"',
}
STYLE = """@media (prefers-color-scheme:dark){.ef .bg{fill:#16191d}.ef text{fill:#ddd}.ef .own{fill:#7d97b8}
.ef .block{fill:#7fb2f0}.ef .running{stroke:#ff8370}.ef .grid{stroke:#444}.ef .weakest{stroke:#ddd}}"""


def svg(figure: Figure) -> str:
    """Return the document; a tip under the pointer is an SVG title.

    Parameters
    ----------
    figure
        What to draw.

    Returns
    -------
    str
        The text of the .svg.
    """
    parts = [
        f'<svg class="ef" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="{FONT}">',
        f"<title>{escape(figure.title)}</title><metadata>{DRAWN_BY}</metadata><style>{STYLE}</style>",
        f'<rect class="bg" fill="#ffffff" width="{WIDTH}" height="{HEIGHT}"/>',
        *(_element(shape) for shape in figure.shapes),
        "</svg>\n",
    ]
    return xml_text("\n".join(parts))


def _element(shape: Mark | Line | Words) -> str:
    if isinstance(shape, Words):
        weight = f' font-size="{TITLE_FONT}" font-weight="600"' if shape.title else ""
        place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" text-anchor="{shape.anchor}"'
        return f'<text {place}{weight} fill="{TEXT}">{escape(shape.text)}</text>'
    paint = f'class="{shape.role}" {PAINT[shape.role]}'
    if isinstance(shape, Line):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        return f'<polyline {paint} points="{points}"/>'
    tip = f"<title>{escape(shape.tip)}</title>" if shape.tip else ""
    if shape.role == "block":
        side = f'width="{2 * shape.r:g}" height="{2 * shape.r:g}"'
        return f'<rect {paint} x="{shape.x - shape.r:.1f}" y="{shape.y - shape.r:.1f}" {side}>{tip}</rect>'
    return f'<circle {paint} cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.r:g}">{tip}</circle>'
