"""The error along the network as an SVG that needs no plotting package and no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge_edet.converters.inspect.block_error import BlockError
from edge_edet.converters.inspect.places import PARTS, part_of
from edge_edet.converters.inspect.tensor_error import TensorError

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 54, 60
LOW_DB, HIGH_DB = 0.0, 60.0
STYLE = """
text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:15px;font-weight:600}
.g{stroke:#8884;stroke-width:1}.own{fill:#8aa5c9;opacity:.75}.all{fill:none;stroke:#c0392b;stroke-width:1.5}
.block{fill:#1f5fa8}.bg{fill:#fff}
@media (prefers-color-scheme:dark){text{fill:#ddd}.bg{fill:#16191d}.own{fill:#7d97b8}.block{fill:#7fb2f0}
.all{stroke:#ff8370}}
"""


def error_svg(errors: Sequence[TensorError], blocks: Sequence[BlockError], title: str) -> str:
    """Signal over error in dB by place: each tensor's own, the running model's, and the blocks'."""
    shown = sorted((e for e in errors if not e.carried), key=lambda e: e.order)
    last = max((e.order for e in errors), default=0) + 1
    order = {e.name: e.order for e in errors}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="bg" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="t" x="{LEFT}" y="20">{escape(title)}</text>',
        *_axes(), *_places(errors, last),
    ]  # fmt: skip
    for e in shown:
        tip = f"<title>{escape(e.name)}: own {e.own_db:.1f} dB, all {e.behind_db:.1f} dB</title>"
        parts.append(f'<circle class="own" cx="{_x(e.order, last):.1f}" cy="{_y(e.own_db):.1f}" r="2.5">'
                     f"{tip}</circle>")  # fmt: skip
    points = " ".join(f"{_x(e.order, last):.1f},{_y(e.behind_db):.1f}" for e in shown)
    parts.append(f'<polyline class="all" points="{points}"/>')
    for b in blocks:
        x, y = _x(order[b.tensor], last), _y(b.own_db)
        tip = f"<title>{escape(b.tensor)}: block alone {b.own_db:.1f} dB</title>"
        parts.append(
            f'<rect class="block" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8">{tip}</rect>'
        )
    return "\n".join([*parts, *_legend(), "</svg>\n"])


def _x(order: int, last: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (order + 0.5) / last


def _y(db: float) -> float:
    part = (min(max(db, LOW_DB), HIGH_DB) - LOW_DB) / (HIGH_DB - LOW_DB)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part


def _axes() -> list[str]:
    rows = []
    for db in range(int(LOW_DB), int(HIGH_DB) + 1, 10):
        y = _y(db)
        rows.append(f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        rows.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{db} dB</text>')
    return rows


def _places(errors: Sequence[TensorError], last: int) -> list[str]:
    """Where each part of the network begins and its name."""
    rows = []
    for part in PARTS:
        orders = [e.order for e in errors if part_of(e.name) == part]
        if not orders:
            continue
        low, high = _x(min(orders), last), _x(max(orders), last)
        rows.append(
            f'<line class="g" x1="{low:.1f}" x2="{low:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM + 8}"/>'
        )
        if high - low > 40:
            middle = (low + high) / 2
            rows.append(
                f'<text x="{middle:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{part}</text>'
            )
    return rows


def _legend() -> list[str]:
    y = HEIGHT - 14
    return [
        f'<circle class="own" cx="{LEFT + 4}" cy="{y - 4}" r="4"/>'
        f'<text x="{LEFT + 14}" y="{y}">one tensor\'s grid alone</text>',
        f'<rect class="block" x="{LEFT + 180}" y="{y - 8}" width="8" height="8"/>'
        f'<text x="{LEFT + 194}" y="{y}">one block alone, fed exact values</text>',
        f'<path class="all" d="M{LEFT + 420} {y - 4}h24"/>'
        f'<text x="{LEFT + 450}" y="{y}">the running model (higher is better)</text>',
    ]
