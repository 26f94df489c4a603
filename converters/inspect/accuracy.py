"""The pictures that a parity report compares on, and AP where they have labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_edet.converters.calibrate import find_pictures
from edge_edet.errors import InputError
from edge_edet.pictures import (
    PictureLog,
    PictureRange,
    find_given,
    range_text,
    refuse_addresses,
    usable,
)


def is_labelled(path: Path, split: str | None = None) -> bool:
    """Whether the pictures come with labels, by what lies there."""
    from edge_edet.benchmarks.accuracy.datasets import is_labelled as has_labels

    return has_labels(path, split)


def check_data(data: Path, split: str | None) -> None:
    """Raises InputError, before any work, for data that a model cannot be measured on, and
    MissingExtraError where nothing is there to measure AP with."""
    if is_labelled(data, split):
        from edge_edet.benchmarks.accuracy import evaluator_version
        from edge_edet.benchmarks.accuracy.datasets import load_dataset

        load_dataset(data, split=split).check_files()
        evaluator_version()
        return
    _no_split(data, split)
    if not data.is_dir():
        refuse_addresses(str(data))
        raise InputError(f"no data {str(data)!r}: give a COCO .json or a folder of pictures")
    find_pictures(data, None, 0)


def check_classes(labels: Sequence[str | None], data: Path, split: str | None) -> None:
    """Raises InputError, before any work, where a model of these classes has none for those of labelled
    data that have objects: its AP could not be measured."""
    if not is_labelled(data, split):
        return
    from edge_edet.benchmarks.accuracy import (
        DEFAULT_PROTOCOL,
        LABELS_ADVICE,
        class_map,
        counted_objects,
    )
    from edge_edet.benchmarks.accuracy.datasets import load_dataset

    dataset = load_dataset(data, split=split)
    objects, _ = counted_objects(dataset, DEFAULT_PROTOCOL.min_side_px)
    needed = {c for inside in objects for c in inside.categories[~inside.crowd].tolist()}
    try:
        class_map(labels, dataset.categories, needed)
    except InputError as error:
        raise InputError(
            f"{str(error).removesuffix(LABELS_ADVICE)}: name the model's classes by --labels FILE, or give "
            "a folder without labels as --data, where agreement with the float model counts"
        ) from None


def pictures_and_accuracy(
    model: Path,
    float_path: Path,
    data: Path,
    split: str | None,
    threads: int,
    limit: int | None = None,
    *,
    picture_range: PictureRange = None,
    strict: bool = False,
    log: PictureLog | None = None,
) -> tuple[list[Path], dict[str, Any] | None]:
    """The pictures to compare on and, where they have labels, both models' AP.

    data: labelled pictures, a folder of pictures with all below it, or one picture. What cannot be read
    is left out and goes into the log, unless `strict`.
    """
    log = PictureLog() if log is None else log
    if not is_labelled(data, split):
        _no_split(data, split)
        single = not data.is_dir()
        found = find_given([data]).paths if single else find_pictures(data, None, 0)
        return usable(found[:limit], picture_range, log, strict=strict or single), None
    from edge_edet.benchmarks.accuracy import DEFAULT_PROTOCOL, compare, evaluate, json_document
    from edge_edet.benchmarks.accuracy.datasets import load_dataset

    dataset = load_dataset(data, split=split).first(limit)
    dataset.check_files()
    paths = [picture.path for picture in dataset.pictures]
    pictures = usable(paths, picture_range, log, strict=strict)
    protocol = DEFAULT_PROTOCOL.replace(picture_range=range_text(picture_range))
    results = [evaluate(path, dataset, protocol, threads=threads) for path in (float_path, model)]
    return pictures, json_document(results, [compare(*results)])


def _no_split(data: Path, split: str | None) -> None:
    if split is not None:
        raise InputError(f"--split is of labelled data, and {str(data)!r} has no labels")
