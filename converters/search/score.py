"""Measure a candidate: its AP on the data, its time, and its output error against the float model."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import edge_edet
from edge_edet.converters.calibrate import find_pictures, picture_input
from edge_edet.converters.inspect import is_labelled
from edge_edet.detection import as_levels
from edge_edet.errors import InputError, MissingExtraError
from edge_edet.pictures import PictureLog, PictureRange, range_text, read_picture, usable

if TYPE_CHECKING:
    from edge_edet.benchmarks.accuracy.datasets import Dataset

ROUNDS = 12
TOP_ANCHORS = 600  # the output error is computed over these
AGREEMENT_SCORE = 0.3  # without labels, float detections from this score up serve as labels


@dataclass(frozen=True)
class Evaluator:
    """Measures AP and latency of models on one dataset.

    Attributes
    ----------
    dataset
        Pictures that can all be read, with the objects in them.
    labelled
        Whether `dataset` holds labels that people made, or else the float model's detections.
    threads
        Threads used to measure AP.
    picture_range
        How pictures of more than 8 bits are read, as `edge_edet.load` takes it.
    notes
        Lines about unusual and skipped pictures.
    """

    dataset: Dataset
    labelled: bool
    threads: int
    picture_range: PictureRange = None
    notes: tuple[str, ...] = ()

    def ap(self, model: Path) -> float:
        """Return AP, 0 to 1, against the labels of the dataset or the float model's detections."""
        return _evaluate(model, self.dataset, self.threads, self.picture_range)

    def milliseconds(self, models: Sequence[Path]) -> list[float]:
        """Return the median time of one inference of each model, on one thread, measured in turns.

        OpenVINO computes layers that are not integer in its default precision, in float models too: on a
        CPU with bf16, INT8 has to be faster than the float model in bf16.
        """
        detectors = [_fastest(model) for model in models]
        try:
            picture = read_picture(self.dataset.pictures[0].path, self.picture_range).image
            inputs = [detector.prepare(picture)[0] for detector in detectors]
            samples: list[list[float]] = [[] for _ in models]
            for _ in range(ROUNDS + 1):
                for detector, pixels, times in zip(detectors, inputs, samples, strict=True):
                    started = time.perf_counter()
                    detector.infer(pixels)
                    times.append((time.perf_counter() - started) * 1e3)
            return [statistics.median(times[1:]) for times in samples]  # the first is the warm-up
        finally:
            for detector in detectors:
                detector.close()


def _fastest(model: Path) -> Any:
    return edge_edet.load(model, threads=1, precision="default" if model.suffix == ".xml" else None)


def float_precision(model: Path) -> str:
    """Return the precision the float model is timed in: "f32", or "bf16" if OpenVINO defaults to it."""
    with _fastest(model) as detector:
        return str(detector.info.inference_precision or "f32")


def make_evaluator(
    data: Path,
    split: str | None,
    float_model: Path,
    threads: int,
    picture_range: PictureRange = None,
    strict: bool = False,
) -> Evaluator:
    """Make an evaluator from labelled data, or from pictures and the float model's detections in them."""
    try:
        from edge_edet.benchmarks.accuracy.datasets import load_dataset
    except ImportError as error:
        raise MissingExtraError(
            f"--max-drop needs the package {error.name}: pip install 'edge-edet[bench]'"
        ) from None
    log = PictureLog()
    labelled = is_labelled(data, split)
    if labelled:
        dataset = load_dataset(data, split=split)
        dataset.check_files()
        paths = [picture.path for picture in dataset.pictures]
        good = set(usable(paths, picture_range, log, strict=strict))
        left = tuple(picture for picture in dataset.pictures if picture.path in good)
        dataset = dataclasses.replace(dataset, pictures=left)
    else:
        pictures = usable(find_pictures(data, None, 0), picture_range, log, strict=strict)
        dataset = _float_detections(data, pictures, float_model, threads, picture_range)
    return Evaluator(dataset, labelled, threads, picture_range, tuple(log.lines()))


