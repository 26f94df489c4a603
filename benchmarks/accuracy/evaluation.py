"""How good a model is on labelled pictures: run it, keep what it finds, score that.

dataset = load_dataset("data/bccd", split="test")
result = evaluate("build/d0-int8.tflite", dataset)
result.ap, result.intervals["ap"], compare(float_result, result).numbers["ap"]
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet import __version__
from edge_edet.arguments import check_seed, shown
from edge_edet.benchmarks.accuracy.bootstrap import draws, resampled_ap
from edge_edet.benchmarks.accuracy.class_mapping import class_map
from edge_edet.benchmarks.accuracy.coco_metrics import counted_objects, evaluate_boxes
from edge_edet.benchmarks.accuracy.datasets import Dataset, Picture, load_dataset
from edge_edet.benchmarks.accuracy.protocol import DEFAULT_PROTOCOL, Protocol
from edge_edet.benchmarks.accuracy.result import Difference, Result, compare, intervals_of
from edge_edet.benchmarks.accuracy.resume_file import FOLDER, StateFile, open_state, run_key
from edge_edet.benchmarks.accuracy.run_detector import STEPS, EvalRow, Unread, look
from edge_edet.errors import ImageError, InputError
from edge_edet.formats import sha256_of
from edge_edet.pictures import PictureLog, parse_range, range_text
from edge_edet.terminal import Progress

if TYPE_CHECKING:
    from edge_edet.detection import Detector

__all__ = [
    "DEFAULT_PROTOCOL",
    "Difference",
    "Protocol",
    "Result",
    "compare",
    "evaluate",
    "load_dataset",
]

RESAMPLES = 1000
MAX_RESAMPLES = 100_000
IN_MEMORY = Path()  # state: keep nothing
NO_MATTER = ("threads", "fit_reason", "notes")  # what detections do not depend on


def evaluate(
    model: Detector | str | Path,
    dataset: Dataset,
    protocol: Protocol = DEFAULT_PROTOCOL,
    *,
    limit: int | None = None,
    state: Path | None = IN_MEMORY,
    given_map: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    scheduler: str | None = None,
    strict: bool = False,
    **load_options: Any,
) -> Result:
    """AP of a model file or a loaded detector on the dataset.

    limit: the first so many pictures. state: the file that makes it resumable, IN_MEMORY for none,
    None for one in build/eval/ named after the run's key. given_map: see `class_map`. resamples: of
    the bootstrap, 0 for no intervals. scheduler: a Dask scheduler's address; then model must be a
    path. strict: a picture that cannot be read is an error; else it is left out with its objects, which
    changes AP: the result's notes say so, and its digest and counts are of the pictures that are left.
    load_options: threads, labels, fit and others of `edge_edet.load`, for a path; a picture_range among
    them, or a detector's own, is the protocol's.

    Raises InputError for data that cannot be used or does not fit the model.
    """
    digest = dataset.digest()  # of all pictures: a larger limit goes on from a smaller one
    dataset = dataset.first(limit)
    dataset.check_files()
    objects, small = counted_objects(dataset, protocol.min_side_px)
    if type(resamples) is not int or not 0 <= resamples <= MAX_RESAMPLES:
        raise InputError(
            f"the resamples must be an integer from 0 to {MAX_RESAMPLES:,}, but got {shown(resamples)}: "
            "the intervals of 1,000 hardly move with more"
        )
    check_seed(seed)
    with _opened(model, protocol, load_options) as detector:
        protocol = _with_range(protocol, detector)
        _refuse_random_weights(detector)
        needed = {c for inside in objects for c in inside.categories[~inside.crowd].tolist()}
        mapping = class_map(detector.labels, dataset.categories, needed, given_map)
        ran_on = _ran_on(detector)
        sha256 = sha256_of(detector.model.path)
        described = {
            "model": sha256,
            "data": digest,
            "protocol": protocol.to_dict(),
            "postprocess": protocol.postprocess().to_dict(),
            "edge_edet": __version__,
            "ran_on": {name: value for name, value in ran_on.items() if name not in NO_MATTER},
        }
        key = run_key(described)
        path = FOLDER / f"{key}.jsonl" if state is None else state
        with open_state(
            None if path == IN_MEMORY else path, key, detector.layout.num_classes
        ) as rows:
            resumed, unread = _look_at_all(
                rows, detector, dataset, protocol, scheduler, load_options, strict
            )
            log = _log(dataset, rows, unread)
            if unread:
                dataset = dataset.of([p for p in dataset.pictures if p.id not in unread])
                objects, small = counted_objects(dataset, protocol.min_side_px)
                digest = dataset.digest()
            found = [rows.rows[picture.id] for picture in dataset.pictures]
        labels = detector.labels
        info = detector.info
    scored = evaluate_boxes(
        dataset.pictures, objects, dataset.categories, found, mapping, matches=resamples > 0
    )
    table = None
    intervals: tuple[Any, Any] = ({}, {})
    if resamples:
        table = resampled_ap(scored.matches, draws(len(found), resamples, seed))
        intervals = intervals_of(table, scored)
    names = {category.id: category.name for category in dataset.categories}
    return Result(
        model=info.model_path,
        model_sha256=sha256,
        precision=info.precision,
        ran_on=ran_on,
        data=dataset.source,
        data_digest=digest,
        pictures=len(found),
        objects=sum(one.objects for one in scored.per_class),
        protocol=protocol.to_dict(),
        class_map={_label(labels, n): names[c] for n, c in mapping.items()},
        numbers=scored.numbers,
        per_class=scored.per_class,
        detections=tuple(len(row.scores) for row in found),
        step_ms={
            step: statistics.median(row.step_ms[i] for row in found) for i, step in enumerate(STEPS)
        },
        notes=_notes(dataset, small, found, mapping) | log.notes(),
        resumed=resumed,
        resamples=resamples,
        seed=seed,
        intervals=intervals[0],
        class_intervals=intervals[1],
        resampled=table,
        left_out=len(unread),
    )


def _opened(
    model: Detector | str | Path, protocol: Protocol, options: dict[str, Any]
) -> contextlib.AbstractContextManager[Detector]:
    """A detector of ours is closed after, the caller's is not."""
    if not isinstance(model, (str, Path)):
        if options:
            raise InputError(f"a loaded detector takes no {', '.join(options)}")
        return contextlib.nullcontext(model)
    from edge_edet.detection import load

    if protocol.picture_range is not None:
        options = {"picture_range": parse_range(protocol.picture_range), **options}
    return load(model, config=protocol.postprocess(), **options)


