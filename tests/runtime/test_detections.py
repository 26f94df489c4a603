from __future__ import annotations

import json

import numpy as np
import pytest

from edge_edet import Detections, InputError
from edge_edet.labels.coco import COCO_LABELS, class_name
from edge_edet.labels.file import parse_label_text


def make(n: int = 3) -> Detections:
    boxes = np.tile(np.array([0, 1, 2, 3], np.float32), (n, 1))
    scores = np.linspace(0.9, 0.1, n).astype(np.float32)
    return Detections(boxes, scores, np.arange(n), tuple("abcdefgh"[:n]))


def test_length_slices_masks_and_iteration() -> None:
    found = make()
    assert len(found) == 3
    assert found[:2].labels == ("a", "b")
    assert found[found.scores > 0.4].classes.tolist() == [0, 1]
    assert found[[0, 2]].labels == ("a", "c")
    assert [one.label for one in found] == ["a", "b", "c"]
    assert len(make(0)) == 0
    assert make(0).to_dicts() == []


def test_dicts_are_json() -> None:
    (first, *_) = json.loads(json.dumps(make().to_dicts()))
    assert first == {"box": [0, 1, 2, 3], "score": pytest.approx(0.9), "class_id": 0, "label": "a"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": np.zeros((2, 4), np.float32)}, "must be [n, 4], [n], [n] and n names"),
        ({"labels": ("a",)}, "must be [n, 4], [n], [n] and n names"),
        ({"scores": np.array([0.1, 0.2, 0.3], np.float32)}, "scores must be descending"),
        ({"classes": np.zeros(3)}, "classes must be integers, but got float64"),
        ({"boxes": np.tile(np.float32([2, 2, 1, 3]), (3, 1))}, "one has max below min"),
        ({"boxes": np.full((3, 4), np.nan, np.float32)}, "one is NaN"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    good = make()
    fields = {name: getattr(good, name) for name in ("boxes", "scores", "classes", "labels")}
    with pytest.raises(InputError) as error:
        Detections(**{**fields, **change})
    assert message in str(error.value)


def test_an_integer_index_is_refused() -> None:
    with pytest.raises(InputError, match="index with a slice or mask"):
        make()[0]  # type: ignore[index]


def test_coco_labels_have_their_gaps() -> None:
    assert len(COCO_LABELS) == 90
    assert sum(label is not None for label in COCO_LABELS) == 80
    assert COCO_LABELS[0] == "person"
    assert COCO_LABELS[89] == "toothbrush"
    gaps = [i + 1 for i, label in enumerate(COCO_LABELS) if label is None]
    assert gaps == [12, 26, 29, 30, 45, 66, 68, 69, 71, 83]
    assert class_name(COCO_LABELS, 11) == "class 11"


def test_label_files() -> None:
    assert parse_label_text("\ufeffcat\r\n???\r\ndog \n\n", "x").names == ("cat", None, "dog")
    with pytest.raises(InputError, match="has 0 labels"):
        parse_label_text("\n\n", "x")
