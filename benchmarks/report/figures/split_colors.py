"""Assign colours to series, and split figures that need more colours than can be distinguished."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from edge_edet.benchmarks.report.figures.figure import Series

__all__ = ["COLORS", "colored_parts"]

COLORS = 6
LEGEND = 9  # entries that fit into a legend


def colored_parts(series: Sequence[Series]) -> list[tuple[Series, ...]]:
    """Split the series into figures and give each configuration a colour.

    Precisions of one configuration differ in shape, not in colour.

    Parameters
    ----------
    series
        All that is to be drawn.

    Returns
    -------
    list[tuple[Series, ...]]
        Series of each figure.
    """
    parts: list[tuple[Series, ...]] = []
    for part in _parts(series):
        ways = list(dict.fromkeys(_way(one) for one in part))
        parts.append(tuple(dataclasses.replace(one, color=ways.index(_way(one))) for one in part))
    return parts


def _parts(series: Sequence[Series]) -> Iterator[list[Series]]:
    part: list[Series] = []
    for one in sorted(series, key=lambda one: (_way(one), one.name)):
        ways = {_way(each) for each in [*part, one]}
        names = {each.name for each in [*part, one]}
        full = len(ways) > COLORS or len(names) > LEGEND
        if full and one.name != part[-1].name:
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def _way(series: Series) -> str:
    """Return the name without the precision that it begins with."""
    return series.name.partition(", ")[2]
