"""The parity report as one page of HTML: no script, nothing is loaded, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from edge_edet.output_files import html_page, table_rows
from edge_edet.terminal import xml_text

STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8884;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}code{font-size:.85em;overflow-wrap:anywhere}
.verdict{font-size:1.1rem}.good{color:#1a7f37}.bad{color:#c0392b}.unsure{color:#8a6100}svg{width:100%;min-width:44rem;height:auto;display:block}.wide{overflow-x:auto}
@media (prefers-color-scheme:dark){.good{color:#5fd07a}.bad{color:#ff8370}.unsure{color:#e3b341}}
"""
SHOWN = 12
COLOURS = {"healthy": "good", "worse": "bad", "fault": "bad", "unknown": "unsure"}
Row = Sequence[object]


def page(record: Mapping[str, Any], figure: str) -> str:
    """Return the page.

    Parameters
    ----------
    record
        From `write_parity_report`.
    figure
        SVG of the error along the network, put in as it is.
    """
    name = record["int8"]["file"]
    body = [
        f"<h1>Parity of {escape(name)} with its float model</h1>",
        *_verdict(record),
        *_accuracy(record["accuracy"]),
        *_agreement(record["agreement"]),
        *_outputs(record["outputs"]),
        "<h2>Error along the network</h2>",
        f'<div class="wide" tabindex="0">{figure}</div>',
        *_blocks(record["blocks"]),
        *_origin(record),
    ]
    return xml_text(html_page(f"Parity of {name}", "edge-edet compare-float", STYLE, body))


def _verdict(record: Mapping[str, Any]) -> Iterable[str]:
    colour = COLOURS[record["verdict"]]
    yield (
        f'<p class="verdict"><strong class="{colour}">{escape(record["verdict"].capitalize())}</strong>: '
        f"{escape(record['because'])}.</p>"
    )
    for f in record["findings"]:
        mark = ' class="bad"' if f["severity"] == "cause" else ""
        yield (
            f"<p><strong{mark}>{escape(f['severity'])}: {escape(f['place'])}</strong>: "
            f"{escape(f['text'])}<br>{escape(f['advice'])}</p>"
        )


def _accuracy(accuracy: Mapping[str, Any] | None) -> Iterable[str]:
    yield "<h2>Accuracy</h2>"
    if accuracy is None:
        yield "<p>AP was not measured: no labelled pictures were given.</p>"
        return
    rows: list[Row] = []
    for result in accuracy["results"]:
        numbers, intervals = result["numbers"], result["intervals"]
        rows.append(
            [
                result["precision"],
                *(_with_interval(numbers[k], intervals.get(k)) for k in ("ap", "ap50", "ap75")),
            ]
        )
    for difference in accuracy["differences"]:
        numbers, intervals = difference["numbers"], difference["intervals"]
        rows.append(
            [
                "difference",
                *(
                    _with_interval(numbers.get(k), intervals.get(k), "+")
                    for k in ("ap", "ap50", "ap75")
                ),
            ]
        )
    yield from _table(["model", "AP", "AP50", "AP75"], rows)
    first = accuracy["results"][0]
    yield (
        f"<p>{first['pictures']} pictures, {first['objects']} objects; 95 % intervals over the "
        "pictures, of the difference paired.</p>"
    )
    for text, number in first.get("notes", {}).items():
        yield f"<p>Note: {number} {escape(text)}</p>"


def _with_interval(value: float | None, interval: Sequence[float] | None, sign: str = "") -> str:
    if value is None:
        return "-"
    text = f"{value:{sign}.4f}"
    return (
        text if interval is None else f"{text} ({interval[0]:{sign}.4f} to {interval[1]:{sign}.4f})"
    )


def _agreement(a: Mapping[str, Any] | None) -> Iterable[str]:
    yield "<h2>Detections, box by box</h2>"
    if a is None:
        yield "<p>Not measured: the model does not run, or is no detector.</p>"
        return
    rows: list[Row] = []
    if a["agreement"] is not None:
        low, high = a["agreement_interval"]
        text = f"{a['agreement']:.1%} ({low:.1%} to {high:.1%})"
        rows.append(["agreement: F1, averaged over IoU 0.50 to 0.95", text])
    rows += [
        ["the same (IoU 0.9 or more)", a["same"]],
        ["moved (IoU 0.5 to 0.9)", a["moved"]],
        ["lost: only in float", a["lost"]],
        ["invented: only in INT8", a["invented"]],
        ["of these within 0.05 of the threshold", a["near"]],
    ]
    if a["score_difference"]:
        s = a["score_difference"]
        rows += [
            ["score, INT8 minus float, mean", f"{s['mean']:+.4f}"],
            ["95 % of the scores differ by less than", f"{a['score_difference_abs_p95']:.4f}"],
            ["mean IoU", f"{a['iou_mean']:.4f}"],
        ]
    yield from _table(["boxes", "count"], rows)
    yield f"<p>{a['pictures']} pictures, scores above {a['score_threshold']:g}, within each class.</p>"


def _outputs(outputs: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield "<h2>Outputs</h2>"
    rows = [
        [
            e["name"] + (" (as scores)" if e["reader"] == "sigmoid" else ""),
            f"{e['behind_db']:.1f}",
            f"{e['cosine']:.5f}",
            f"{e['mean_error']:+.2g}",
        ]
        for e in outputs
    ]
    yield from _table(["output", "signal over error, dB", "cosine", "mean error"], rows)


def _blocks(blocks: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield "<h2>Blocks that add most error by themselves</h2>"
    weakest = sorted(blocks, key=lambda b: float(b["own_db"]))[:SHOWN]
    yield from _table(
        ["block's output", "dB, with exact inputs"],
        [[b["tensor"], f"{b['own_db']:.1f}"] for b in weakest],
    )


def _origin(record: Mapping[str, Any]) -> Iterable[str]:
    yield "<h2>Origin</h2>"
    provenance = record["provenance"] or {}
    rows: list[Row] = [
        [f"{kind} model", f"{record[kind]['file']}, sha256 {record[kind]['sha256']}"]
        for kind in ("int8", "float")
    ]
    for key in ("weights", "calibration", "recipe"):
        entry = provenance.get(key)
        if isinstance(entry, Mapping):
            rows.append([key, ", ".join(_entry(k, v) for k, v in entry.items() if v is not None)])
    rows += [
        [f"pictures for {what}", f"{p['pictures']}, sha256 {p['sha256']}"]
        for what, p in record["protocol"].items()
    ]
    if record.get("range"):
        rows.append(["range of grey with more than 8 bits", record["range"]])
    rows += [["note", f"{count} {text}"] for text, count in record.get("notes", {}).items()]
    rows += [
        ["made by", record["generator"]],
        ["tools", ", ".join(f"{k} {v}" for k, v in record["tools"].items())],
        ["command", record["command"] or "-"],
    ]
    cells = "".join(
        f"<tr><td>{escape(str(k))}</td><td><code>{escape(str(v))}</code></td></tr>" for k, v in rows
    )
    yield f"<table>{cells}</table>"


def _entry(key: str, value: object) -> str:
    """Format an entry of the manifest; a long table, such as the float convolutions, by its length."""
    return f"{key} {len(value) if isinstance(value, Mapping) else value}"


def _table(head: Sequence[str], rows: Iterable[Row]) -> Iterable[str]:
    """Yield a table whose columns after the first are numbers."""
    yield '<div class="wide"><table>'
    yield from table_rows(head, rows, range(1, len(head)))
    yield "</table></div>"
