"""The AP that a row stands at: its own, that of the same file measured in another row, or published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.analysis.eval_set import VAL2017, Yardstick, yardstick_of
from edge_edet.benchmarks.analysis.published_numbers import Published
from edge_edet.benchmarks.analysis.selection import Notes
from edge_edet.benchmarks.analysis.values import Value, ap_of, way_of
from edge_edet.benchmarks.published import published_size
from edge_edet.benchmarks.rows import Accuracy, BenchmarkRow, to_json
from edge_edet.variants import VARIANTS

__all__ = ["Judge", "Judged", "is_coco_model"]

ROUNDING = 0.006  # of printed parameters: 3.9 million are 3.88; with 3 classes D0 has 3.83
COUNTED = 0.002  # of those that we count: 80 or 91 classes instead of 90
MEASURE = "'edge-edet bench --data DIR' measures it, of boards that are estimated too"


@dataclass(frozen=True)
class Judged:
    """value: AP in points. elsewhere: not measured where the row's time is from. protocol: of the
    evaluation, as text; "" where the AP is published."""

    yardstick: Yardstick
    value: Value
    protocol: str
    elsewhere: bool = False


class Judge:
    """Knows all rows, as a file that was evaluated in one of them has that AP in all of them."""

    def __init__(
        self, rows: Sequence[BenchmarkRow], published: Published | None, published_ap: bool
    ):
        self._published = published
        self._published_ap = published_ap
        self._evaluated: dict[str, list[BenchmarkRow]] = {}
        for row in rows:
            if row.accuracy is not None:
                self._evaluated.setdefault(row.model.sha256, []).append(row)

    def all(self, row: BenchmarkRow, notes: Notes) -> list[Judged]:
        """One for each yardstick, the row's own before those of other rows; notes: why there is none."""
        found: dict[Yardstick, Judged] = {}
        others = self._evaluated.get(row.model.sha256, [])
        here = [other for other in others if other.device == row.device]
        own = [row] if row.accuracy is not None else []
        # the last one counts, on the same device before elsewhere
        for other in (*own, *reversed(here), *reversed(others)):
            judged = _measured(row, other)
            if judged is not None:
                found.setdefault(judged.yardstick, judged)
        if found:
            return list(found.values())
        if others:
            notes.add("left out: the evaluation found nothing to measure", row.model.file)
            return []
        lent = self._lent(row, notes)
        return [] if lent is None else [lent]

    def on(self, yardstick: Yardstick, row: BenchmarkRow, notes: Notes) -> Judged | None:
        """What the row has on this yardstick."""
        return next((one for one in self.all(row, notes) if one.yardstick == yardstick), None)

    def _lent(self, row: BenchmarkRow, notes: Notes) -> Judged | None:
        """The published AP of the variant, where it is asked for and the network is that one."""
        name, published = row.model.variant, self._published
        reason = _not_published(row, published)
        if not self._published_ap or published is None:
            may = "; of the published weights --published-ap takes the published one"
            notes.add(f"left out: no AP measured: {MEASURE}{'' if reason else may}", row.model.file)
            return None
        if reason is not None:
            notes.add(f"left out: no AP measured, and {reason}", row.model.file)
            return None
        value = published.ap(name or "", row.model.precision)
        assert value is not None
        return Judged(published.yardstick, value, "")


def is_coco_model(row: BenchmarkRow) -> bool:
    """Whether the row is of a network with COCO's classes, or was evaluated on COCO val2017."""
    if row.accuracy is not None and yardstick_of(row.accuracy) == VAL2017:
        return True
    return (
        row.model.variant in VARIANTS
        and row.model.parameters is not None
        and (_has_parameters(row, [_counted(row)], COUNTED))
    )


def _measured(row: BenchmarkRow, other: BenchmarkRow) -> Judged | None:
    """The AP of `other`, which is of the same file, for `row`."""
    assert other.accuracy is not None
    value = ap_of(other.accuracy)
    if value is None:
        return None
    elsewhere = other is not row or row.how == "estimated"
    if elsewhere:
        where = (
            way_of(other) if other.how != "estimated" else "on the machine that made the estimate"
        )
        basis = f"{value.basis}; same file (sha256), evaluated: {where}"
        value = Value(value.middle, value.how, basis, value.low, value.high)
    return Judged(yardstick_of(other.accuracy), value, _protocol(other.accuracy), elsewhere)


def _not_published(row: BenchmarkRow, published: Published | None) -> str | None:
    """Why no published AP may stand for this row; None where one may."""
    variant = VARIANTS.get(row.model.variant or "")
    if variant is None or row.model.image_size != (variant.image_size,) * 2:
        return "none published for this network and size"
    known = [_counted(row), *_printed(row)]
    if row.model.parameters is not None and not _has_parameters(row, known, ROUNDING):
        return (
            "not the published network: its number of parameters is another, as with other classes"
        )
    if published is not None and published.ap(variant.name, row.model.precision) is None:
        return f"{published.source} has no {published.yardstick.name} AP of it"
    return None


def _has_parameters(row: BenchmarkRow, known: Sequence[int], tolerance: float) -> bool:
    count = row.model.parameters
    return count is not None and any(abs(count - k) <= tolerance * k for k in known)


def _counted(row: BenchmarkRow) -> int:
    """With COCO's 90 classes, in our graph of it."""
    from edge_edet.network import count_parameters

    return count_parameters(VARIANTS[row.model.variant or ""])


def _printed(row: BenchmarkRow) -> Iterator[int]:
    count = published_size(row.model.variant or "").parameters
    if count is not None:
        yield count


def _protocol(accuracy: Accuracy) -> str:
    return json.dumps(to_json(accuracy.protocol))
