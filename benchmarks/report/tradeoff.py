"""AP against what it costs: multiply-adds (the paper's Fig. 1), parameters, GPU and CPU latency
(its Fig. 4). One figure for each cost and each yardstick of AP."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.published import published_size
from edge_edet.benchmarks.report.chosen import Notes, has_time, is_gpu, protocol_names
from edge_edet.benchmarks.report.figure import Axis, Figure, Mark, Panel, Series, shape_of
from edge_edet.benchmarks.report.published_points import Published
from edge_edet.benchmarks.report.split_colors import colored_parts
from edge_edet.benchmarks.report.values import Value, ap_of, latency_of, way_of
from edge_edet.benchmarks.report.yardstick import VAL2017, Yardstick, yardstick_of
from edge_edet.benchmarks.rows import BenchmarkRow
from edge_edet.benchmarks.typed_json import to_json
from edge_edet.variants import VARIANTS

__all__ = ["Options", "tradeoff_figures", "vertical"]


@dataclass(frozen=True)
class Options:
    """published: overlaid, None for nothing. published_ap: also in place of an AP not measured."""

    published: Published | None
    published_ap: bool = False
    stage: str = "inference"


@dataclass(frozen=True)
class Cost:
    key: str
    title: str
    label: str
    unit: str


ROUNDING = 0.006  # of printed parameters: 3.9 million are 3.88; with 3 classes D0 has 3.83
COSTS = (
    Cost("flops", "AP against multiply-adds", "multiply-adds, billions", "1e9"),
    Cost("params", "AP against parameters", "parameters, millions", "1e6"),
    Cost("gpu", "AP against GPU latency", "GPU latency", "ms"),
    Cost("cpu", "AP against CPU latency", "CPU latency", "ms"),
)


def tradeoff_figures(rows: Sequence[BenchmarkRow], options: Options) -> Iterator[Figure]:
    """Those of published APs first, then those of other data."""
    home = options.published.yardstick if options.published is not None else VAL2017
    measured = [yardstick_of(row.accuracy) for row in rows if row.accuracy is not None]
    yardsticks = list(dict.fromkeys([home, *measured]))
    for number, yardstick in enumerate(yardsticks):
        for cost in COSTS:
            suffix = f"-data{number}" if number else ""
            overlay = options.published if yardstick == home else None
            yield from _figures(rows, cost, yardstick, overlay, options, suffix)


def vertical(row: BenchmarkRow, options: Options, notes: Notes) -> tuple[Yardstick, Value] | None:
    """The AP of a row: its own, or where that is asked for the published one of its variant."""
    if row.accuracy is not None:
        value = ap_of(row.accuracy)
        if value is None:
            notes.add("left out: the evaluation found nothing to measure", row.model.file)
            return None
        return yardstick_of(row.accuracy), value
    name, published = row.model.variant, options.published
    if not options.published_ap or published is None:
        notes.add("left out: no AP measured; --published-ap takes that of the variant",
                  row.model.file)  # fmt: skip
        return None
    variant = VARIANTS.get(name or "")
    if variant is None or row.model.image_size != (variant.image_size,) * 2:
        notes.add("left out: no AP measured, and none published for this network and size",
                  row.model.file)  # fmt: skip
        return None
    if not _is_published_network(row):
        notes.add("left out: no AP measured, and not the published network: its number of parameters is "
                  "another, as with other classes", row.model.file)  # fmt: skip
        return None
    value = published.ap(variant.name, row.model.precision)
    if value is None:
        notes.add(f"left out: {published.source} has no {published.yardstick.name} AP of it",
                  row.model.file)  # fmt: skip
        return None
    return published.yardstick, value


def _is_published_network(row: BenchmarkRow) -> bool:
    """By its parameters, as we count them with COCO's 90 classes or as they are printed."""
    from edge_edet.converters.architecture import count_parameters

    name, count = row.model.variant, row.model.parameters
    assert name is not None
    known = [count_parameters(VARIANTS[name]), published_size(name).parameters]
    return count is None or any(k and abs(count - k) <= ROUNDING * k for k in known)


