"""AP against what it costs: multiply-adds (the paper's Fig. 1), parameters, GPU and CPU latency
(its Fig. 4). One figure for each cost and each yardstick of AP."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.analysis import (
    Judge,
    Judged,
    Notes,
    Options,
    Published,
    Value,
    Yardstick,
    has_time,
    is_gpu,
    latency_of,
    protocol_names,
    way_of,
    yardstick_of,
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


NAME = 16  # characters of a file's name beside a mark


@dataclass(frozen=True)
class Cost:
    key: str
    title: str
    label: str
    unit: str


COSTS = (
    Cost("cpu", "AP against CPU latency", "CPU latency", "ms"),
    Cost("gpu", "AP against GPU latency", "GPU latency", "ms"),
    Cost("flops", "AP against multiply-adds", "multiply-adds, billions", "1e9"),
    Cost("params", "AP against parameters", "parameters, millions", "1e6"),
)


def tradeoff_figures(rows: Sequence[BenchmarkRow], options: Options) -> Iterator[Figure]:
    """Those of the data that the rows were evaluated on, then those where all AP is published."""
    judge = Judge(rows, options.published, options.published_ap)
    measured = list(
        dict.fromkeys(yardstick_of(row.accuracy) for row in rows if row.accuracy is not None)
    )
    home = options.published.yardstick if options.published is not None else None
    if home is not None:  # it comes first where rows were evaluated on it, else last
        measured = (
            sorted({*measured, home}, key=[home, *measured].index)
            if home in measured
            else ([*measured, home])
        )
    for number, yardstick in enumerate(measured):
        overlay = options.published if yardstick == home else None
        about = _About(judge, yardstick, overlay, options, f"-data{number}" if number else "")
        for cost in COSTS:
            yield from _figures(rows, cost, about)
    if not measured:
        notes = Notes()
        for row in rows:
            judge.all(row, notes)
        title = "AP against latency, multiply-adds and parameters"
        yield Figure("ap", title, (), ("no row has an AP", *notes.lines()))


@dataclass(frozen=True)
class _About:
    """What the figures of one yardstick have in common. suffix: of their names."""

    judge: Judge
    yardstick: Yardstick
    overlay: Published | None
    options: Options
    suffix: str


def _figures(rows: Sequence[BenchmarkRow], cost: Cost, about: _About) -> Iterator[Figure]:
    notes = Notes()
    yardstick, overlay, options = about.yardstick, about.overlay, about.options
    series = list(_series(_points(rows, cost, about, notes), cost, notes))
    published = published_series(overlay, cost.key) if overlay is not None else []
    if overlay is not None:
        quantity = overlay.quantity(cost.key)
        if quantity is None:
            notes.add(f"{overlay.name} publishes no {cost.label}: nothing to overlay")
        elif cost.unit == "ms":
            notes.add(f"published: {overlay.name}, {quantity.what}; another machine than the rows'")
        else:
            notes.add(f"published: {overlay.name}")
    title = f"{cost.title}: {yardstick.name}"
    name = f"ap-{cost.key}{about.suffix}"
    if not series and not published:
        yield Figure(name, title, (), ("no row has both", *notes.lines()))
        return
    stage = f", {options.stage.replace('_', ' ')}" if cost.unit == "ms" else ""
    unit = f"{stage}, ms" if cost.unit == "ms" else ""
    x = Axis(f"{cost.label}{unit}", cost.unit, log=True)
    y = Axis(f"AP, {yardstick.name}", "points")
    parts = colored_parts(series) or [()]
    for number, part in enumerate(parts, 1):
        several = len(parts) > 1
        aside = not published and _one_network(part)
        if aside:
            notes.add(
                "all points are of one network: they stand side by side, so that they do not cover "
                "each other; the CSV has the numbers"
            )
        yield Figure(
            f"{name}-{number}" if several else name,
            f"{title} ({number} of {len(parts)})" if several else title,
            (Panel(x, y, (*published, *part), aside=aside),),
            notes.lines(),
        )


def _one_network(series: Iterable[Series]) -> bool:
    """Whether several points have the same counted cost, and nothing has another."""
    costs = [mark.x for one in series for mark in one.marks]
    counted = all(cost.how == "counted" for cost in costs)
    return counted and len(costs) > 1 and len({cost.middle for cost in costs}) == 1


@dataclass(frozen=True)
class _Point:
    mark: Mark
    row: BenchmarkRow
    judged: Judged


def _points(
    rows: Iterable[BenchmarkRow], cost: Cost, about: _About, notes: Notes
) -> Iterator[_Point]:
    timed, options = cost.key in ("gpu", "cpu"), about.options
    for row in rows:
        if timed and is_gpu(row) != (cost.key == "gpu"):
            continue
        judged = about.judge.on(about.yardstick, row, notes)
        if judged is None or (timed and not has_time(row, notes)):
            continue
        x = latency_of(row, options.stage) if timed else _counted(row, cost.key)
        if x is None:
            what = f"{options.stage} time" if timed else cost.label.partition(",")[0]
            notes.add(f"left out, not known: {what}", row.model.file)
        elif not x.middle > 0:
            notes.add("left out: a cost of 0 has no place on a logarithmic axis", row.model.file)
        else:
            model = row.model
            name = model.variant or model.file
            label = f"{model.variant or _short(model.file)} {model.precision}"
            title = f"{name} {model.precision}, {way_of(row)}"
            mark = Mark(x, judged.value, label, title, shape_of(model.precision), (), row)
            yield _Point(mark, row, judged)


def _counted(row: BenchmarkRow, key: str) -> Value | None:
    count = row.model.multiply_adds if key == "flops" else row.model.parameters
    if count is None:
        return None
    return Value(count / (1e9 if key == "flops" else 1e6), "counted", "counted in our graph of it")


def _series(points: Iterable[_Point], cost: Cost, notes: Notes) -> Iterator[Series]:
    """What may be joined: one family, precision, way and protocol, measured or not alike."""
    timed = cost.key in ("gpu", "cpu")
    points = list(points) if timed else list(_each_once(points))
    protocols = protocol_names([one.row for one in points], notes) if timed else {}
    groups: dict[str, list[Mark]] = {}
    for point in points:
        row = point.row
        way = way_of(row) if timed else _runtime(row)
        marked = f"{_marked(point)}{protocols.get(row.key, '') if timed else ''}"
        key = [f"{row.model.precision}, {way}{marked}", _family(row), row.model.format]
        groups.setdefault(json.dumps([*key, point.judged.protocol]), []).append(point.mark)
    for joined_key, group in groups.items():
        once = {_model(mark): mark for mark in group}  # the last of each model file
        kept = sorted(once.values(), key=lambda mark: (mark.x.middle, mark.y.middle))
        if len(kept) < len(group) and timed:
            notes.add("the same model measured alike twice: the last row counts", _file(group[0]))
        variants = [mark.row.model.variant for mark in kept if mark.row is not None]
        joined = len(set(variants)) == len(variants) and all(variants)
        if not joined and len(kept) > 1:
            notes.add("not joined by a line: several models of one variant", _file(kept[0]))
        yield Series(json.loads(joined_key)[0], 0, tuple(kept), line=joined and len(kept) > 1)


def _each_once(points: Iterable[_Point]) -> Iterator[_Point]:
    """A file costs the same in each of its rows: without those whose AP is another row's."""
    points = list(points)
    seen = {one.row.model.sha256 for one in points if not one.judged.elsewhere}
    for point in points:
        if not point.judged.elsewhere:
            yield point
        elif point.row.model.sha256 not in seen:
            seen.add(point.row.model.sha256)
            yield point


