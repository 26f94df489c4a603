"""Published numbers: how many there are, where they come from, and that sources are not mixed."""

from __future__ import annotations

import pytest

from edge_edet.benchmarks.analysis.published_numbers import SOURCES, board_latency, published_from
from edge_edet.benchmarks.published import read_rows
from edge_edet.benchmarks.report.published_series import published_series
from edge_edet.errors import InputError


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("efficientdet", {"v7": 9, "cvpr": 8, "readme": 9}),
        ("comparators", {"v7": 11, "cvpr": 11}),
    ],
)
def test_every_published_row_is_here_with_its_source(file: str, counts: dict[str, int]) -> None:
    sources = [row["source"] for row in read_rows(file)]
    assert {name: sources.count(name) for name in set(sources)} == counts
    assert set(sources) <= set(SOURCES)


def test_lite_and_boards_are_complete() -> None:
    assert len(read_rows("lite")) == 6
    rows = read_rows("board_latency")
    assert len(rows) == 3 * 6 * 2 * 4  # devices, models, precisions, threads
    value = board_latency("rpi4", "lite0", "int8", 4)
    assert value is not None
    assert value.middle == 78.0
    assert board_latency("rpi4", "d0", "int8", 4) is None


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("figure", ["flops", "params", "gpu", "cpu"])
def test_a_line_is_of_one_source(source: str, figure: str) -> None:
    published = published_from(source, "val2017")
    assert published is not None
    for series in published_series(published, figure):
        assert source in series.name
        assert {dict(mark.lines)["source"] for mark in series.marks} == {SOURCES[source]}


def test_the_paper_s_points_are_those_of_its_table() -> None:
    """Table 2 of v7, not the legend of its Fig. 1."""
    published = published_from("v7", "test-dev")
    assert published is not None
    line = published_series(published, "flops")[0]
    assert [(m.x.middle, m.y.middle) for m in line.marks][:2] == [(2.5, 34.6), (6.1, 40.5)]
    assert len(line.marks) == 9
    assert published_series(published, "cpu") == []  # v7 prints none
    older = published_from("cvpr", "test-dev")
    assert older is not None
    assert next((m.x.middle, m.y.middle) for m in published_series(older, "cpu")[0].marks) == (
        320.0,
        33.8,
    )


def test_published_ap_of_a_variant() -> None:
    val, dev = published_from("v7", "val2017"), published_from("v7", "test-dev")
    assert val is not None
    assert dev is not None
    values = [
        val.ap("d0", "int8"),
        dev.ap("d0", "fp32"),
        val.ap("lite0", "int8"),
        val.ap("lite0", "fp16"),
    ]
    assert [value.middle for value in values if value] == [34.3, 34.6, 26.1, 26.41]
    assert values[0] is not None
    assert "the float model" in values[0].basis
    assert dev.ap("lite0", "fp32") is None


def test_unknown_sources_are_refused() -> None:
    assert published_from("none", "val2017") is None
    with pytest.raises(InputError, match="unknown --published source 'v6': known are v7, cvpr"):
        published_from("v6", "val2017")
    with pytest.raises(InputError, match="unknown --published-split 'val': known are val2017"):
        published_from("v7", "val")
