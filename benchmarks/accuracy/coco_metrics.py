"""Compute COCO's twelve numbers from detections and objects, with the evaluator hotcoco."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.benchmarks.accuracy.datasets import Category, Dataset, Objects, Picture
from edge_edet.benchmarks.accuracy.run_detector import EvalRow
from edge_edet.errors import InputError

__all__ = ["NAMES", "ClassAP", "ClassMatches", "Evaluation", "counted_objects", "evaluate_boxes"]

# In COCOeval's order. AR1, AR10, AR100: recall with that many detections per picture and class.
NAMES = (
    "ap",
    "ap50",
    "ap75",
    "ap_small",
    "ap_medium",
    "ap_large",
    "ar1",
    "ar10",
    "ar100",
    "ar_small",
    "ar_medium",
    "ar_large",
)
MAX_DETECTIONS = 2  # index of "the best 100 detections" in the evaluator's arrays
Table = npt.NDArray[np.float64]  # [n, 7] picture, x, y, width, height, score, category


@dataclass(frozen=True)
class ClassAP:
    """The AP of one category; None where it has no objects."""

    name: str
    ap: float | None
    ap50: float | None
    objects: int
    detections: int


@dataclass(frozen=True, eq=False)
class ClassMatches:
    """The evaluator's matching of one category's detections, the best first: enough for any AP.

    Attributes
    ----------
    pictures
        [n] index of the picture of each detection.
    matched, ignored
        [10, n] at each IoU threshold; ignored detections count neither as correct nor as wrong.
    objects
        [pictures] number of objects of this category, without crowds.
    """

    pictures: npt.NDArray[np.int64]
    matched: npt.NDArray[np.bool_]
    ignored: npt.NDArray[np.bool_]
    objects: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the evaluator reports.

    Attributes
    ----------
    numbers
        NAMES -> value; None where there is nothing to measure, such as no small objects.
    matches
        One per class as in `per_class`; empty when not requested.
    """

    numbers: dict[str, float | None]
    per_class: tuple[ClassAP, ...]
    matches: tuple[ClassMatches, ...]


def counted_objects(dataset: Dataset, min_side_px: float) -> tuple[list[Objects], int]:
    """Return the objects that count, picture by picture, and the number of those that are too small.

    Parameters
    ----------
    dataset
        Labelled pictures.
    min_side_px
        Objects count where both sides are longer than this, in pixels.

    Returns
    -------
    tuple[list[Objects], int]
        Objects of each picture, and how many are too small.

    Raises
    ------
    InputError
        No object is left to find.
    """
    kept, dropped = [], 0
    for picture in dataset.pictures:
        large = np.min(picture.objects.boxes[:, 2:], axis=1, initial=np.inf) > min_side_px
        dropped += int((~large).sum())
        kept.append(picture.objects[large])
    if not any((~objects.crowd).any() for objects in kept):
        raise InputError(
            f"{dataset.source!r} has no object to find in {len(kept)} pictures: "
            f"{dropped} too small, {sum(map(len, kept))} crowds"
        )
    return kept, dropped


def evaluate_boxes(
    pictures: tuple[Picture, ...],
    objects: list[Objects],
    categories: tuple[Category, ...],
    rows: Iterable[EvalRow],
    mapping: Mapping[int, int],
    *,
    matches: bool = True,
) -> Evaluation:
    """Evaluate detections against objects.

    Parameters
    ----------
    objects
        Of each picture, in the order of `pictures`.
    mapping
        Class id of the rows -> category id; detections of other classes do not count.
    matches
        Also return the matching, which takes a second run of the evaluator.
    """
    table = _table(rows, mapping)
    truth = _truth(pictures, objects, categories)
    ran = _run(truth, table)
    with contextlib.redirect_stdout(io.StringIO()):
        ran.accumulate()
        ran.summarize()
    stats = [_measured(value) for value in ran.stats[: len(NAMES)]]
    order = sorted(range(len(categories)), key=lambda k: categories[k].id)  # the evaluator's
    precision = np.asarray(ran.eval["precision"])[:, :, :, 0, MAX_DETECTIONS]  # [T, R, K]
    count = _objects_by_category(objects, categories)
    per_class = []
    for k in order:
        part = precision[:, :, order.index(k)]
        per_class.append(
            ClassAP(
                name=categories[k].name,
                ap=_measured(part.mean()),
                ap50=_measured(part[0].mean()),
                objects=int(count[:, k].sum()),
                detections=int((table[:, 6] == categories[k].id).sum()),
            )
        )
    ids = [categories[k].id for k in order]
    found = _matches(truth, table, pictures, ids, count[:, order]) if matches else ()
    return Evaluation(dict(zip(NAMES, stats, strict=True)), tuple(per_class), found)


