"""Numbers that others published, each row with its source, in CSV files beside this module."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["PublishedSize", "published_size", "read_rows"]

_PAPER = "arXiv 1911.09070v7 Table 2"
_README = "google/automl efficientdet README (HEAD, 2025-03)"
_EFFDET = "rwightman/efficientdet-pytorch README (effdet 0.4.1)"


@dataclass(frozen=True)
class PublishedSize:
    """The published size of one model, with the sources; None where nothing is published.

    Attributes
    ----------
    parameters
        Their number, rounded.
    parameters_source
        Where it is printed.
    multiply_adds
        Their number, rounded.
    multiply_adds_source
        Where it is printed.
    """

    parameters: int | None = None
    parameters_source: str | None = None
    multiply_adds: int | None = None
    multiply_adds_source: str | None = None


def read_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of `name`.csv, column -> text, without its `#` lines.

    Parameters
    ----------
    name
        Of the table, without suffix.

    Returns
    -------
    list[dict[str, str]]
        One dict for each row.
    """
    text = files("edge_edet.benchmarks.published").joinpath(f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def published_size(model: str) -> PublishedSize:
    """Return parameters and multiply-adds of a variant as its authors print them, rounded.

    Parameters
    ----------
    model
        Such as d0.

    Returns
    -------
    PublishedSize
        Numbers with their sources.
    """
    for row in read_rows("lite"):
        if row["model"] == model:
            return PublishedSize(round(float(row["params_m"]) * 1e6), _README)
    parameters = {row["model"]: row["params_m"] for row in read_rows("parameters")}
    for row in read_rows("efficientdet"):
        if (row["source"], row["model"]) == ("v7", model):  # the README's 130 for d5 is an outlier
            count = round(float(parameters[model]) * 1e6)
            return PublishedSize(count, _EFFDET, round(float(row["flops_g"]) * 1e9), _PAPER)
    return PublishedSize()