def _figures(
    rows: Sequence[BenchmarkRow], cost: Cost, yardstick: Yardstick,
    overlay: Published | None, options: Options, suffix: str,
) -> Iterator[Figure]:  # fmt: skip
    notes = Notes()
    marks = list(_marks(rows, cost, yardstick, options, notes))
    series = list(_series(marks, cost, notes))
    published = overlay.series(cost.key) if overlay is not None else []
    if overlay is not None:
        quantity = overlay.quantity(cost.key)
        if quantity is None:
            notes.add(f"{overlay.name} publishes no {cost.label}: nothing to overlay")
        elif cost.unit == "ms":
            notes.add(f"published: {overlay.name}, {quantity.what}; another machine than the rows'")
        else:
            notes.add(f"published: {overlay.name}")
    title = f"{cost.title}: {yardstick.name}"
    name = f"ap-{cost.key}{suffix}"
    if not series and not published:
        yield Figure(name, title, (), ("nothing to draw: no row has both", *notes.lines()))
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
            notes.add("all points are of one network: they stand side by side, so that they do not cover "
                      "each other; the CSV has the numbers")  # fmt: skip
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


def _marks(
    rows: Iterable[BenchmarkRow], cost: Cost, yardstick: Yardstick, options: Options, notes: Notes
) -> Iterator[Mark]:
    timed = cost.key in ("gpu", "cpu")
    for row in rows:
        if timed and is_gpu(row) != (cost.key == "gpu"):
            continue
        found = vertical(row, options, notes)
        if found is None or found[0] != yardstick or (timed and not has_time(row, notes)):
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
            yield Mark(
                x, found[1], name if model.variant else "",
                f"{name} {model.precision}, {way_of(row)}", shape_of(model.precision), (), row,
            )  # fmt: skip


def _counted(row: BenchmarkRow, key: str) -> Value | None:
    count = row.model.multiply_adds if key == "flops" else row.model.parameters
    if count is None:
        return None
    return Value(count / (1e9 if key == "flops" else 1e6), "counted", "counted in our graph of it")


def _series(marks: Iterable[Mark], cost: Cost, notes: Notes) -> Iterator[Series]:
    """What may be joined: one family, precision, way and protocol, measured or not alike."""
    marks = list(marks)
    rows = [mark.row for mark in marks if mark.row is not None]
    timed = cost.key in ("gpu", "cpu")
    protocols = protocol_names(rows, notes) if timed else {}
    groups: dict[str, list[Mark]] = {}
    for mark in marks:
        row = mark.row
        assert row is not None
        way = way_of(row) if timed else _runtime(row)
        marked = {"estimated": ", estimated", "published": ", published AP"}.get(mark.how, "")
        if mark.x.how == "estimated" and mark.y.how == "published":
            marked = ", estimated, published AP"
        name = f"{row.model.precision}, {way}{marked}{protocols.get(row.key, '')}"
        key = [name, _family(row), row.model.format, _protocol_of_ap(row)]
        groups.setdefault(json.dumps(key), []).append(mark)
    for joined_key, group in groups.items():
        once = {_model(mark): mark for mark in group}  # the last of each model file
        kept = sorted(once.values(), key=lambda mark: (mark.x.middle, mark.y.middle))
        if len(kept) < len(group) and timed:
            notes.add("the same model measured alike twice: the last row counts", _file(group[0]))
        variants = [mark.label for mark in kept]
        joined = len(set(variants)) == len(variants) and all(variants)
        if not joined and len(kept) > 1:
            notes.add("not joined by a line: several models of one variant", _file(kept[0]))
        yield Series(json.loads(joined_key)[0], 0, tuple(kept), line=joined and len(kept) > 1)


def _runtime(row: BenchmarkRow) -> str:
    return row.ran.runtime if row.ran is not None else row.model.format


def _family(row: BenchmarkRow) -> str:
    """The paper's, the Lite one, or the network alone; what was built for a study stays in it."""
    name = row.model.variant or row.model.file
    family = ("lite" if VARIANTS[name].lite else "d") if name in VARIANTS else name
    return f"{family} {row.study or ''}"


def _protocol_of_ap(row: BenchmarkRow) -> str:
    return json.dumps(to_json(row.accuracy.protocol)) if row.accuracy is not None else ""


def _model(mark: Mark) -> tuple[str, float]:
    assert mark.row is not None
    return mark.row.model.sha256, 0.0 if mark.x.how != "counted" else mark.y.middle


def _file(mark: Mark) -> str:
    return mark.row.model.file if mark.row is not None else ""
