"""Latency of each model on each device, its precisions on one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_edet.benchmarks.analysis import (
    BOARDS,
    Notes,
    Value,
    board_latency,
    has_time,
    latency_of,
    protocol_names,
    threads_of,
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
from edge_edet.benchmarks.rows import BenchmarkRow

__all__ = ["device_latency_figures"]

LINES = 18  # categories per figure
DEVICES = "Latency of each device and precision"
BROWSERS = "Phones in the browser, latency of each device and precision"
ORDER = ("fp32", "fp16", "int8-dynamic", "int8")


def device_latency_figures(
    rows: Sequence[BenchmarkRow], stage: str, *, overlay: bool = True
) -> Iterator[Figure]:
    """Draw the latency of each model and device, split into several figures where there are many.

    Parameters
    ----------
    stage
        "inference" or "end_to_end".
    overlay
        Add published latencies of the same model, precision and threads on the same board.
    """
    native = [row for row in rows if row.where is None]
    yield from _figures(native, stage, "latency-devices", DEVICES, overlay)
    browsers = [row for row in rows if row.where == "browser"]
    if browsers:
        yield from _figures(browsers, stage, "latency-browsers", BROWSERS, False)


def _figures(
    rows: Sequence[BenchmarkRow], stage: str, key: str, title: str, overlay: bool
) -> Iterator[Figure]:
    """Draw rows of one kind: native ones and those of browsers never share a figure."""
    notes = Notes()
    timed = [row for row in rows if has_time(row, notes) and _drawable(row, stage, notes)]
    protocols = protocol_names(timed, notes)
    places: dict[str, list[BenchmarkRow]] = {}
    for row in sorted(timed, key=_sort_key):
        name = f"{row.model.variant or row.model.file}, {way_of(row)}{protocols.get(row.key, '')}"
        places.setdefault(name, []).append(row)
    title = f"{title}: {stage.replace('_', ' ')}"
    if not places:
        nothing = f"no row has a {stage.replace('_', ' ')} time"
        yield Figure(key, title, (), (nothing, *notes.lines()))
        return
    names = list(places)
    parts = [names[start : start + LINES] for start in range(0, len(names), LINES)]
    overlay = overlay and stage == "inference"
    for number, part in enumerate(parts, 1):
        several = len(parts) > 1
        series = list(_series(part, places, stage))
        boards = tuple(_published(part, places)) if overlay else ()
        if boards:
            series.append(Series("published, boards", None, boards, line=False))
            notes.add(
                f"published: {BOARDS}, mean of 50 runs of model files that include non-maximum "
                "suppression"
            )
        x = Axis(f"{stage.replace('_', ' ')}, ms", "ms", log=True)
        yield Figure(
            f"{key}-{number}" if several else key,
            f"{title} ({number} of {len(parts)})" if several else title,
            (Panel(x, Axis("", "", categories=tuple(part)), tuple(series)),),
            notes.lines(),
        )


def _drawable(row: BenchmarkRow, stage: str, notes: Notes) -> bool:
    value = latency_of(row, stage)
    if value is None:
        notes.add(f"left out: no {stage.replace('_', ' ')} time", row.model.file)
    elif not value.middle > 0:
        notes.add("left out: a time of 0 cannot be drawn on a logarithmic axis", row.model.file)
    else:
        return True
    return False


def _series(
    part: Sequence[str], places: dict[str, list[BenchmarkRow]], stage: str
) -> Iterator[Series]:
    marks_of: dict[tuple[str, str], list[Mark]] = {}
    for place, name in enumerate(part):
        for row in places[name]:
            x = latency_of(row, stage)
            assert x is not None
            title = f"{row.model.file} {row.model.precision}, {way_of(row)}"
            at = Value(float(place), "computed", "")
            mark = Mark(x, at, row.model.precision, title, shape_of(row.model.precision), (), row)
            marks_of.setdefault((row.model.precision, x.how), []).append(mark)
    known = [*ORDER, *sorted({precision for precision, _ in marks_of} - set(ORDER))]
    for (precision, how), marks in sorted(
        marks_of.items(), key=lambda item: (known.index(item[0][0]), item[0][1] != "measured")
    ):
        name = precision + (", estimated" if how == "estimated" else "")
        yield Series(name, PRECISION_COLORS.get(precision, 5), tuple(marks), line=False)


def _published(part: Sequence[str], places: dict[str, list[BenchmarkRow]]) -> Iterator[Mark]:
    for place, name in enumerate(part):
        for row in places[name]:
            model, threads = row.model, threads_of(row)
            value = board_latency(row.device.id, model.variant or "", model.precision, threads)
            if value is not None:
                title = f"{model.variant} {model.precision}, {row.device.id}, published"
                at = Value(float(place), "computed", "")
                yield Mark(value, at, "", title, "x", (("source", BOARDS),))


def _sort_key(row: BenchmarkRow) -> tuple[str, str, int]:
    return row.device.id, row.model.variant or row.model.file, threads_of(row) or 0