def _marked(point: _Point) -> str:
    """What is not measured about it, or not there."""
    words = ["estimated"] if point.mark.x.how == "estimated" else []
    if point.judged.value.how == "published":
        words.append("published AP")
    elif point.judged.elsewhere and point.mark.x.how != "counted":
        words.append("AP measured elsewhere")
    return "".join(f", {word}" for word in words)


def _short(file: str) -> str:
    """A name for beside a mark; the whole one is in what it says."""
    stem = file.rpartition(".")[0] or file
    return stem if len(stem) <= NAME else f"{stem[: NAME - 3]}..."


def _runtime(row: BenchmarkRow) -> str:
    return row.ran.runtime if row.ran is not None else row.model.format


def _family(row: BenchmarkRow) -> str:
    """The paper's, the Lite one, or the network alone; what was built for a study stays in it."""
    name = row.model.variant or row.model.file
    family = ("lite" if VARIANTS[name].lite else "d") if name in VARIANTS else name
    return f"{family} {row.study or ''}"


def _model(mark: Mark) -> tuple[str, float]:
    assert mark.row is not None
    return mark.row.model.sha256, 0.0 if mark.x.how != "counted" else mark.y.middle


def _file(mark: Mark) -> str:
    return mark.row.model.file if mark.row is not None else ""
