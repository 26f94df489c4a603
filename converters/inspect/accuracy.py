"""The pictures that models are compared on, and the AP of both where the pictures have labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.accuracy.datasets import is_labelled, load_dataset
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


def check_data(data: Path, split: str | None) -> None:
    """Check, before any work, that a model can be measured on the data.

    Parameters
    ----------
    data
        Labelled pictures, or a folder of pictures.
    split
        Part of the data.

    Raises
    ------
    InputError
        For data that is missing, incomplete, or no pictures.
    MissingExtraError
        Where the package that computes AP is not installed, and the data has labels.
    """
    if is_labelled(data, split):
        from edge_edet.benchmarks.accuracy import evaluator_version

        load_dataset(data, split=split).check_files()
        evaluator_version()
        return
    _no_split(data, split)
    if not data.is_dir():
        refuse_addresses(str(data))
        raise InputError(f"no data {str(data)!r}: give a COCO .json or a folder of pictures")
    find_pictures(data, None, 0)


def check_classes(labels: Sequence[str | None], data: Path, split: str | None) -> None:
    """Check, before any work, that a model has the classes of the labelled objects.

    Parameters
    ----------
    labels
        The model's class names, None for classes without one.
    data, split
        The data; nothing is checked where it has no labels.

    Raises
    ------
    InputError
        Where a class of the data that has objects is not among them, so that AP cannot be measured.
    """
    if not is_labelled(data, split):
        return
    from edge_edet.benchmarks.accuracy import (
        DEFAULT_PROTOCOL,
        LABELS_ADVICE,
        class_map,
        counted_objects,
    )

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
    """Find the pictures to compare on and, where they have labels, measure the AP of both models.

    Parameters
    ----------
    model, float_path
        The INT8 model and its float model.
    data
        Labelled pictures, a folder that is searched to any depth, or one picture.
    split
        Of the labelled data, such as "val".
    threads
        CPU threads of the runtime.
    limit
        Use the first so many pictures only.
    picture_range
        How grey pictures of more than 8 bits are read.
    strict
        Raise ImageError for a picture that cannot be read, instead of leaving it out.
    log
        Collects what was left out or read in another way than usual.

    Returns
    -------
    tuple
        The pictures, and the document of `edge-edet eval --json` for [float, INT8], None without labels.

    Raises
    ------
    InputError
        For data that is missing or unusable.
    """
    log = PictureLog() if log is None else log
    if not is_labelled(data, split):
        _no_split(data, split)
        single = not data.is_dir()
        found = find_given([data]).paths if single else find_pictures(data, None, 0)
        return usable(found[:limit], picture_range, log, strict=strict or single), None
    from edge_edet.benchmarks.accuracy import DEFAULT_PROTOCOL, compare, evaluate, json_document

    dataset = load_dataset(data, split=split).first(limit)
    dataset.check_files()
    paths = [picture.path for picture in dataset.pictures]
    pictures = usable(paths, picture_range, log, strict=strict)
    protocol = DEFAULT_PROTOCOL.replace(picture_range=range_text(picture_range))
    results = [evaluate(path, dataset, protocol, threads=threads) for path in (float_path, model)]
    return pictures, json_document(results, [compare(*results)])


def _no_split(data: Path, split: str | None) -> None:
    if split is not None:
        raise InputError(
            f"--split selects labelled data, and {str(data)!r} has no labels: leave it out"
        )