def _with_range(protocol: Protocol, detector: Detector) -> Protocol:
    """The protocol with the range that the detector reads by."""
    own = range_text(detector.picture_range)
    if protocol.picture_range not in (None, own):
        raise InputError(
            f"the protocol's picture_range is {protocol.picture_range!r}, the detector's {own!r}: give "
            "one of them"
        )
    return protocol.replace(picture_range=own)


def _refuse_random_weights(detector: Detector) -> None:
    weights = detector.manifest.provenance.get("weights") if detector.manifest else None
    if isinstance(weights, dict) and weights.get("random") is True:
        raise InputError(
            f"{detector.info.model_path!r} has random weights, good for latency only: it has no "
            "accuracy to measure; convert trained ones"
        )


def _ran_on(detector: Detector) -> dict[str, Any]:
    info = detector.info
    return {
        "runtime": info.runtime,
        "runtime_version": info.runtime_version,
        "delegate": info.delegate,
        "devices": list(info.execution_devices),
        "inference_precision": info.inference_precision,
        "threads": info.threads,
        "suppression": "here" if info.nms == "none" else "in the model, whatever the protocol",
        "input": list(info.image_size),
        "fit": info.fit,
        "fit_reason": info.fit_reason,
        "pad_rgb": list(info.pad_rgb) if info.fit == "letterbox" else None,
        "mean": list(info.mean),
        "std": list(info.std),
        "notes": list(info.notes),
    }


def _look_at_all(
    rows: StateFile,
    detector: Detector,
    dataset: Dataset,
    protocol: Protocol,
    scheduler: str | None,
    options: dict[str, Any],
    strict: bool,
) -> tuple[int, dict[int, str]]:
    """Adds the rows that are not there yet; returns the number of those that were, and the pictures
    that cannot be read: id -> reason. These are tried again in a later run."""
    left = [picture for picture in dataset.pictures if picture.id not in rows.rows]
    done = len(dataset.pictures) - len(left)
    name = Path(detector.model.path).name
    unread: dict[int, str] = {}
    with Progress(name, len(dataset.pictures), "pictures", done) as progress:
        for row in _looked_at(detector, left, protocol, scheduler, options, strict):
            if isinstance(row, Unread):
                unread[row.picture] = row.reason
            else:
                rows.add(row)
            progress.advance()
    if len(unread) == len(dataset.pictures):
        first = unread[dataset.pictures[0].id]
        raise ImageError(f"none of the {len(unread)} pictures can be read; the first: {first}")
    return done, unread


def _log(dataset: Dataset, rows: StateFile, unread: Mapping[int, str]) -> PictureLog:
    """What was met in the pictures, in their order."""
    log = PictureLog()
    for picture in dataset.pictures:
        if picture.id in unread:
            log.leave_out(str(picture.path), unread[picture.id], len(picture.objects))
        else:
            log.add(str(picture.path), rows.rows[picture.id].findings)
    return log


def _looked_at(
    detector: Detector,
    pictures: list[Picture],
    protocol: Protocol,
    scheduler: str | None,
    options: dict[str, Any],
    strict: bool,
) -> Iterator[EvalRow | Unread]:
    config, picture_range = protocol.postprocess(), detector.picture_range
    if scheduler is None:
        yield from look(detector, pictures, config, picture_range, strict=strict)
        return
    from edge_edet.benchmarks.accuracy.cluster import look_on_cluster

    yield from look_on_cluster(
        scheduler, detector, pictures, config, options, picture_range, strict=strict
    )


def _label(labels: tuple[str | None, ...], number: int) -> str:
    label = labels[number] if number < len(labels) else None
    return label if label is not None else str(number)


def _notes(
    dataset: Dataset, small: int, rows: Iterable[EvalRow], mapping: Mapping[int, int]
) -> dict[str, int]:
    foreign = sum(n not in mapping for row in rows for n in row.classes.tolist())
    notes = {
        **dataset.notes,
        "objects too small to count": small,
        "pictures without objects": sum(not len(p.objects) for p in dataset.pictures),
        "detections of classes that the data does not have": foreign,
    }
    return {name: count for name, count in notes.items() if count}
