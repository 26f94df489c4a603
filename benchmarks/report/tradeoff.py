"""AP against cost: multiply-adds (Fig. 1 of the paper), parameters, GPU and CPU latency (its Fig. 4).

There is one figure for each cost and each evaluation set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.analysis import (
    ApLookup,
    ApOfRow,
    EvalSet,
    Notes,
    Options,
    Published,
    Value,
    eval_set_of,
    has_time,
    is_gpu,
    latency_of,
    protocol_names,
    way_of,
)
from edge_edet.benchmarks.report.figures import (
    Axis,
    Figure,
    Mark,
    Panel,
    Series,
    colored_parts,
    shape_of,
)
from edge_edet.benchmarks.report.published_series import published_series
from edge_edet.benchmarks.rows import BenchmarkRow
from edge_edet.variants import VARIANTS

__all__ = ["tradeoff_figures"]


NAME = 16  # characters of a file name beside a mark


@dataclass(frozen=True)
class Cost:
    """A horizontal axis: its key in file names, the figure's title, and the label and unit."""

    key: str
    title: str
    label: str
    unit: str

    @property
    def what(self) -> str:
        """The cost alone, for sentences."""
        return self.label.partition(",")[0]


COSTS = (
    Cost("cpu", "AP against CPU latency", "CPU latency", "ms"),
    Cost("gpu", "AP against GPU latency", "GPU latency", "ms"),
    Cost("flops", "AP against multiply-adds", "multiply-adds, billions", "1e9"),
    Cost("params", "AP against parameters", "parameters, millions", "1e6"),
)


def tradeoff_figures(rows: Sequence[BenchmarkRow], options: Options) -> Iterator[Figure]:
    """Draw the figures of each evaluation set of the rows, then those of published numbers alone."""
    ap_lookup = ApLookup(rows, options.published, options.published_ap)
    measured = list(
        dict.fromkeys(eval_set_of(row.accuracy) for row in rows if row.accuracy is not None)
    )
    published = options.published.eval_set if options.published is not None else None
    if published is not None:  # it comes first where rows were evaluated on it, else last
        measured = (
            sorted({*measured, published}, key=[published, *measured].index)
            if published in measured
            else ([*measured, published])
        )
    for number, eval_set in enumerate(measured):
        overlay = options.published if eval_set == published else None
        context = _Context(
            ap_lookup, eval_set, overlay, options, f"-data{number}" if number else ""
        )
        for cost in COSTS:
            yield from _figures(rows, cost, context)
    if not measured:
        notes = Notes()
        for row in rows:
            ap_lookup.all(row, notes)
        title = "AP against latency, multiply-adds and parameters"
        yield Figure("ap", title, (), ("no row has an AP", *notes.lines()))


@dataclass(frozen=True)
class _Context:
    """What the figures of one evaluation set have in common; `suffix` ends their names."""

    ap_lookup: ApLookup
    eval_set: EvalSet
    overlay: Published | None
    options: Options
    suffix: str


def _figures(rows: Sequence[BenchmarkRow], cost: Cost, context: _Context) -> Iterator[Figure]:
    notes = Notes()
    eval_set, overlay, options = context.eval_set, context.overlay, context.options
    series = list(_series(_points(rows, cost, context, notes), cost, notes))
    published_marks = published_series(overlay, cost.key) if overlay is not None else []
    if overlay is not None:
        quantity = overlay.quantity(cost.key)
        if quantity is None:
            notes.add(f"{overlay.name} publishes no {cost.label}, so nothing is overlaid")
        elif cost.unit == "ms":
            notes.add(
                f"published: {overlay.name}, {quantity.what}; measured on another machine than the rows"
            )
        else:
            notes.add(f"published: {overlay.name}")
    title = f"{cost.title}: {eval_set.name}"
    name = f"ap-{cost.key}{context.suffix}"
    if not series and not published_marks:
        yield Figure(name, title, (), (f"no row has both an AP and {cost.what}", *notes.lines()))
        return
    stage = f", {options.stage.replace('_', ' ')}" if cost.unit == "ms" else ""
    unit = f"{stage}, ms" if cost.unit == "ms" else ""
    x = Axis(f"{cost.label}{unit}", cost.unit, log=True)
    y = Axis(f"AP, {eval_set.name}", "points")
    parts = colored_parts(series) or [()]
    for number, part in enumerate(parts, 1):
        several = len(parts) > 1
        side_by_side = not published_marks and _one_network(part)
        if side_by_side:
            notes.add(
                "all points belong to one network: they are drawn side by side, so that they do not "
                "cover each other; the CSV has their numbers"
            )
        yield Figure(
            f"{name}-{number}" if several else name,
            f"{title} ({number} of {len(parts)})" if several else title,
            (Panel(x, y, (*published_marks, *part), side_by_side=side_by_side),),
            notes.lines(),
        )


def _one_network(series: Iterable[Series]) -> bool:
    """Return whether there are several points and all have the same computed cost."""
    costs = [mark.x for one in series for mark in one.marks]
    computed = all(cost.how == "computed" for cost in costs)
    return computed and len(costs) > 1 and len({cost.middle for cost in costs}) == 1


