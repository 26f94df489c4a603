"""The AP of a row: its own, that of the same file in another row, or the published one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_edet.benchmarks.analysis.eval_set import VAL2017, EvalSet, eval_set_of
from edge_edet.benchmarks.analysis.published_numbers import Published
from edge_edet.benchmarks.analysis.selection import Notes
from edge_edet.benchmarks.analysis.values import Value, ap_of, way_of
from edge_edet.benchmarks.published import published_size
from edge_edet.benchmarks.rows import Accuracy, BenchmarkRow
from edge_edet.files import to_json
from edge_edet.variants import VARIANTS

__all__ = ["ApLookup", "ApOfRow", "is_coco_model"]

ROUNDING = 0.006  # of printed parameters: 3.9 million are 3.88; with 3 classes D0 has 3.83
COUNTED = 0.002  # of those that we count: 80 or 91 classes instead of 90
MEASURE = "'edge-edet bench --data DIR' measures it, also for boards that are estimated"


@dataclass(frozen=True)
class ApOfRow:
    """An AP that a row can be drawn at.

    Attributes
    ----------
    eval_set
        What the AP was measured on.
    value
        The AP in points, 0 to 100.
    protocol
        The protocol of the evaluation as JSON; "" where the AP is published.
    elsewhere
        The AP was not measured where the row's time comes from.
    """

    eval_set: EvalSet
    value: Value
    protocol: str
    elsewhere: bool = False


class ApLookup:
    """Finds the APs of rows: a file that was evaluated in one row has that AP in all of its rows.

    Parameters
    ----------
    rows
        All rows, of which one may have the AP of another's file.
    published
        Published numbers; None: none.
    published_ap
        Whether published APs stand in where none was measured.
    """

    def __init__(
        self, rows: Sequence[BenchmarkRow], published: Published | None, published_ap: bool
    ):
        self._published = published
        self._published_ap = published_ap
        self._evaluated: dict[str, list[BenchmarkRow]] = {}
        for row in rows:
            if row.accuracy is not None:
                self._evaluated.setdefault(row.model.sha256, []).append(row)

    def all(self, row: BenchmarkRow, notes: Notes) -> list[ApOfRow]:
        """Return one AP per evaluation set, the row's own before those of other rows.

        Where there is none, `notes` gets the reason.

        Parameters
        ----------
        row
            One of the rows.
        notes
            Gets the reason where there is none.

        Returns
        -------
        list[ApOfRow]
            One AP for each evaluation set.
        """
        found: dict[EvalSet, ApOfRow] = {}
        others = self._evaluated.get(row.model.sha256, [])
        here = [other for other in others if other.device == row.device]
        own = [row] if row.accuracy is not None else []
        # the last one counts, on the same device before elsewhere
        for other in (*own, *reversed(here), *reversed(others)):
            measured = _measured(row, other)
            if measured is not None:
                found.setdefault(measured.eval_set, measured)
        if found:
            return list(found.values())
        if others:
            notes.add("left out: its evaluation had no objects to find", row.model.file)
            return []
        published = self._published_ap_of(row, notes)
        return [] if published is None else [published]

    def on(self, eval_set: EvalSet, row: BenchmarkRow, notes: Notes) -> ApOfRow | None:
        """Return the row's AP on one evaluation set, None where it has none.

        Parameters
        ----------
        eval_set
            Where the AP is to be from.
        row
            One of the rows.
        notes
            Gets the reason where there is none.

        Returns
        -------
        ApOfRow | None
            The AP.
        """
        return next((one for one in self.all(row, notes) if one.eval_set == eval_set), None)

    def _published_ap_of(self, row: BenchmarkRow, notes: Notes) -> ApOfRow | None:
        """Return the published AP, where it is requested and the network is the published one."""
        name, published = row.model.variant, self._published
        reason = _not_published(row, published)
        if not self._published_ap or published is None:
            option = "; for the published weights, --published-ap takes the published AP"
            notes.add(
                f"left out: no AP measured: {MEASURE}{'' if reason else option}", row.model.file
            )
            return None
        if reason is not None:
            notes.add(f"left out: no AP measured, and {reason}", row.model.file)
            return None
        value = published.ap(name or "", row.model.precision)
        assert value is not None
        return ApOfRow(published.eval_set, value, "")


def is_coco_model(row: BenchmarkRow) -> bool:
    """Return whether the network has COCO's classes or was evaluated on COCO val2017.

    Parameters
    ----------
    row
        Of the model.

    Returns
    -------
    bool
        Whether it detects COCO's classes.
    """
    if row.accuracy is not None and eval_set_of(row.accuracy) == VAL2017:
        return True
    return (
        row.model.variant in VARIANTS
        and row.model.parameters is not None
        and (_has_parameters(row, [_counted(row)], COUNTED))
    )


def _measured(row: BenchmarkRow, other: BenchmarkRow) -> ApOfRow | None:
    """Return the AP of `other`, a row of the same file, for `row`."""
    assert other.accuracy is not None
    value = ap_of(other.accuracy)
    if value is None:
        return None
    elsewhere = other is not row or row.how == "estimated"
    if elsewhere:
        where = (
            way_of(other) if other.how != "estimated" else "on the machine that made the estimate"
        )
        basis = f"{value.basis}; evaluated in another row of the same file (sha256): {where}"
        value = Value(value.middle, value.how, basis, value.low, value.high)
    return ApOfRow(eval_set_of(other.accuracy), value, _protocol(other.accuracy), elsewhere)


def _not_published(row: BenchmarkRow, published: Published | None) -> str | None:
    """Why no published AP may stand for this row; None where one may."""
    variant = VARIANTS.get(row.model.variant or "")
    if variant is None or row.model.image_size != variant.input_size:
        return "no AP is published for this network and input size"
    known = [_counted(row), *_printed(row)]
    if row.model.parameters is not None and not _has_parameters(row, known, ROUNDING):
        return "it is not the published network: the number of parameters differs, as with other classes"
    if published is not None and published.ap(variant.name, row.model.precision) is None:
        return f"{published.source} publishes no AP on {published.eval_set.name} for it"
    return None


def _has_parameters(row: BenchmarkRow, known: Sequence[int], tolerance: float) -> bool:
    count = row.model.parameters
    return count is not None and any(abs(count - k) <= tolerance * k for k in known)


def _counted(row: BenchmarkRow) -> int:
    """Return the parameters of the variant with COCO's 90 classes, counted in our graph of it."""
    from edge_edet.network import count_parameters

    return count_parameters(VARIANTS[row.model.variant or ""])


def _printed(row: BenchmarkRow) -> Iterator[int]:
    count = published_size(row.model.variant or "").parameters
    if count is not None:
        yield count


def _protocol(accuracy: Accuracy) -> str:
    return json.dumps(to_json(accuracy.protocol))