def _evaluate(model: Path, dataset: Dataset, threads: int, picture_range: PictureRange) -> float:
    from edge_edet.benchmarks.accuracy import DEFAULT_PROTOCOL, evaluate

    protocol = DEFAULT_PROTOCOL.replace(picture_range=range_text(picture_range))
    return float(evaluate(model, dataset, protocol, resamples=0, threads=threads).ap)


def _float_detections(
    folder: Path,
    paths: Sequence[Path],
    float_model: Path,
    threads: int,
    picture_range: PictureRange,
) -> Dataset:
    from edge_edet.benchmarks.accuracy.datasets import Category, Dataset, Objects, Picture

    pictures, names = [], set()
    with edge_edet.load(float_model, threads=threads, score_threshold=AGREEMENT_SCORE) as detector:
        labels = detector.labels
        for index, path in enumerate(paths):
            found = detector.detect(read_picture(path, picture_range).image)
            rows: list[Any] = []
            for (x0, y0, x1, y1), number in zip(found.boxes.tolist(), found.classes, strict=True):
                box = (x0, y0, x1 - x0, y1 - y0)
                rows.append((box, int(number) + 1, box[2] * box[3], False))
                names.add(int(number))
            pictures.append(Picture(index + 1, path, None, Objects.of(rows)))
    if not names:
        raise InputError(
            f"the float model detects nothing in {str(folder)!r}, so there is nothing to compare "
            "with: give pictures of what it was trained for"
        )
    categories = tuple(Category(n + 1, str(labels[n])) for n in sorted(names))
    return Dataset(str(folder), "float detections", categories, tuple(pictures))


class FloatOutputs(NamedTuple):
    """The float model's outputs for one picture."""

    pixels: Any  # [1, S, S, 3] in the type of the input
    boxes: Any  # [N, 4] box codes
    logits: Any  # [N, C]
    top: Any  # [TOP_ANCHORS] indices of the anchors with the highest scores


def float_outputs(
    float_model: Path, pictures: Sequence[Path], picture_range: PictureRange = None
) -> list[FloatOutputs]:
    """Return what `output_error` compares with. It is computed once for all candidates."""
    found = []
    with edge_edet.load(float_model, threads=2) as detector:
        assert detector.manifest is not None
        for path in pictures:
            pixels = picture_input(path, detector.manifest.variant, picture_range)
            pixels = as_levels(pixels, detector.layout.input_dtype)
            boxes, logits = _real_outputs(detector, pixels)
            top = np.argsort(-logits.max(axis=1))[:TOP_ANCHORS]
            found.append(FloatOutputs(pixels, boxes, logits, top))
    return found


def output_error(model: Path, wanted: Sequence[FloatOutputs]) -> float:
    """Return the squared error of a model's logits and box codes, where the float model sees something.

    The error is the mean over the 600 anchors with the highest float score; logits below -6 count as -6.
    It separates models whose AP on a few pictures is the same.
    """
    total = 0.0
    with edge_edet.load(model, threads=2) as detector:
        for pixels, boxes, logits, top in wanted:
            other_boxes, other_logits = _real_outputs(detector, pixels)
            difference = np.maximum(other_logits[top], -6) - np.maximum(logits[top], -6)
            total += float(np.square(difference).mean())
            total += 30 * float(np.square(other_boxes[top] - boxes[top]).mean())
    return total / len(wanted)


def _real_outputs(detector: Any, pixels: Any) -> tuple[Any, Any]:
    found = detector.infer(pixels)
    real = []
    for role in ("boxes", "classes"):
        name = detector.manifest.outputs[role]
        values = found[name][0]
        if values.dtype == np.int8:
            tensor = next(t for t in detector.model.output_tensors if t.name == name)
            values = (values.astype(np.float32) - tensor.zero_points[0]) * tensor.scales[0]
        real.append(values)
    return real[0], real[1]
