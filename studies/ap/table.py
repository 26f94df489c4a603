"""The table of an AP sweep: AP with its interval, the published AP, and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_edet.benchmarks.analysis import (
    VAL2017,
    ap_of,
    eval_set_of,
    latency_of,
    published_from,
    threads_of,
)
from edge_edet.benchmarks.rows import BenchmarkRow
from edge_edet.studies.conditions import measuring_conditions
from edge_edet.studies.table_lines import wrapped

__all__ = ["to_document", "to_text"]

COLUMNS = ("file", "runtime", "thr", "AP", "95 % interval", "published", "ms")


def to_text(rows: Sequence[BenchmarkRow]) -> str:
    """Return the table as text; AP is in points."""
    table = [COLUMNS, *(_cells(one) for one in to_document(rows))]
    widths = [max(len(line[n]) for line in table) for n in range(len(COLUMNS))]
    left = 2  # columns of text, the others are numbers
    lines = [
        "  ".join(
            f"{cell:{width}}" if n < left else f"{cell:>{width}}"
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    names = dict.fromkeys(eval_set_of(row.accuracy).name for row in rows if row.accuracy)
    below = (
        f"AP in points, on {', '.join(names) or 'nothing'}; ms: inference, median",
        *measuring_conditions(rows),
    )
    return "\n".join([*lines, "", *(part for one in below for part in wrapped(one))])


def to_document(rows: Sequence[BenchmarkRow]) -> list[dict[str, Any]]:
    """Return a JSON-ready dict per row.

    published_ap is that of the variant on COCO val2017, if the row was evaluated on it, else None.
    """
    published = published_from("v7", "val2017")
    assert published is not None
    lines = []
    for row in rows:
        model, ap, time = row.model, ap_of(row.accuracy), latency_of(row)
        comparable = row.accuracy is not None and eval_set_of(row.accuracy) == VAL2017
        expected = published.ap(model.variant or "", model.precision) if comparable else None
        lines.append(
            {
                "model": model.file,
                "variant": model.variant,
                "precision": model.precision,
                "runtime": row.ran.runtime if row.ran is not None else None,
                "threads": threads_of(row),
                "ap": ap.middle if ap else None,
                "ap_low": ap.low if ap else None,
                "ap_high": ap.high if ap else None,
                "published_ap": expected.middle if expected else None,
                "inference_ms": time.middle if time else None,
                "row": row.key,
            }
        )
    return lines


def _cells(line: dict[str, Any]) -> tuple[str, ...]:
    def number(key: str, digits: int = 2) -> str:
        return "-" if line[key] is None else f"{line[key]:.{digits}f}"

    ends = "-" if line["ap_low"] is None else f"{number('ap_low')} to {number('ap_high')}"
    return (
        line["model"],
        line["runtime"] or "-",
        str(line["threads"] or "-"),
        number("ap"),
        ends,
        number("published_ap", 1),
        number("inference_ms", 1),
    )
