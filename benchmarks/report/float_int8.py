"""Speed-up and AP of other precisions against float32, everything else being equal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_edet.benchmarks.analysis import (
    Notes,
    Value,
    ap_of,
    eval_set_of,
    has_time,
    latency_of,
    way_of,
)
from edge_edet.benchmarks.report.figures import (
    PRECISION_COLORS,
    Axis,
    Figure,
    Mark,
    Panel,
    Series,
    shape_of,
)
from edge_edet.benchmarks.rows import BenchmarkRow, median_ratio, same_way

__all__ = ["float_int8_figures"]

LINES = 14  # pairs per figure
FLOAT = "fp32"
Pair = tuple[BenchmarkRow, BenchmarkRow]


def float_int8_figures(rows: Sequence[BenchmarkRow], stage: str) -> Iterator[Figure]:
    """Draw each float32 row against its counterparts of other precisions.

    Counterparts have the same network, format, device, configuration and protocol.
    """
    notes = Notes()
    pairs = list(_pairs([row for row in rows if has_time(row, notes)], stage))
    title = "Float against INT8"
    if not pairs:
        nothing = (
            "no float32 row has a counterpart of another precision that was measured in the same way "
            "(variant, format, device, options, protocol)"
        )
        yield Figure("float-int8", title, (), (nothing, *notes.lines()))
        return
    notes.add(
        "speed-up: median time of float32 divided by that of the other precision, with the 95 % "
        "interval of the ratio; AP: each model with its own interval, which is wider than that of "
        "the difference (for the difference use 'edge-edet eval FLOAT INT8')"
    )
    parts = [pairs[start : start + LINES] for start in range(0, len(pairs), LINES)]
    for number, part in enumerate(parts, 1):
        several = len(parts) > 1
        yield Figure(
            f"float-int8-{number}" if several else "float-int8",
            f"{title} ({number} of {len(parts)})" if several else title,
            tuple(_panels(part, stage, notes)),
            notes.lines(),
        )


def _pairs(rows: Sequence[BenchmarkRow], stage: str) -> Iterator[Pair]:
    for first in rows:
        if first.model.precision != FLOAT or not _time(first, stage):
            continue
        for other in rows:
            if other.model.precision != FLOAT and _time(other, stage) and same_way(first, other):
                yield first, other


def _time(row: BenchmarkRow, stage: str) -> float:
    value = latency_of(row, stage)
    return value.middle if value is not None else 0.0


def _panels(pairs: Sequence[Pair], stage: str, notes: Notes) -> Iterator[Panel]:
    names = tuple(f"{b.model.variant} {b.model.precision}, {way_of(b)}" for _, b in pairs)
    places = Axis("", "", categories=names)
    yield Panel(
        Axis(f"times faster than float32, {stage.replace('_', ' ')}", "times"),
        places,
        tuple(_grouped([_speed_up(pair, n, stage) for n, pair in enumerate(pairs)])),
        reference_x=1.0,
    )
    marks = [mark for n, pair in enumerate(pairs) for mark in _accuracies(pair, n, notes)]
    if marks:
        yield Panel(Axis("AP", "points"), places, tuple(_grouped(marks)))
    else:
        notes.add("no AP: in none of these pairs both were evaluated on the same data and protocol")


def _speed_up(pair: Pair, place: int, stage: str) -> Mark:
    first, second = pair
    samples = [row.samples_ms.get(stage, ()) for row in pair]
    ratio = _time(first, stage) / _time(second, stage)
    if all(samples):
        found = median_ratio(samples[1], samples[0])
        value = Value(
            found.value, "measured", "ratio of medians, 95 % interval", found.low, found.high
        )
    elif first.how == "estimated":
        value = Value(ratio, "estimated", "ratio of two estimates, no interval")
    else:
        value = Value(ratio, "measured", "ratio, no samples kept, no interval")
    return _mark(value, place, second)


def _accuracies(pair: Pair, place: int, notes: Notes) -> Iterator[Mark]:
    values = [ap_of(row.accuracy) for row in pair]
    first, second = (row.accuracy for row in pair)
    if first is None or second is None or None in values:
        return
    if (eval_set_of(first), first.protocol) != (eval_set_of(second), second.protocol):
        notes.add(
            "no AP: evaluated on different data or with different protocols", pair[1].model.file
        )
        return
    for row, value in zip(pair, values, strict=True):
        assert value is not None
        yield _mark(value, place, row, row.model.precision)


def _mark(value: Value, place: int, row: BenchmarkRow, label: str = "") -> Mark:
    at = Value(float(place), "computed", "")
    title = f"{row.model.file} {row.model.precision}, {way_of(row)}"
    return Mark(value, at, label, title, shape_of(row.model.precision), (), row)


def _grouped(marks: Sequence[Mark]) -> Iterator[Series]:
    groups: dict[tuple[str, bool], list[Mark]] = {}
    for mark in marks:
        assert mark.row is not None
        key = mark.row.model.precision, mark.how == "estimated"
        groups.setdefault(key, []).append(mark)
    for (precision, estimated), group in groups.items():
        name = precision + (", estimated" if estimated else "")
        yield Series(name, PRECISION_COLORS.get(precision, 5), tuple(group), line=False)
