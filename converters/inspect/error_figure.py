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
OWN, RUNNING, BLOCK, TEXT, LINE = "#8aa5c9", "#c0392b", "#1f5fa8", "#333333", "#d0d0d0"
RUNNING_LINE = f'fill="none" stroke="{RUNNING}" stroke-width="1.5"'
# Colours stand in the elements, for viewers without CSS; this changes them where it is dark.
STYLE = """@media (prefers-color-scheme:dark){.ef .bg{fill:#16191d}.ef text{fill:#ddd}.ef .own{fill:#7d97b8}
.ef .block{fill:#7fb2f0}.ef .running{stroke:#ff8370}.ef .grid{stroke:#444}}"""


def error_svg(errors: Sequence[TensorError], blocks: Sequence[BlockError], title: str) -> str:
    """Signal over error in dB by place: each tensor's own, the running model's, and the blocks'."""
    shown = sorted((e for e in errors if not e.carried), key=lambda e: e.order)
    last = max((e.order for e in errors), default=0) + 1
    order = {e.name: e.order for e in errors}
    parts = [
        f'<svg class="ef" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'role="img" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="bg" fill="#ffffff" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text x="{LEFT}" y="22" font-size="15" font-weight="600" fill="{TEXT}">{escape(title)}</text>',
        *_axes(), *_places(errors, last),
        f'<g class="own" fill="{OWN}">',
    ]  # fmt: skip
    for e in shown:
        tip = f"<title>{escape(e.name)}: own {e.own_db:.1f} dB, all {e.behind_db:.1f} dB</title>"
        place = f'cx="{_x(e.order, last):.1f}" cy="{_y(e.own_db):.1f}"'
        parts.append(f'<circle {place} r="2.5">{tip}</circle>')
    running = {e.name: e for e in errors}
    at_borders = [running[b.tensor] for b in sorted(blocks, key=lambda b: order[b.tensor])]
    points = " ".join(f"{_x(e.order, last):.1f},{_y(e.behind_db):.1f}" for e in at_borders)
    parts.append(f'</g><polyline class="running" {RUNNING_LINE} points="{points}"/>')
    parts.append(f'<g class="block" fill="{BLOCK}">')
    for b in blocks:
        x, y = _x(order[b.tensor], last) - 4, _y(b.own_db) - 4
        tip = f"<title>{escape(b.tensor)}: block alone {b.own_db:.1f} dB</title>"
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="8" height="8">{tip}</rect>')
    parts.append("</g>")
    if shown:
        worst = min(shown, key=lambda e: e.own_db)
        left = worst.order < last / 2
        x, anchor = _x(worst.order, last) + (6 if left else -6), "start" if left else "end"
        parts.append(_text(x, _y(worst.own_db) - 8, escape(worst.name), anchor))
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
        rows.append(_line(LEFT, WIDTH - RIGHT, y, y))
        rows.append(_text(LEFT - 8, y + 4, f"{db} dB", "end"))
    return rows


def _places(errors: Sequence[TensorError], last: int) -> list[str]:
    """Where each part of the network begins, and its name where there is room."""
    rows = []
    for part in PARTS[:-2]:  # the outputs lie within their nets
        orders = [e.order for e in errors if part_of(e.name) == part]
        if not orders:
            continue
        low, high = _x(min(orders), last), _x(max(orders), last)
        rows.append(_line(low, low, TOP, HEIGHT - BOTTOM + 8))
        if high - low > 40:
            rows.append(_text((low + high) / 2, HEIGHT - BOTTOM + 20, part, "middle"))
    return rows


def _line(x1: float, x2: float, y1: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"'
    return f'<line class="grid" stroke="{LINE}" {ends}/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{TEXT}">{text}</text>'


def _legend() -> list[str]:
    y = HEIGHT - 14
    return [
        f'<circle class="own" fill="{OWN}" cx="{LEFT + 4}" cy="{y - 4}" r="4"/>',
        _text(LEFT + 14, y, "one tensor's grid alone"),
        f'<rect class="block" fill="{BLOCK}" x="{LEFT + 180}" y="{y - 8}" width="8" height="8"/>',
        _text(LEFT + 194, y, "one block alone, fed exact values"),
        f'<path class="running" {RUNNING_LINE} d="M{LEFT + 420} {y - 4}h24"/>',
        _text(LEFT + 450, y, "the running model at the ends of blocks; higher is better"),
    ]
