"""The result of an evaluation: its numbers, and all that they depend on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.benchmarks.accuracy.bootstrap import Interval, interval, mean_ap
from edge_edet.benchmarks.accuracy.coco_metrics import NAMES, ClassAP, Evaluation
from edge_edet.errors import InputError

__all__ = ["PARTS", "Difference", "Result", "compare", "intervals_of"]

# numbers with an interval -> their IoU thresholds, of 0.50, 0.55 ... 0.95
PARTS: dict[str, slice] = {"ap": slice(None), "ap50": slice(0, 1), "ap75": slice(5, 6)}
LIMITS = (-1.0, 1.0)  # of a difference


@dataclass(frozen=True, eq=False)
class Result:
    """One model on one set of pictures under one protocol; AP is from 0 to 1.

    Attributes
    ----------
    ran_on
        Runtime, version, delegate, threads, input and suppression of the run.
    numbers
        COCO's twelve numbers by name; None where there is nothing to measure.
    detections
        Number of detections of each picture, in the order of the pictures.
    step_ms
        Median time of each step in ms.
    notes
        Text -> count of what a reader of the AP should know.
    resumed
        Pictures that an earlier run had finished.
    intervals, class_intervals
        95 % over the pictures; None where there is nothing to measure, empty without resampling.
    resampled
        [resamples, classes, 10] AP of each resample, for paired differences.
    left_out
        Pictures of the data that cannot be read; all other counts are without them.
    padding
        Share of the input beside the pictures, their mean, 0 to 1; None where a row of an earlier run does
        not say.
    """

    model: str
    model_sha256: str
    precision: str
    ran_on: dict[str, Any]
    data: str
    data_digest: str
    pictures: int
    objects: int
    protocol: dict[str, Any]
    class_map: dict[str, str]
    numbers: dict[str, float | None]
    per_class: tuple[ClassAP, ...]
    detections: tuple[int, ...]
    step_ms: dict[str, float]
    notes: dict[str, int]
    resumed: int
    resamples: int
    seed: int
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    class_intervals: dict[str, Interval | None] = field(default_factory=dict)
    resampled: npt.NDArray[np.float64] | None = None
    left_out: int = 0
    padding: float | None = None

    @property
    def ap(self) -> float:
        """AP at IoU 0.50 to 0.95, in steps of 0.05."""
        return self.numbers["ap"] or 0.0

    @property
    def ap50(self) -> float:
        """AP at IoU 0.50."""
        return self.numbers["ap50"] or 0.0

    @property
    def ap75(self) -> float:
        """AP at IoU 0.75."""
        return self.numbers["ap75"] or 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict with the fields as keys, without the resamples."""
        plain = {k: v for k, v in vars(self).items() if k != "resampled"}
        plain["numbers"] = {name: self.numbers[name] for name in NAMES}
        plain["per_class"] = [
            {**vars(one), "interval": _listed(self.class_intervals.get(one.name))}
            for one in self.per_class
        ]
        del plain["class_intervals"]
        plain["intervals"] = {name: _listed(value) for name, value in self.intervals.items()}
        plain["detections"] = list(self.detections)
        return plain


@dataclass(frozen=True)
class Difference:
    """The second result minus the first, with paired intervals; positive: the second is better."""

    first: str
    second: str
    numbers: dict[str, float]
    intervals: dict[str, Interval | None]
    per_class: dict[str, float | None]
    class_intervals: dict[str, Interval | None]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        per_class = {
            name: {"ap": value, "interval": _listed(self.class_intervals.get(name))}
            for name, value in self.per_class.items()
        }
        intervals = {name: _listed(value) for name, value in self.intervals.items()}
        plain = {**vars(self), "intervals": intervals, "per_class": per_class}
        del plain["class_intervals"]
        return plain


def intervals_of(
    table: npt.NDArray[np.float64], scored: Evaluation
) -> tuple[dict[str, Interval | None], dict[str, Interval | None]]:
    """Return the intervals of AP, AP50 and AP75, and those of the AP of each class.

    Parameters
    ----------
    table
        [resamples, classes, 10] of `resampled_ap`.
    """
    whole = {n: interval(mean_ap(table, part), scored.numbers[n]) for n, part in PARTS.items()}
    classes = table.mean(axis=2)
    each = {one.name: interval(classes[:, k], one.ap) for k, one in enumerate(scored.per_class)}
    return whole, each


def compare(first: Result, second: Result) -> Difference:
    """Return the difference of two results, with intervals paired over the pictures.

    Parameters
    ----------
    first
        What is subtracted.
    second
        What it is subtracted from.

    Returns
    -------
    Difference
        Second minus first.

    Raises
    ------
    InputError
        The two are not of the same pictures, protocol and draws, so that a difference is meaningless.
    """
    for name in ("data_digest", "pictures", "protocol", "resamples", "seed"):
        if getattr(first, name) != getattr(second, name):
            raise InputError(
                f"cannot compare {first.model!r} with {second.model!r}: they differ in {name}"
            )
    numbers = {n: (second.numbers[n] or 0.0) - (first.numbers[n] or 0.0) for n in PARTS}
    pairs = zip(first.per_class, second.per_class, strict=True)
    per_class = {a.name: None if a.ap is None or b.ap is None else b.ap - a.ap for a, b in pairs}
    intervals: dict[str, Interval | None] = {}
    class_intervals: dict[str, Interval | None] = {}
    if first.resampled is not None and second.resampled is not None:
        for name, part in PARTS.items():
            change = mean_ap(second.resampled, part) - mean_ap(first.resampled, part)
            intervals[name] = interval(change, numbers[name], LIMITS)
        change = second.resampled.mean(axis=2) - first.resampled.mean(axis=2)
        for k, (name, value) in enumerate(per_class.items()):
            class_intervals[name] = interval(change[:, k], value, LIMITS)
    return Difference(first.model, second.model, numbers, intervals, per_class, class_intervals)


def _listed(value: Interval | None) -> list[float] | None:
    return None if value is None else value.to_list()
