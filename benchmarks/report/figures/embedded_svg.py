"""Prepare an SVG of matplotlib for a page that holds several."""

from __future__ import annotations

import re

from edge_edet.benchmarks.report.figures.theme import themed

__all__ = ["inline_svg"]


def inline_svg(svg: str, prefix: str, title: str) -> str:
    """Return the SVG without size and metadata, in the colours of the page.

    Parameters
    ----------
    svg
        The text of an SVG, as `draw_svg` returns it.
    prefix
        Put before every id, as ids must be unique in the page.
    title
        Text for screen readers, already escaped.

    Returns
    -------
    str
        An element for an HTML page.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    head, _, rest = body.partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    rest = re.sub(r'\bid="', f'id="{prefix}', rest)
    rest = re.sub(r'href="#', f'href="#{prefix}', rest)
    rest = rest.replace("url(#", f"url(#{prefix}")
    return themed(f'{head} role="img" aria-label="{title}">{rest.strip()}')
