"""Build the table of each study from counts of our graphs, measured rows and published numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from edge_edet.benchmarks.published import read_rows
from edge_edet.studies.measured_rows import MeasuredRows
from edge_edet.studies.study_networks import STUDIES, StudyNetwork
from edge_edet.studies.table_lines import TableLine

__all__ = ["remarks", "table"]

CVPR = "CVPR 2020 Table 2"
V7 = "arXiv 1911.09070v7 Table 2"
XEON = "the published time was measured on one thread of a Xeon with TensorFlow: another machine and runtime"
ROUNDED = "the published figure is rounded; ours is counted from the graph"
COUNTED = 0.03
NOT_BUILT = "not built here: only the paper's numbers"
PRINTED = (  # of a detector that is not built: quantity, unit, column, scale
    ("parameters", "M", "params_m", 1.0),
    ("multiply-adds", "B", "flops_g", 1.0),
    ("TensorFlow fp32 x1", "ms", "cpu_s", 1e3),
    ("Titan V fp32", "ms", "titan_v_ms", 1.0),
    ("V100 fp16", "ms", "v100_ms", 1.0),
)
SPEEDUP = (
    "plain convolutions come nearer to a processor's peak than depthwise ones, by how much depends "
    "on the runtime: the ratio holds for this machine and runtime only"
)
FUSION_OF = {"d0": "model1", "d2": "model2", "d4": "model3"}
FUSION_NOTES = {
    "stacked": "as google/automl writes it: softmax stacks the inputs, which copies whole feature maps, "
    "and fast fusion does not; how much that saves depends on the processor and the runtime",
    "runtime": "only the weights, two or three numbers, are normalized at every inference: there is "
    "hardly anything to save",
    "constant": "as a converted model has them: the same operators with other numbers, so there is "
    "nothing left to speed up",
}
DRIFT = (
    "the same operators with other numbers: a deviation from 1 is drift of the machine, which may be as "
    "large in the other ratios"
)
SAME_SIZE = "softmax and fast fusion have the same parameters and convolutions"
SPEEDUPS = (  # rows of the same AP in the CVPR paper
    ("d1", "retinanet-r50-640"),
    ("d1", "retinanet-r101-640"),
    ("d2", "retinanet-r50-1024"),
    ("d2", "retinanet-r101-1024"),
)


def table(study: str, networks: Sequence[StudyNetwork], measured: MeasuredRows) -> list[TableLine]:
    """Return the lines of a study's table."""
    make = {"table5": _table5, "table6": _table6, "comparators": _comparators}
    return make.get(study, _networks)(networks, measured)


def remarks(study: str, *, measured: bool = True) -> list[str]:
    """Return the remarks that hold for a whole table."""
    return [*([_TIMES] if measured else []), *_REMARKS.get(study, ())]


_TIMES = (
    "ms: median of the inference alone, batch 1, random weights, INT8 calibrated on noise; layers of an "
    "INT8 model that are not integer run in the device's own precision. ratio: ours / published"
)
_REMARKS = {
    "table5": (
        "Parameters and FLOPs are of the feature network alone, relative to repeated FPN (twelve "
        "passes, as many nodes as six FPN+PANet): they cannot be ratios of whole detectors, "
        "see docs/decisions/0009-feature-networks.md",
    ),
    "table6": (
        "The paper does not name its models; by their AP they are near D0, D2 and D4. Its times were "
        "measured on a GPU. Ratios are softmax / fast",
    ),
    "fig6": (
        "Fig. 6 prints no numbers; the published ones are those of D0 to D4, which are compound "
        "scaling. Layers alone do not reach 60B: it would take about 1,800 in BiFPN or 1,130 in "
        "the heads",
    ),
    "comparators": (
        "The paper's FLOPs are multiply-adds, also for YOLOv3: Darknet prints 141 BFLOPs at 608, "
        "counting both operations. 4.9x on CPU is D1 against RetinaNet-R101 at 640 in the CVPR "
        "paper",
    ),
}


# --- counts -------------------------------------------------------------------------------------


def _published(network: StudyNetwork) -> dict[str, str]:
    """Return the row of the CVPR paper, which has CPU times, else that of v7."""
    model, _, size = network.variant.name.rpartition("-")
    for source in ("cvpr", "v7"):
        for row in (*read_rows("efficientdet"), *read_rows("comparators")):
            named = row["model"] == network.variant.name or (row["model"], row["input_size"]) == (
                model,
                size,
            )
            if row["source"] == source and named:
                return row
    return {}


