"""A look at a dozen labelled pictures: does what was just written detect anything at all?

Wrong anchors, a wrong size or normalization and labels in another order leave a model that runs and
finds nothing (AP 0.0005 where 0.97 is right). That shows on a few pictures; a few points of AP do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_edet.converters.inspect.labelled import is_labelled
from edge_edet.errors import InputError, MissingExtraError
from edge_edet.picture_range import PictureRange, range_text

__all__ = ["check_labelled", "look_for_objects"]

PICTURES = 12
NEAR_ZERO = 0.02  # AP from 0 to 1: of wrong anchors 0.0005 was seen, of poor models 0.1 and more


def check_labelled(data: Path, split: str | None) -> None:
    """Raises InputError, before any work, for what is no labelled data."""
    if not is_labelled(data, split):
        raise InputError(
            f"--check-data {str(data)!r} has no labels: give pictures with labels in COCO's, VOC's or "
            "YOLO's format"
        )


def look_for_objects(
    model: Path, data: Path, split: str | None, threads: int, picture_range: PictureRange = None
) -> Iterator[str]:
    """One sentence where the model's AP on PICTURES of the labelled pictures is near zero, or cannot be
    measured; nothing where it is not."""
    from edge_edet.benchmarks.accuracy import DEFAULT_PROTOCOL, IN_MEMORY, evaluate, load_dataset

    try:
        dataset = load_dataset(data, split=split)
        usable = [picture for picture in dataset.pictures if len(picture.objects)]
        if not usable:
            yield f"{model.name}: not checked, no picture of {str(data)!r} has objects"
            return
        count = min(PICTURES, len(usable))
        chosen = np.random.default_rng(0).choice(len(usable), count, replace=False)
        some = dataset.of([usable[index] for index in sorted(chosen)])
        protocol = DEFAULT_PROTOCOL.replace(picture_range=range_text(picture_range))
        found = evaluate(model, some, protocol, threads=threads, state=IN_MEMORY, resamples=0)
    except (InputError, MissingExtraError) as error:
        yield f"{model.name}: not checked on {str(data)!r}: {error}"
        return
    ap = found.numbers["ap"]
    if ap is not None and ap < NEAR_ZERO:
        yield (
            f"{model.name}: AP on {found.pictures} of your pictures is {ap:.4f}, near zero: are anchors, "
            "size, normalization and the order of the classes those that it was trained with? (see "
            "'training' in 'edge-edet convert --help')"
        )
