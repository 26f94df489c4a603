"""Labels lie on nothing; colours are apart."""

from __future__ import annotations

import itertools
import random

import pytest

from edge_edet.benchmarks.analysis.values import Value
from edge_edet.benchmarks.report.figures.axes import limits
from edge_edet.benchmarks.report.figures.draw import drawn
from edge_edet.benchmarks.report.figures.figure import Axis, Figure, Mark, Panel, Series
from edge_edet.benchmarks.report.figures.place_labels import Box, Wanted, place_labels
from edge_edet.benchmarks.report.figures.theme import LAYOUTS, LIGHT, ROLES, Layout, themed

BOUNDS = Box(0, 0, 400, 300)


@pytest.mark.parametrize("count", [1, 5, 40, 200])
def test_labels_lie_on_nothing(count: int) -> None:
    rng = random.Random(count)
    points = [(rng.uniform(5, 395), rng.uniform(5, 295)) for _ in range(count)]
    taken = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    placed = place_labels([Wanted(x, y, 30, 10) for x, y in points], taken, [], BOUNDS, 6)
    there = [box for box in placed if box is not None]
    assert len(there) == count if count <= 5 else len(there) > 10
    for one, other in itertools.combinations(there, 2):
        assert not one.overlaps(other)
    for box in there:
        assert box.inside(BOUNDS)
        assert not any(box.overlaps(other) for other in taken)


def test_a_label_avoids_a_line_where_it_can() -> None:
    line = [(x, 160.0) for x in range(400)]
    (box,) = place_labels([Wanted(200, 150, 30, 20)], [Box(196, 146, 204, 154)], line, BOUNDS, 5)
    assert box is not None
    assert not any(box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1 for x, y in line)


def test_no_room_is_no_label() -> None:
    assert place_labels([Wanted(200, 150, 30, 10)], [BOUNDS], [], BOUNDS, 5) == [None]


def luminance(color: str) -> float:
    """WCAG 2.1's relative luminance."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("paper", "grid")])
def test_colors_stand_out_from_the_paper(role: str, dark: bool) -> None:
    one, paper = sorted((luminance(ROLES[role][dark]), luminance(ROLES["paper"][dark])))
    text = role in ("ink", "muted")
    assert (paper + 0.05) / (one + 0.05) >= (4.5 if text else 3.0)  # WCAG 2.1, 1.4.3 and 1.4.11


def test_colors_become_variables() -> None:
    assert len(set(LIGHT.values())) == len(LIGHT)
    svg = f'<g style="fill: {LIGHT["c1"]}; stroke: #123456"/>'
    assert themed(svg) == '<g style="fill: var(--c1); stroke: #123456"/>'


@pytest.mark.parametrize(
    ("values", "log"),
    [([40.0], True), ([40.0], False), ([0.0], False), ([], True), ([1.0, 1000.0], True)],
)
def test_limits_have_room_for_all(values: list[float], log: bool) -> None:
    axis = Axis("x", "ms", log=log)
    low, high = limits([Value(value, "measured", "") for value in values], axis, None)
    assert low < high
    assert all(low < value < high for value in values)
    assert low > 0 or not log


def figure(panel: Panel) -> Figure:
    return Figure("one", "One", (panel,))


def value(number: float) -> Value:
    return Value(number, "computed", "")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.name)
@pytest.mark.parametrize("last", [3000.0, 4900.0, 5000.0, 5100.0, 9.99e6])
def test_no_tick_is_cut_off(layout: Layout, last: float) -> None:
    marks = tuple(Mark(value(x), value(30.0), "", "") for x in (2.0, last))
    panel = Panel(
        Axis("multiply-adds", "1e9", log=True), Axis("AP", "points"), (Series("a", 0, marks),)
    )
    canvas = drawn(figure(panel), layout)
    (axes,) = canvas.axes
    boxes = [one.get_window_extent() for one in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= canvas.bbox.width
    assert min(box.y0 for box in boxes) >= 0


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.name)
def test_no_rule_goes_through_the_name_of_a_row(layout: Layout) -> None:
    names = tuple(f"d{n} int8, a board of some name, runtime, 4 threads" for n in range(6))
    marks = tuple(Mark(value(0.5 + n), value(n), "", "") for n in range(6))
    panel = Panel(
        Axis("times", "times"), Axis("", "", categories=names), (Series("a", 0, marks),), 1.0
    )
    (axes,) = drawn(figure(panel), layout).axes
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == 6
    rules = [
        axes.transData.transform(path.vertices)
        for rows in axes.collections
        for path in rows.get_paths()
    ]
    assert len(rules) > 12
    for (x, low), (_, high) in rules:
        low, high = sorted((low, high))
        assert not any(b.x0 < x < b.x1 and low < b.y1 and b.y0 < high for b in boxes)
    assert not any(line.get_visible() for line in axes.get_xgridlines())


def test_a_name_far_from_its_point_has_a_line_to_it() -> None:
    marks = tuple(Mark(value(100.0 + n / 50), value(30.0), f"model {n}", "") for n in range(8))
    panel = Panel(Axis("ms", "ms"), Axis("AP", "points"), (Series("a", 0, marks, line=False),))
    canvas = drawn(figure(panel), LAYOUTS[0])
    assert len([text for text in canvas.axes[0].texts if text.get_text()]) == 8
    assert canvas.get_children()  # the lines are the canvas's own
    assert any(type(one).__name__ == "Line2D" for one in canvas.get_children())
