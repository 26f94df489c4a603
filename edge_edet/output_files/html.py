"""One page of HTML that loads nothing: the frame and the tables of every page that a command writes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from html import escape

from edge_edet.output_files.kinds import generator_meta

__all__ = ["html_page", "table_rows"]


def html_page(
    title: str, command: str, style: str, body: Iterable[str], *, script: str = ""
) -> str:
    """Return a whole page.

    Parameters
    ----------
    title
        Plain text.
    command
        The command that writes the page, such as "edge-edet report". By it the page is recognised as ours
        when it is written again, see `page_by`.
    style
        CSS.
    body
        Lines of HTML.
    script
        JavaScript that runs at the end of the body; none by default. The page's policy allows this one
        script, inline styles, and images inside the page; nothing can be loaded.

    Returns
    -------
    str
        HTML.
    """
    allowed = f" script-src 'sha256-{_digest(script)}';" if script else ""
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline';{allowed} img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            generator_meta(command),
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>",
            *body,
            *([f"<script>{script}</script>"] if script else []),
            "</body>\n</html>\n",
        ]
    )


def table_rows(
    head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Collection[int] = ()
) -> Iterator[str]:
    """Yield the rows of a table, its head first.

    Parameters
    ----------
    head
        Plain texts.
    rows
        Cells, whose texts are escaped.
    numbers
        Columns of class "n", which styles align to the right.

    Yields
    ------
    str
        A line of HTML.
    """
    for tag, row in [("th", head), *(("td", row) for row in rows)]:
        cells = "".join(_cell(tag, text, column in numbers) for column, text in enumerate(row))
        yield f"<tr>{cells}</tr>"


def _cell(tag: str, text: object, is_number: bool) -> str:
    kind = ' class="n"' if is_number else ""
    return f"<{tag}{kind}>{escape(str(text))}</{tag}>"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
