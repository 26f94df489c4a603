"""The table of each study: lines from counts of our graphs, measured rows and published numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from edge_edet.benchmarks.published import read_rows
from edge_edet.studies.compared import Measured
from edge_edet.studies.items import STUDIES, Item
from edge_edet.studies.lines import Line

__all__ = ["remarks", "table"]

CVPR = "CVPR 2020 Table 2"
V7 = "arXiv 1911.09070v7 Table 2"
XEON = "the published time is of one thread of a Xeon in TensorFlow, another machine and runtime"
ROUNDED = "the published figure is rounded; ours is counted from the graph"
COUNTED = 0.03
NOT_BUILT = "not built here, the paper's row alone"
PRINTED = (  # of a detector that is not built: quantity, unit, column, scale
    ("parameters", "M", "params_m", 1.0),
    ("multiply-adds", "B", "flops_g", 1.0),
    ("TensorFlow fp32 x1", "ms", "cpu_s", 1e3),
    ("Titan V fp32", "ms", "titan_v_ms", 1.0),
    ("V100 fp16", "ms", "v100_ms", 1.0),
)
SPEEDUP = (
    "plain convolutions come nearer to a processor's peak than depthwise ones, and how near is "
    "the runtime's doing: the ratio is of this machine and runtime"
)
FUSION_OF = {"d0": "model1", "d2": "model2", "d4": "model3"}
FUSION_NOTES = {
    "stacked": "as google/automl writes it: softmax stacks the inputs, which copies whole feature maps, "
    "and fast fusion does not; how much that saves is the processor's and the runtime's doing",
    "runtime": "only the weights, two or three numbers, are normalized at every inference: there is "
    "next to nothing to save",
    "constant": "as a converted model has them: the same operators with other numbers, so there is "
    "nothing left to speed up",
}
DRIFT = (
    "the same operators with other numbers: whatever is beyond 1 here is the machine's own drift, and "
    "so may as much of the other ratios be"
)
SAME_SIZE = "softmax and fast fusion have the same parameters and convolutions"
SPEEDUPS = (  # rows of the same AP in the CVPR paper
    ("d1", "retinanet-r50-640"),
    ("d1", "retinanet-r101-640"),
    ("d2", "retinanet-r50-1024"),
    ("d2", "retinanet-r101-1024"),
)


def table(study: str, items: Sequence[Item], measured: Measured) -> list[Line]:
    make = {"table5": _table5, "table6": _table6, "comparators": _comparators}
    return make.get(study, _networks)(items, measured)


def remarks(study: str, *, measured: bool = True) -> list[str]:
    """What holds for a whole table."""
    return [*([_TIMES] if measured else []), *_REMARKS.get(study, ())]


_TIMES = (
    "ms: median of the inference alone, batch 1, random weights, INT8 calibrated on noise; what is not "
    "integer in an INT8 model runs in the device's own precision. ratio: ours / published"
)
_REMARKS = {
    "table5": (
        "Parameters and FLOPs are of the feature network alone, relative to repeated FPN (twelve "
        "passes, as many nodes as six FPN+PANet): of the whole detector the published ratios "
        "cannot be, see docs/decisions/0009-feature-networks.md",
    ),
    "table6": (
        "The paper names no models; by their AP they are near D0, D2 and D4, and its times are of a "
        "GPU. Times here are softmax / fast",
    ),
    "fig6": (
        "Fig. 6 prints no figures; published are those of D0 to D4, which compound scaling is. "
        "Layers alone do not reach 60B: it would take some 1,800 in BiFPN or 1,130 in the heads",
    ),
    "comparators": (
        "The paper's FLOPs are multiply-adds, YOLOv3's too: Darknet prints 141 BFLOPs at 608, "
        "counting both. 4.9x on CPU is D1 beside RetinaNet-R101 at 640 in the CVPR paper",
    ),
}


# --- counts -------------------------------------------------------------------------------------


def _published(item: Item) -> dict[str, str]:
    """The row of the CVPR paper, which has CPU times, else of v7."""
    model, _, size = item.variant.name.rpartition("-")
    for source in ("cvpr", "v7"):
        for row in (*read_rows("efficientdet"), *read_rows("comparators")):
            named = row["model"] == item.variant.name or (row["model"], row["input_size"]) == (
                model,
                size,
            )
            if row["source"] == source and named:
                return row
    return {}


def _counts(study: str, item: Item) -> list[Line]:
    from edge_edet.studies.build import size

    row, parameters = _published(item), size(item.variant)
    source = {"cvpr": CVPR, "v7": V7}.get(row.get("source", ""))
    given = (("parameters", "M", "params_m", 1e6), ("multiply-adds", "B", "flops_g", 1e9))
    found = []
    for (quantity, unit, key, scale), count in zip(given, parameters, strict=True):
        published = float(row[key]) if row.get(key) else None
        ours = count / scale
        note = _rounding(published, row.get(key, ""), ours)
        found.append(
            Line(
                study,
                item.variant.name,
                quantity,
                unit,
                published,
                source if published else None,
                ours,
                note=note,
            )
        )
    return found


def _rounding(published: float | None, printed: str, ours: float) -> str:
    """Why a count is not what is printed."""
    if published is None or abs(ours / published - 1) <= 0.005:
        return ""
    step = 10.0 ** -len(printed.partition(".")[2])
    if abs(ours - published) <= step / 2:
        return ROUNDED
    return f"we count convolutions only, within {COUNTED:.0%} of what is published"


# --- studies ------------------------------------------------------------------------------------


def _networks(items: Sequence[Item], measured: Measured) -> list[Line]:
    """Counts, file sizes and latency of each network."""
    found = []
    for item in items:
        found += [*_counts(measured.study, item), *measured.sizes(item)]
        row = _published(item)
        for way in measured.ways:
            timed = row.get("cpu_s") and (way.precision, way.threads) == ("fp32", 1)
            seconds = float(row["cpu_s"]) * 1e3 if timed else None
            found.append(
                measured.latency(item, way, seconds, CVPR if timed else None, XEON if timed else "")
            )
    return found


def _comparators(items: Sequence[Item], measured: Measured) -> list[Line]:
    found, by_name = _networks(items, measured), {item.variant.name: item for item in items}
    if set(STUDIES["comparators"].names) <= set(by_name):
        found += _not_built(items)
    for fast, slow in SPEEDUPS:
        if not {fast, slow} <= set(by_name):
            continue
        one, other = by_name[fast], by_name[slow]
        seconds = float(_published(other)["cpu_s"]) / float(_published(one)["cpu_s"])
        for way in measured.ways:
            float_one = (way.precision, way.threads) == ("fp32", 1)
            found.append(
                measured.ratio(
                    one,
                    other,
                    way,
                    model=f"{slow} / {fast}",
                    quantity=way.name,
                    published=seconds if float_one else None,
                    source=CVPR if float_one else None,
                    note=SPEEDUP if float_one else "",
                )
            )
    return found


def _not_built(items: Sequence[Item]) -> list[Line]:
    """The detectors that the paper compares with and that are not built here, of one source each."""
    built, rows = {item.variant.name for item in items}, {}
    for row in (
        row for one in ("v7", "cvpr") for row in read_rows("comparators") if row["source"] == one
    ):
        rows[f"{row['model']}-{row['input_size']}".rstrip("-")] = row  # CVPR has CPU times
    return [
        Line(
            "comparators",
            name,
            quantity,
            unit,
            float(row[key]) * scale,
            {"cvpr": CVPR, "v7": V7}[row["source"]],
            None,
            note=NOT_BUILT,
        )
        for name, row in rows.items()
        if name not in built
        for quantity, unit, key, scale in PRINTED
        if row[key]
    ]


def _table5(items: Sequence[Item], measured: Measured) -> list[Line]:
    from edge_edet.studies.build import feature_network_size

    printed = {row["row"]: row for row in read_rows("ablations") if row["table"] == "5"}
    found = []
    for item in items:
        base = next(i for i in items if (i.group, i.row) == (item.group, "repeated-fpn"))
        sizes = zip(
            ("parameters", "multiply-adds"),
            ("params", "flops"),
            feature_network_size(item.variant),
            feature_network_size(base.variant),
            strict=True,
        )
        for quantity, key, ours, whole in sizes:
            text = printed.get(item.row, {}).get(key) if item.group == "d3" else None
            published, ratio = float(text.rstrip("x")) if text else None, ours / whole
            note = (
                ""
                if published is None or abs(ratio / published - 1) <= 0.005
                else ("the paper does not say how it counted; all of its ratios are met within 3 %")
            )
            found.append(
                Line(
                    measured.study,
                    item.variant.name,
                    f"{quantity}, ratio",
                    "x",
                    published,
                    "Table 5" if text else None,
                    ratio,
                    note=note,
                )
            )
        found += _counts(measured.study, item)
        for way in measured.ways:
            found.append(measured.latency(item, way))
            if item is not base:
                found.append(
                    measured.ratio(
                        base, item, way, model=item.variant.name, quantity=f"{way.name}, ratio"
                    )
                )
    return found


def _table6(items: Sequence[Item], measured: Measured) -> list[Line]:
    notes = {row["row"]: row["note"] for row in read_rows("ablations") if row["table"] == "6"}
    by_row, found = {(item.group, item.row): item for item in items}, []
    for group in dict.fromkeys(item.group for item in items):
        text = notes.get(FUSION_OF.get(group, ""), "")
        found += _sizes_of_fusion(measured.study, group, by_row[group, "fast-constant"])
        published = next(
            (
                float(w[:-1])
                for w in text.split()
                if w[:-1].replace(".", "").isdigit() and w.endswith("x")
            ),
            None,
        )
        for form in ("stacked", "runtime", "constant"):
            fast, softmax = by_row[group, f"fast-{form}"], by_row[group, f"softmax-{form}"]
            for way in measured.ways:
                found += [measured.latency(item, way) for item in (fast, softmax)]
                of = published if form != "constant" else None
                line = measured.ratio(
                    fast,
                    softmax,
                    way,
                    model=f"{group} softmax/fast {form}",
                    quantity=way.name,
                    published=of,
                    source="Table 6, GPU" if of else None,
                    note=FUSION_NOTES[form],
                )
                drifted = form == "constant" and not (line.low or 1.0) <= 1 <= (line.high or 1.0)
                found.append(dataclasses.replace(line, note=DRIFT) if drifted else line)
    return found


def _sizes_of_fusion(study: str, group: str, item: Item) -> list[Line]:
    """Of all forms: a weight for each input, whichever way they are normalized."""
    return [
        dataclasses.replace(line, study=study, model=f"{group}, all forms", note=SAME_SIZE)
        for line in _counts(study, Item(group, group, item.variant.replace(name=group)))
    ]