def _counts(study: str, network: StudyNetwork) -> list[TableLine]:
    from edge_edet.studies.study_model import size

    row, parameters = _published(network), size(network.variant)
    source = {"cvpr": CVPR, "v7": V7}.get(row.get("source", ""))
    given = (("parameters", "M", "params_m", 1e6), ("multiply-adds", "B", "flops_g", 1e9))
    found = []
    for (quantity, unit, key, scale), count in zip(given, parameters, strict=True):
        published = float(row[key]) if row.get(key) else None
        ours = count / scale
        note = _rounding(published, row.get(key, ""), ours)
        found.append(
            TableLine(
                study,
                network.variant.name,
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
    """Explain why a count differs from the printed number."""
    if published is None or abs(ours / published - 1) <= 0.005:
        return ""
    step = 10.0 ** -len(printed.partition(".")[2])
    if abs(ours - published) <= step / 2:
        return ROUNDED
    return f"we count convolutions only, within {COUNTED:.0%} of what is published"


# --- studies ------------------------------------------------------------------------------------


def _networks(networks: Sequence[StudyNetwork], measured: MeasuredRows) -> list[TableLine]:
    """Return counts, file sizes and latency of each network."""
    found = []
    for network in networks:
        found += [*_counts(measured.study, network), *measured.sizes(network)]
        row = _published(network)
        for config in measured.configs:
            timed = row.get("cpu_s") and (config.precision, config.threads) == ("fp32", 1)
            seconds = float(row["cpu_s"]) * 1e3 if timed else None
            found.append(
                measured.latency(
                    network, config, seconds, CVPR if timed else None, XEON if timed else ""
                )
            )
    return found


def _comparators(networks: Sequence[StudyNetwork], measured: MeasuredRows) -> list[TableLine]:
    found, by_name = (
        _networks(networks, measured),
        {network.variant.name: network for network in networks},
    )
    if set(STUDIES["comparators"].names) <= set(by_name):
        found += _not_built(networks)
    for fast, slow in SPEEDUPS:
        if not {fast, slow} <= set(by_name):
            continue
        one, other = by_name[fast], by_name[slow]
        seconds = float(_published(other)["cpu_s"]) / float(_published(one)["cpu_s"])
        for config in measured.configs:
            float_one = (config.precision, config.threads) == ("fp32", 1)
            found.append(
                measured.ratio(
                    one,
                    other,
                    config,
                    model=f"{slow} / {fast}",
                    quantity=config.name,
                    published=seconds if float_one else None,
                    source=CVPR if float_one else None,
                    note=SPEEDUP if float_one else "",
                )
            )
    return found


def _not_built(networks: Sequence[StudyNetwork]) -> list[TableLine]:
    """Return the detectors that the paper compares with but that are not built here."""
    built, rows = {network.variant.name for network in networks}, {}
    for row in (
        row for one in ("v7", "cvpr") for row in read_rows("comparators") if row["source"] == one
    ):
        rows[f"{row['model']}-{row['input_size']}".rstrip("-")] = row  # CVPR has CPU times
    return [
        TableLine(
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


def _table5(networks: Sequence[StudyNetwork], measured: MeasuredRows) -> list[TableLine]:
    from edge_edet.studies.study_model import feature_network_size

    printed = {row["row"]: row for row in read_rows("ablations") if row["table"] == "5"}
    found = []
    for network in networks:
        base = next(i for i in networks if (i.group, i.row) == (network.group, "repeated-fpn"))
        sizes = zip(
            ("parameters", "multiply-adds"),
            ("params", "flops"),
            feature_network_size(network.variant),
            feature_network_size(base.variant),
            strict=True,
        )
        for quantity, key, ours, whole in sizes:
            text = printed.get(network.row, {}).get(key) if network.group == "d3" else None
            published, ratio = float(text.rstrip("x")) if text else None, ours / whole
            note = (
                ""
                if published is None or abs(ratio / published - 1) <= 0.005
                else (
                    "the paper does not state how it counted; all of its ratios are reproduced within 3 %"
                )
            )
            found.append(
                TableLine(
                    measured.study,
                    network.variant.name,
                    f"{quantity}, ratio",
                    "x",
                    published,
                    "Table 5" if text else None,
                    ratio,
                    note=note,
                )
            )
        found += _counts(measured.study, network)
        for config in measured.configs:
            found.append(measured.latency(network, config))
            if network is not base:
                found.append(
                    measured.ratio(
                        base,
                        network,
                        config,
                        model=network.variant.name,
                        quantity=f"{config.name}, ratio",
                    )
                )
    return found


def _table6(networks: Sequence[StudyNetwork], measured: MeasuredRows) -> list[TableLine]:
    notes = {row["row"]: row["note"] for row in read_rows("ablations") if row["table"] == "6"}
    by_row, found = {(network.group, network.row): network for network in networks}, []
    for group in dict.fromkeys(network.group for network in networks):
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
            for config in measured.configs:
                found += [measured.latency(network, config) for network in (fast, softmax)]
                of = published if form != "constant" else None
                line = measured.ratio(
                    fast,
                    softmax,
                    config,
                    model=f"{group} softmax/fast {form}",
                    quantity=config.name,
                    published=of,
                    source="Table 6, GPU" if of else None,
                    note=FUSION_NOTES[form],
                )
                drifted = form == "constant" and not (line.low or 1.0) <= 1 <= (line.high or 1.0)
                found.append(dataclasses.replace(line, note=DRIFT) if drifted else line)
    return found


def _sizes_of_fusion(study: str, group: str, network: StudyNetwork) -> list[TableLine]:
    """Return the counts of all forms, which have one weight per input however it is normalized."""
    return [
        dataclasses.replace(line, study=study, model=f"{group}, all forms", note=SAME_SIZE)
        for line in _counts(study, StudyNetwork(group, group, network.variant.replace(name=group)))
    ]
