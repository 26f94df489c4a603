"""Published numbers, each from one named source; sources are never mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_edet.benchmarks.analysis.eval_set import TEST_DEV, VAL2017, EvalSet
from edge_edet.benchmarks.analysis.values import Value
from edge_edet.benchmarks.published import read_rows
from edge_edet.errors import InputError

__all__ = ["QUANTITIES", "SOURCES", "Published", "board_latency", "published_from"]

SOURCES = {
    "v7": "arXiv 1911.09070v7, Table 2",  # the legend of its Fig. 1 has APs of an earlier version
    "cvpr": "CVPR 2020, Table 2",
    "readme": "google/automl README",
}
SPLITS = {"val2017": "ap_val", "test-dev": "ap"}
BOARDS = "github.com/NobuoTsukamoto/benchmarks, TensorFlow Lite 2.18, XNNPACK"
LITE = "google/automl README, EfficientDet-Lite"


@dataclass(frozen=True)
class Quantity:
    """A column of published numbers that a horizontal axis can show.

    Attributes
    ----------
    column
        Its name in the CSV file.
    what
        What it holds, for people.
    scale
        Factor from the unit of the column to that of the axis.
    """

    column: str
    what: str
    scale: float = 1.0


# figure -> the columns that a source may have for it; the first one that it has is used
QUANTITIES: dict[str, tuple[Quantity, ...]] = {
    "flops": (Quantity("flops_g", "billions of multiply-adds"),),
    "params": (Quantity("params_m", "millions of parameters"),),
    "gpu": (
        Quantity("titan_v_ms", "Titan V, FP32, batch 1, ms"),
        Quantity("v100_ms", "V100, FP16, batch 1, end to end, ms"),
    ),
    "cpu": (Quantity("cpu_s", "single-thread Xeon, ms", 1000.0),),
}


@dataclass(frozen=True)
class Published:
    """The numbers of one source, with AP on one split of COCO.

    Attributes
    ----------
    source
        Who published them: paper or automl.
    split
        Part of COCO that the AP is of.
    """

    source: str
    split: Literal["val2017", "test-dev"]

    @property
    def name(self) -> str:
        """The source, for people."""
        return SOURCES[self.source]

    @property
    def eval_set(self) -> EvalSet:
        """The pictures of the published APs."""
        return VAL2017 if self.split == "val2017" else TEST_DEV

    def ap(self, variant: str, precision: str) -> Value | None:
        """Return the published AP of a variant in points, None where there is none.

        The paper publishes float models only, so D0 to D7x have the same AP at every precision.

        Parameters
        ----------
        variant
            Such as d0.
        precision
            Of the model file.

        Returns
        -------
        Value | None
            AP in points, with its source.
        """
        if variant.startswith("lite"):
            column = "ap_int8" if precision == "int8" else "ap_float"
            for row in read_rows("lite"):
                if row["model"] == variant and self.split == "val2017":
                    return Value(float(row[column]), "published", f"{LITE}, {column}")
            return None
        for row in read_rows("efficientdet"):
            text = row[SPLITS[self.split]]
            if (row["source"], row["model"]) == (self.source, variant) and text:
                basis = f"{self.name}, {self.eval_set.name}, the float model"
                return Value(float(text), "published", basis)
        return None

    def quantity(self, figure: str) -> Quantity | None:
        """Return the column that the source has for the horizontal axis of a figure.

        Parameters
        ----------
        figure
            Name of the figure.

        Returns
        -------
        Quantity | None
            The column.
        """
        rows = [row for row in read_rows("efficientdet") if row["source"] == self.source]
        for one in QUANTITIES[figure]:
            if any(row[one.column] for row in rows):
                return one
        return None


def published_from(source: str, split: str) -> Published | None:
    """Return the numbers of a source; None for the source "none".

    Parameters
    ----------
    source
        Its name.
    split
        Val2017 or test-dev.

    Returns
    -------
    Published | None
        The numbers.

    Raises
    ------
    InputError
        The source or the split is unknown.
    """
    if split not in SPLITS:
        raise InputError(f"unknown --published-split {split!r}: known are {', '.join(SPLITS)}")
    if source == "none":
        return None
    if source not in SOURCES:
        known = ", ".join([*SOURCES, "none"])
        raise InputError(f"unknown --published source {source!r}: known are {known}")
    return Published(source, "val2017" if split == "val2017" else "test-dev")


def board_latency(device: str, variant: str, precision: str, threads: int | None) -> Value | None:
    """Return the published latency of an EfficientDet-Lite on a board: the mean of 50 runs in ms.

    Parameters
    ----------
    device
        Id of the board.
    variant
        Such as lite0.
    precision
        Of the model file.
    threads
        Of the CPU; None: not known.

    Returns
    -------
    Value | None
        Milliseconds, with their source; None: not published.
    """
    wanted = (device, variant, precision, str(threads))
    for row in read_rows("board_latency"):
        if (row["device"], row["model"], row["precision"], row["threads"]) == wanted:
            return Value(float(row["mean_ms"]), "published", f"mean of 50 runs; {BOARDS}")
    return None
