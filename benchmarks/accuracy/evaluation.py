"""Evaluate a model on labelled pictures: run it, keep its detections, compute AP.

Examples
--------
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
from edge_edet.benchmarks.accuracy.run_detector import STEPS, EvalRow, Unread, run_detector
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
IN_MEMORY = Path()  # for `state`: keep no file
NOT_IN_RUN_KEY = ("threads", "fit_reason", "notes", "variant")  # detections do not depend on these


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
    """Measure the AP of a model file or a loaded detector on a dataset.

    Parameters
    ----------
    model
        A model file or a loaded detector.
    dataset
        Labelled pictures.
    protocol
        Thresholds, limits and how pictures are read.
    limit
        Use only the first pictures, this many.
    state
        A file that makes the evaluation resumable; IN_MEMORY for none, None for one in build/eval/ that
        is named after the run.
    given_map
        Label of the model -> category of the data, see `class_map`.
    resamples
        Of the bootstrap, 0 for no intervals.
    seed
        Of the bootstrap.
    scheduler
        Address of a Dask scheduler that spreads the pictures; `model` must then be a path.
    strict
        A picture that cannot be read is an error. Else it is left out with its objects, which changes
        the AP: the result's notes say so, and its digest and counts are those of the pictures left.
    load_options
        Threads, labels, fit and others of `edge_edet.load`, for a path only. A picture_range among
        them, or that of a loaded detector, becomes part of the protocol.

    Returns
    -------
    Result
        AP with its interval, and what ran.

    Raises
    ------
    InputError
        The data cannot be used or does not fit the model.
    ImageError
        A picture cannot be read and `strict` is set, or none can be read.
    """
    digest = (
        dataset.digest()
    )  # of all pictures, so that a larger limit continues from a smaller one
    dataset = dataset.first(limit)
    dataset.check_files()
    objects, small = counted_objects(dataset, protocol.min_side_px)
    if type(resamples) is not int or not 0 <= resamples <= MAX_RESAMPLES:
        raise InputError(
            f"the number of resamples must be an integer from 0 to {MAX_RESAMPLES:,}, but got "
            f"{shown(resamples)}: intervals hardly change beyond 1,000"
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
            "ran_on": {name: value for name, value in ran_on.items() if name not in NOT_IN_RUN_KEY},
        }
        key = run_key(described)
        path = FOLDER / f"{key}.jsonl" if state is None else state
        with open_state(
            None if path == IN_MEMORY else path, key, detector.layout.num_classes
        ) as rows:
            resumed, unread = _run_all(
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
        padding=_mean_padding(found),
    )


def _mean_padding(rows: Iterable[EvalRow]) -> float | None:
    shares = [row.padding for row in rows]
    known = [share for share in shares if share is not None]
    return statistics.fmean(known) if known and len(known) == len(shares) else None


def _opened(
    model: Detector | str | Path, protocol: Protocol, options: dict[str, Any]
) -> contextlib.AbstractContextManager[Detector]:
    """Load a path and close it afterwards; the caller's own detector stays open."""
    if not isinstance(model, (str, Path)):
        if options:
            raise InputError(f"a loaded detector takes no {', '.join(options)}")
        return contextlib.nullcontext(model)
    from edge_edet.detection import load

    if protocol.picture_range is not None:
        options = {"picture_range": parse_range(protocol.picture_range), **options}
    if protocol.decode != "full":
        options = {"decode": protocol.decode, **options}
    return load(model, config=protocol.postprocess(), **options)


def _with_range(protocol: Protocol, detector: Detector) -> Protocol:
    """Return the protocol with the range and the decoding by which the detector reads pictures."""
    own = range_text(detector.picture_range)
    if protocol.picture_range not in (None, own):
        raise InputError(
            f"the protocol's picture_range is {protocol.picture_range!r}, the detector's {own!r}: give "
            "one of them"
        )
    if protocol.decode not in ("full", detector.decode):
        raise InputError(
            f"the protocol's decode is {protocol.decode!r}, the detector's {detector.decode!r}: give one "
            "of them"
        )
    return protocol.replace(picture_range=own, decode=detector.decode)


def _refuse_random_weights(detector: Detector) -> None:
    if detector.manifest is not None and detector.manifest.has_random_weights:
        raise InputError(
            f"{detector.info.model_path!r} has random weights, which are for latency only: convert "
            "trained weights to measure accuracy"
        )


def _ran_on(detector: Detector) -> dict[str, Any]:
    from edge_edet.detection import TiledDetector, padding_note

    info = detector.info
    earlier = padding_note(info.padding, info.variant)  # of pictures before these
    return {
        "variant": info.variant,
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
        "notes": [note for note in info.notes if note != earlier],
        **({"tiles": detector.tiles} if isinstance(detector, TiledDetector) else {}),
    }


def _run_all(
    rows: StateFile,
    detector: Detector,
    dataset: Dataset,
    protocol: Protocol,
    scheduler: str | None,
    options: dict[str, Any],
    strict: bool,
) -> tuple[int, dict[int, str]]:
    """Run the pictures that the state does not have yet and add their rows.

    Returns the number of rows that were there already, and id -> reason of the pictures that cannot be
    read; a later run tries these again.
    """
    left = [picture for picture in dataset.pictures if picture.id not in rows.rows]
    done = len(dataset.pictures) - len(left)
    name = Path(detector.model.path).name
    unread: dict[int, str] = {}
    with Progress(name, len(dataset.pictures), "pictures", done) as progress:
        for row in _run(detector, left, protocol, scheduler, options, strict):
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
    """Return what was found out about the pictures, in their order."""
    log = PictureLog()
    for picture in dataset.pictures:
        if picture.id in unread:
            log.leave_out(str(picture.path), unread[picture.id], len(picture.objects))
        else:
            log.add(str(picture.path), rows.rows[picture.id].findings)
    return log


def _run(
    detector: Detector,
    pictures: list[Picture],
    protocol: Protocol,
    scheduler: str | None,
    options: dict[str, Any],
    strict: bool,
) -> Iterator[EvalRow | Unread]:
    config = protocol.postprocess()
    if scheduler is None:
        yield from run_detector(detector, pictures, config, strict=strict)
        return
    from edge_edet.benchmarks.accuracy.cluster import run_on_cluster

    options = {**options, "picture_range": detector.picture_range, "decode": detector.decode}
    yield from run_on_cluster(scheduler, detector, pictures, config, options, strict=strict)


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