@dataclass(frozen=True)
class _Point:
    mark: Mark
    row: BenchmarkRow
    ap_of_row: ApOfRow


def _points(
    rows: Iterable[BenchmarkRow], cost: Cost, context: _Context, notes: Notes
) -> Iterator[_Point]:
    timed, options = cost.key in ("gpu", "cpu"), context.options
    for row in rows:
        if timed and is_gpu(row) != (cost.key == "gpu"):
            continue
        ap_of_row = context.ap_lookup.on(context.eval_set, row, notes)
        if ap_of_row is None or (timed and not has_time(row, notes)):
            continue
        x = latency_of(row, options.stage) if timed else _computed(row, cost.key)
        if x is None:
            what = f"{options.stage.replace('_', ' ')} time" if timed else cost.what
            notes.add(f"left out: no {what}", row.model.file)
        elif not x.middle > 0:
            notes.add("left out: a cost of 0 cannot be drawn on a logarithmic axis", row.model.file)
        else:
            model = row.model
            name = model.variant or model.file
            label = f"{model.variant or _short(model.file)} {model.precision}"
            title = f"{name} {model.precision}, {way_of(row)}"
            mark = Mark(x, ap_of_row.value, label, title, shape_of(model.precision), (), row)
            yield _Point(mark, row, ap_of_row)


def _computed(row: BenchmarkRow, key: str) -> Value | None:
    count = row.model.multiply_adds if key == "flops" else row.model.parameters
    if count is None:
        return None
    return Value(count / (1e9 if key == "flops" else 1e6), "computed", "counted in our graph of it")


def _series(points: Iterable[_Point], cost: Cost, notes: Notes) -> Iterator[Series]:
    """Group the points that a line may join: one family, precision, configuration and protocol."""
    timed = cost.key in ("gpu", "cpu")
    points = list(points) if timed else list(_each_once(points))
    protocols = protocol_names([one.row for one in points], notes) if timed else {}
    groups: dict[str, list[Mark]] = {}
    for point in points:
        row = point.row
        way = way_of(row) if timed else _runtime(row)
        origin = f"{_origin(point)}{protocols.get(row.key, '') if timed else ''}"
        key = [f"{row.model.precision}, {way}{origin}", _family(row), row.model.format]
        groups.setdefault(json.dumps([*key, point.ap_of_row.protocol]), []).append(point.mark)
    for joined_key, group in groups.items():
        once = {_model(mark): mark for mark in group}  # the last of each model file
        kept = sorted(once.values(), key=lambda mark: (mark.x.middle, mark.y.middle))
        if len(kept) < len(group) and timed:
            notes.add(
                "the same model was measured twice in the same way: only the last row counts",
                _file(group[0]),
            )
        variants = [mark.row.model.variant for mark in kept if mark.row is not None]
        joined = len(set(variants)) == len(variants) and all(variants)
        if not joined and len(kept) > 1:
            notes.add("not joined by a line: several models of one variant", _file(kept[0]))
        yield Series(json.loads(joined_key)[0], 0, tuple(kept), line=joined and len(kept) > 1)


def _each_once(points: Iterable[_Point]) -> Iterator[_Point]:
    """Leave out rows whose AP comes from another row: a file has the same size in all of its rows."""
    points = list(points)
    seen = {one.row.model.sha256 for one in points if not one.ap_of_row.elsewhere}
    for point in points:
        if not point.ap_of_row.elsewhere:
            yield point
        elif point.row.model.sha256 not in seen:
            seen.add(point.row.model.sha256)
            yield point


def _origin(point: _Point) -> str:
    """State what was not measured, or not on this device."""
    words = ["estimated"] if point.mark.x.how == "estimated" else []
    if point.ap_of_row.value.how == "published":
        words.append("published AP")
    elif point.ap_of_row.elsewhere and point.mark.x.how != "computed":
        words.append("AP measured elsewhere")
    return "".join(f", {word}" for word in words)


def _short(file: str) -> str:
    """Return a short name to draw beside a mark; its title has the whole name."""
    stem = file.rpartition(".")[0] or file
    return stem if len(stem) <= NAME else f"{stem[: NAME - 3]}..."


def _runtime(row: BenchmarkRow) -> str:
    return row.ran.runtime if row.ran is not None else row.model.format


def _family(row: BenchmarkRow) -> str:
    """Return the family of the network, D or Lite, or its own name, and the study that it is of."""
    name = row.model.variant or row.model.file
    family = ("lite" if VARIANTS[name].lite else "d") if name in VARIANTS else name
    return f"{family} {row.study or ''}"


def _model(mark: Mark) -> tuple[str, float]:
    assert mark.row is not None
    return mark.row.model.sha256, 0.0 if mark.x.how != "computed" else mark.y.middle


def _file(mark: Mark) -> str:
    return mark.row.model.file if mark.row is not None else ""