def _measured(value: float) -> float | None:
    """Return the value, None for COCOeval's -1: nothing to measure."""
    return None if value < 0 or math.isnan(value) else float(value)


def _table(rows: Iterable[EvalRow], mapping: Mapping[int, int]) -> Table:
    parts = [np.zeros((0, 7))]
    for row in rows:
        categories = np.array([mapping.get(c, -1) for c in row.classes.tolist()], np.int64)
        known = np.array([c in mapping for c in row.classes.tolist()], bool)
        boxes = row.boxes[known].astype(np.float64)
        part = np.empty((len(boxes), 7))
        part[:, 0] = row.picture
        part[:, 1:3], part[:, 3:5] = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
        part[:, 5], part[:, 6] = row.scores[known], categories[known]
        parts.append(part)
    return np.concatenate(parts)


def _truth(
    pictures: tuple[Picture, ...], objects: list[Objects], categories: tuple[Category, ...]
) -> Any:
    from hotcoco import COCO

    rows: list[dict[str, Any]] = []
    for picture, inside in zip(pictures, objects, strict=True):
        columns = (inside.boxes, inside.categories, inside.areas, inside.crowd)
        for box, category, area, crowd in zip(*(c.tolist() for c in columns), strict=True):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": picture.id,
                    "category_id": category,
                    "bbox": box,
                    "area": area,
                    "iscrowd": int(crowd),
                }
            )
    size = {"width": 1, "height": 1}  # a dummy, as sizes are not used for boxes
    return COCO(
        {
            "images": [
                {"id": p.id, **(dict(zip(size, p.size, strict=True)) if p.size else size)}
                for p in pictures
            ],
            "annotations": rows,
            "categories": [{"id": c.id, "name": c.name} for c in categories],
        }
    )


def _run(truth: Any, table: Table, areas: list[list[float]] | None = None) -> Any:
    """Return the evaluator after its matching."""
    from hotcoco import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        ran = COCOeval(truth, truth.loadRes(table if len(table) else []), "bbox")
        if areas is not None:
            ran.params.areaRng, ran.params.areaRngLbl = areas, ["all"]
        ran.evaluate()
    return ran


def _objects_by_category(
    objects: list[Objects], categories: tuple[Category, ...]
) -> npt.NDArray[np.int64]:
    """Return [pictures, categories] numbers of objects, without crowds."""
    column = {category.id: k for k, category in enumerate(categories)}
    count = np.zeros((len(objects), len(categories)), np.int64)
    for i, inside in enumerate(objects):
        for category in inside.categories[~inside.crowd].tolist():
            count[i, column[category]] += 1
    return count


def _matches(
    truth: Any,
    table: Table,
    pictures: tuple[Picture, ...],
    ids: list[int],
    count: npt.NDArray[np.int64],
) -> tuple[ClassMatches, ...]:
    """Return the evaluator's own matching in its order: by score, ties by picture id."""
    index = {picture.id: i for i, picture in enumerate(pictures)}
    parts: dict[int, list[dict[str, Any]]] = {number: [] for number in ids}
    for cell in _run(truth, table, [[0.0, 1e10]]).evalImgs:
        if cell and cell["dtScores"]:
            parts[cell["category_id"]].append(cell)
    found = []
    for k, number in enumerate(ids):
        cells = sorted(parts[number], key=lambda cell: cell["image_id"])
        scores = np.array([s for cell in cells for s in cell["dtScores"]])
        places = [index[cell["image_id"]] for cell in cells for _ in cell["dtScores"]]
        empty = np.zeros((10, 0), bool)
        matched = np.concatenate([empty, *(np.array(c["dtMatched"], bool) for c in cells)], axis=1)
        ignored = np.concatenate([empty, *(np.array(c["dtIgnore"], bool) for c in cells)], axis=1)
        best = np.argsort(-scores, kind="stable")
        found.append(
            ClassMatches(
                np.array(places, np.int64)[best], matched[:, best], ignored[:, best], count[:, k]
            )
        )
    return tuple(found)
