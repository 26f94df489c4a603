"""The twelve numbers equal pycocotools', and the intervals hold what they should."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.benchmarks.accuracy.bootstrap import draws, interval, mean_ap, resampled_ap
from edge_edet.benchmarks.accuracy.coco_metrics import (
    NAMES,
    Evaluation,
    counted_objects,
    evaluate_boxes,
)
from edge_edet.benchmarks.accuracy.datasets import Dataset
from edge_edet.benchmarks.accuracy.evaluation import evaluate, load_dataset
from edge_edet.benchmarks.accuracy.run_detector import EvalRow
from edge_edet.errors import InputError


def score(
    dataset: Dataset, rows: list[EvalRow], mapping: dict[int, int] | None = None
) -> Evaluation:
    objects, _ = counted_objects(dataset, 1.0)
    mapping = mapping or {n: c.id for n, c in enumerate(dataset.categories)}
    return evaluate_boxes(dataset.pictures, objects, dataset.categories, rows, mapping)


def reference(dataset: Dataset, rows: list[EvalRow], mapping: dict[int, int]) -> Any:
    """pycocotools' COCOeval, accumulated and summarized."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, number = COCO(), 0
    annotations = []
    for picture in dataset.pictures:
        inside = picture.objects
        for box, category, area, crowd in zip(
            inside.boxes.tolist(),
            inside.categories.tolist(),
            inside.areas.tolist(),
            inside.crowd.tolist(),
            strict=True,
        ):
            number += 1
            annotations.append(
                {
                    "id": number,
                    "image_id": picture.id,
                    "category_id": category,
                    "bbox": box,
                    "area": area,
                    "iscrowd": int(crowd),
                }
            )
    truth.dataset = {
        "images": [{"id": picture.id} for picture in dataset.pictures],
        "annotations": annotations,
        "categories": [{"id": c.id, "name": c.name} for c in dataset.categories],
    }
    found = []
    for row in rows:
        for (x0, y0, x1, y1), p, n in zip(
            row.boxes.tolist(), row.scores.tolist(), row.classes.tolist(), strict=True
        ):
            box = [x0, y0, x1 - x0, y1 - y0]
            found.append(
                {"image_id": row.picture, "category_id": mapping[n], "bbox": box, "score": p}
            )
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        ran = COCOeval(truth, truth.loadRes(found), "bbox")
        ran.evaluate()
        ran.accumulate()
        ran.summarize()
    return ran


