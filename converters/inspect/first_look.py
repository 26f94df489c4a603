"""A first look at a new model: whether it detects anything at all on a dozen labelled pictures.

With wrong anchors, a wrong size or normalization, or labels in another order, a model runs but finds
nothing (AP 0.0005 where 0.97 is right). A few pictures show that; they do not show a few points of AP.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_edet import load
from edge_edet.benchmarks.accuracy.datasets import Dataset, is_labelled, load_dataset
from edge_edet.detection import iou_matrix
from edge_edet.errors import ImageError, InputError, MissingExtraError
from edge_edet.pictures import PictureRange, range_text

if TYPE_CHECKING:
    from edge_edet.detection import Detector

__all__ = ["check_labelled", "look_for_objects"]

PICTURES = 12
LEAST_SCORE = 0.05  # what suppression in a graph is built with
OVERLAP = 0.5
AS_TRAINED = "those that it was trained with? (see 'training' in 'edge-edet convert --help')"
NEAR_ZERO = 0.02  # AP from 0 to 1: of wrong anchors 0.0005 was seen, of poor models 0.1 and more


def check_labelled(data: Path, split: str | None) -> None:
    """Raise InputError, before any work, where the data has no labels.

    Parameters
    ----------
    data
        What --check-data names.
    split
        Part of the data.

    Raises
    ------
    InputError
        Where the data has no labels.
    """
    if not is_labelled(data, split):
        raise InputError(
            f"--check-data {str(data)!r} has no labels: give pictures with labels in COCO's, VOC's or "
            "YOLO's format"
        )


def look_for_objects(
    model: Path, data: Path, split: str | None, threads: int, picture_range: PictureRange = None
) -> Iterator[str]:
    """Measure a model on a few of the labelled pictures, and describe the result in one sentence.

    Parameters
    ----------
    model
        The model file.
    data, split
        Labelled pictures; PICTURES of those with objects are drawn, always the same ones.
    threads
        CPU threads of the runtime.
    picture_range
        How grey pictures of more than 8 bits are read.

    Yields
    ------
    str
        The AP, with a question about the training settings where it is near zero; or why it cannot be
        measured. Where the model has no class for those of the data, as a model without class names,
        boxes are compared without their class, and the sentence says so. Nothing where no AP is defined.
    """
    from edge_edet.benchmarks.accuracy import DEFAULT_PROTOCOL, IN_MEMORY, class_map, evaluate

    try:
        dataset = load_dataset(data, split=split)
        usable = [picture for picture in dataset.pictures if len(picture.objects)]
        if not usable:
            yield f"{model.name}: not checked, no picture of {str(data)!r} has objects"
            return
        count = min(PICTURES, len(usable))
        chosen = np.random.default_rng(0).choice(len(usable), count, replace=False)
        some = dataset.of([usable[index] for index in sorted(chosen)])
        detector = load(
            model, threads=threads, score_threshold=LEAST_SCORE, picture_range=picture_range
        )
        used = {int(c) for picture in some.pictures for c in picture.objects.categories}
        try:
            class_map(detector.labels, dataset.categories, used)
        except InputError as error:
            yield from _whatever_the_class(model.name, detector, some, str(error))
            return
        finally:
            detector.close()
        protocol = DEFAULT_PROTOCOL.replace(picture_range=range_text(picture_range))
        found = evaluate(model, some, protocol, threads=threads, state=IN_MEMORY, resamples=0)
    except (InputError, MissingExtraError) as error:
        yield f"{model.name}: not checked on {str(data)!r}: {error}"
        return
    ap = found.numbers["ap"]
    if ap is None:
        return
    said = f"{model.name}: AP on {found.pictures} of your pictures is "
    if ap < NEAR_ZERO:
        yield (
            f"{said}{ap:.4f}, near zero: are anchors, size, normalization and the order of the classes "
            f"{AS_TRAINED}"
        )
    else:
        yield (
            f"{said}{ap:.2f}; if it was higher in training, anchors, size or normalization may be wrong: "
            "see 'training' in 'edge-edet convert --help'"
        )


def _whatever_the_class(name: str, detector: Detector, data: Dataset, why: str) -> Iterator[str]:
    """Describe how many labelled objects are covered by the best boxes, of whatever class.

    Of each picture, as many boxes count as it has objects.
    """
    from edge_edet.benchmarks.accuracy import LABELS_ADVICE

    objects = covered = 0
    for picture in data.pictures:
        labelled = picture.objects.boxes  # [n, 4] x y width height
        ends = np.concatenate([labelled[:, :2], labelled[:, :2] + labelled[:, 2:]], axis=1)
        try:
            found = detector.detect(picture.path).boxes[: len(ends)]
        except ImageError:  # left out, as evaluate does
            continue
        objects += len(ends)
        covered += int((iou_matrix(ends, found) >= OVERLAP).any(axis=1).sum())
    if not objects:
        yield f"{name}: not checked, no picture of {data.source!r} can be read"
        return
    near = covered < NEAR_ZERO * objects
    doubt = f", near zero: are anchors, size and normalization {AS_TRAINED}" if near else ""
    yield (
        f"{name}: {covered} of {objects} objects of your pictures are covered by its best boxes, whatever "
        f"their class{doubt}; the classes are not checked: "
        f"{why.removesuffix(LABELS_ADVICE)}: name the model's by --labels FILE"
    )
