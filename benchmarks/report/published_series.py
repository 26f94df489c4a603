"""Published numbers as series of a figure."""

from __future__ import annotations

from edge_edet.benchmarks.analysis import SPLITS, Published, Quantity, Value
from edge_edet.benchmarks.published import read_rows
from edge_edet.benchmarks.report.figures import Mark, Series

__all__ = ["published_series"]


def published_series(published: Published, figure: str) -> list[Series]:
    """Return the published series of a figure, none where the source has no such numbers.

    EfficientDet is a line; the detectors that the source compares it with are points.
    """
    quantity = published.quantity(figure)
    if quantity is None:
        return []
    made = []
    for file, name, line in (
        ("efficientdet", "EfficientDet", True),
        ("comparators", "other detectors", False),
    ):
        marks = [
            _mark(published, row, quantity)
            for row in read_rows(file)
            if row["source"] == published.source
            and row[quantity.column]
            and row[SPLITS[published.split]]
        ]
        if marks:
            made.append(
                Series(f"{name}, published: {published.source}", None, tuple(marks), line=line)
            )
    return made


def _mark(published: Published, row: dict[str, str], quantity: Quantity) -> Mark:
    x = float(row[quantity.column]) * quantity.scale
    ap = float(row[SPLITS[published.split]])
    lines = [("source", published.name)]
    lines += [(key, text) for key, text in row.items() if text and key != "source"]
    size = f" {row['input_size']}" if row["input_size"] and not _ours(row["model"]) else ""
    return Mark(
        Value(x, "published", f"{published.name}: {quantity.what}"),
        Value(ap, "published", f"{published.name}: {published.eval_set.name} AP"),
        _short(row["model"]),
        f"{row['model']}{size}, published",
        "x" if _ours(row["model"]) else "+",
        tuple(lines),
    )


def _short(model: str) -> str:
    """Return a short name to draw beside a mark; its title has the whole name."""
    if _ours(model):
        return model.upper().replace("X", "x")
    model = model.removesuffix("-nas-fpn-aa")
    return model.removesuffix("-fpn") if model.startswith("mask-rcnn") else model


def _ours(model: str) -> bool:
    return len(model) <= 3 and model.startswith("d")