@pytest.mark.parametrize("seed", range(6))
def test_numbers_equal_pycocotools_on_random_data(
    seed: int, random_data: Callable[..., tuple[Dataset, list[EvalRow]]]
) -> None:
    """With crowds, pictures without objects or detections, and (odd seeds) equal scores."""
    dataset, rows = random_data(seed, ties=seed % 2 == 1, found=140 if seed == 4 else 30)
    mapping = {n: c.id for n, c in enumerate(dataset.categories)}
    ours, ran = score(dataset, rows), reference(dataset, rows, mapping)
    theirs = [None if value < 0 else float(value) for value in ran.stats]
    assert [ours.numbers[name] for name in NAMES] == pytest.approx(theirs, abs=1e-12)
    precision = ran.eval["precision"][:, :, :, 0, 2]
    for k, one in enumerate(ours.per_class):
        assert one.ap == pytest.approx(precision[:, :, k].mean(), abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_weights_of_one_give_the_ap_itself(
    ties: bool, random_data: Callable[..., tuple[Dataset, list[EvalRow]]]
) -> None:
    dataset, rows = random_data(11, ties=ties)
    ours = score(dataset, rows)
    table = resampled_ap(ours.matches, np.ones((1, len(rows)), np.int64))
    assert mean_ap(table)[0] == pytest.approx(ours.numbers["ap"], abs=1e-12)
    assert mean_ap(table, slice(0, 1))[0] == pytest.approx(ours.numbers["ap50"], abs=1e-12)
    per_class = table[0].mean(axis=1)
    assert per_class.tolist() == pytest.approx([one.ap for one in ours.per_class], abs=1e-12)


def test_resampling_equals_evaluating_copies_of_pictures(
    random_data: Callable[..., tuple[Dataset, list[EvalRow]]],
) -> None:
    """A picture of weight 2 is a picture that is there twice."""
    dataset, rows = random_data(5, pictures=12)
    weights = draws(12, 3, seed=1)
    table = resampled_ap(score(dataset, rows).matches, weights)
    for n, weight in enumerate(weights):
        order = np.repeat(np.arange(12), weight).tolist()
        pictures, copies = [], []
        for new, i in enumerate(order, 1):
            old, row = dataset.pictures[i], rows[i]
            pictures.append(type(old)(new, old.path, old.size, old.objects))
            copies.append(EvalRow(new, row.boxes, row.scores, row.classes, row.step_ms))
        copied = score(Dataset("copies", "coco", dataset.categories, tuple(pictures)), copies)
        assert mean_ap(table)[n] == pytest.approx(copied.numbers["ap"], abs=1e-12)


def test_interval_holds_the_ap_of_the_whole(
    random_data: Callable[..., tuple[Dataset, list[EvalRow]]],
) -> None:
    """Of 40 samples of 60 pictures each, about 95 % of the intervals hold the population's AP."""
    dataset, rows = random_data(3, pictures=1200, classes=2, found=12)
    population = score(dataset, rows)
    ap = population.numbers["ap"]
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(40):
        chosen = rng.choice(1200, 60, replace=False)
        part = Dataset(
            "part", "coco", dataset.categories, tuple(dataset.pictures[i] for i in chosen)
        )
        sample = score(part, [rows[i] for i in chosen])
        table = resampled_ap(sample.matches, draws(60, 200, seed=trial))
        around = interval(mean_ap(table), sample.numbers["ap"])
        assert around is not None
        hits += around.low <= (ap or 0) <= around.high
    assert hits >= 36, "the plain percentiles hold it 30 times"


def test_no_detections_is_zero(random_data: Callable[..., Any]) -> None:
    dataset, rows = random_data(1)
    none = [EvalRow(r.picture, r.boxes[:0], r.scores[:0], r.classes[:0], r.step_ms) for r in rows]
    ours = score(dataset, none)
    assert ours.numbers["ap"] == 0
    assert ours.matches
    assert (mean_ap(resampled_ap(ours.matches, draws(40, 5, 0))) == 0).all()


def test_rows_read_back_to_the_same_bits(random_data: Callable[..., Any]) -> None:
    _, rows = random_data(2)
    for row in rows:
        again = EvalRow.from_dict(row.to_dict())
        assert again.boxes.tobytes() == row.boxes.tobytes()
        assert again.scores.tobytes() == row.scores.tobytes()


def test_foreign_detector_on_photographs_equals_pycocotools(shared: Path, foreign: Path) -> None:
    """90 ids with gaps in the model, 80 categories in the data: matched by name."""
    import edge_edet
    from edge_edet.benchmarks.accuracy.class_mapping import class_map
    from edge_edet.benchmarks.accuracy.evaluation import DEFAULT_PROTOCOL
    from edge_edet.benchmarks.accuracy.run_detector import run_detector

    dataset = load_dataset(shared / "data" / "coco_val464").first(48)
    config = DEFAULT_PROTOCOL.postprocess()
    with edge_edet.load(foreign, threads=1, config=config) as detector:
        result = evaluate(detector, dataset, resamples=0)
        rows = list(run_detector(detector, dataset.pictures, config))
        mapping = class_map(detector.labels, dataset.categories, set())
    assert len(result.class_map) == 80
    assert all(model == data for model, data in result.class_map.items())
    assert mapping[89] == 90, "class 89, toothbrush, has id 90"
    ran = reference(dataset, rows, mapping)
    theirs = [None if value < 0 else float(value) for value in ran.stats]
    assert [result.numbers[name] for name in NAMES] == pytest.approx(theirs, abs=1e-12)


def test_nothing_to_find_is_refused(random_data: Callable[..., Any]) -> None:
    dataset, _ = random_data(0)
    with pytest.raises(
        InputError, match=r"no object to find in 40 pictures: \d+ too small, 0 crow"
    ):
        counted_objects(dataset, 1e5)
