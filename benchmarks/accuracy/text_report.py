"""Results of evaluations as text and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from edge_edet.benchmarks.accuracy.bootstrap import Interval
from edge_edet.benchmarks.accuracy.coco_metrics import NAMES
from edge_edet.benchmarks.accuracy.result import PARTS, Difference, Result
from edge_edet.pictures import shown

__all__ = ["difference_table", "json_document", "result_lines", "summary_table"]

FORMAT_VERSION = 1
LABELS = dict(
    zip(
        NAMES,
        (
            "AP",
            "AP50",
            "AP75",
            "AP small",
            "AP medium",
            "AP large",
            "AR1",
            "AR10",
            "AR100",
            "AR small",
            "AR medium",
            "AR large",
        ),
        strict=True,
    )
)


def json_document(results: Sequence[Result], differences: Sequence[Difference]) -> dict[str, Any]:
    """Return the JSON-ready document of --json.

    Parameters
    ----------
    results
        One for each model.
    differences
        Of each further model from the first.

    Returns
    -------
    dict[str, Any]
        What JSON can hold.
    """
    return {
        "format_version": FORMAT_VERSION,
        "results": [result.to_dict() for result in results],
        "differences": [difference.to_dict() for difference in differences],
    }


def _where(ran: dict[str, Any]) -> str:
    """Return the delegate, or the devices and their precision where the runtime reports them."""
    if ran["inference_precision"] is None:
        return f"delegate {ran['delegate']}"
    return f"{', '.join(ran['devices'])} in {ran['inference_precision']}"


def _resizing(ran: dict[str, Any]) -> str:
    """Describe how a picture becomes the input of the model, and why."""
    height, width = ran["input"]
    text = f"{ran['fit']} to {width} x {height}, {ran['fit_reason']}"
    if ran["pad_rgb"]:
        text += f"; padded with {','.join(map(str, ran['pad_rgb']))}"
    if ran["mean"]:
        text += f"; normalized: mean {shown(ran['mean'])} std {shown(ran['std'])}"
    return text


def result_lines(result: Result) -> Iterator[str]:
    """Yield the report of one model: what ran, notes, the twelve numbers and the classes.

    Parameters
    ----------
    result
        Of the model.

    Yields
    ------
    str
        A line.
    """
    from edge_edet.detection import padding_note

    ran = result.ran_on
    threads = "" if ran["threads"] is None else f", {ran['threads']} threads"
    yield f"model: {result.model} ({result.precision}, sha256 {result.model_sha256[:12]})"
    yield f"ran on: {ran['runtime']} {ran['runtime_version']}, {_where(ran)}{threads}"
    yield f"pictures: {_resizing(ran)}"
    if "tiles" in ran:
        yield f"tiles: {ran['tiles']}, and the whole picture"
    yield f"suppression: {ran['suppression']}"
    resumed = f", {result.resumed} from an earlier run" if result.resumed else ""
    yield f"data: {result.data}, {result.pictures} pictures{resumed}, {result.objects} objects"
    steps = ", ".join(f"{step} {ms:.1f}" for step, ms in result.step_ms.items())
    if result.padding is not None and ran["fit"] == "letterbox":
        yield f"padding: {result.padding:.1%} of the input on average"
    found = statistics.fmean(result.detections)
    yield f"median ms per picture: {steps}; {found:.1f} detections per picture"
    for text in filter(None, (*ran["notes"], padding_note(result.padding, ran["variant"]))):
        yield f"note: {text}"
    for text, count in result.notes.items():
        yield f"note: {count} {text}"
    yield ""
    for name in NAMES:
        around = _around(result.intervals.get(name))
        yield f"{LABELS[name]:<10} {_number(result.numbers[name])}{around}"
    yield ""
    width = max([5, *(len(one.name) for one in result.per_class)])
    yield f"{'class':<{width}}     AP   AP50  objects  detections"
    for one in result.per_class:
        around = _around(result.class_intervals.get(one.name))
        yield (
            f"{one.name:<{width}} {_number(one.ap)} {_number(one.ap50)} {one.objects:8} "
            f"{one.detections:11}{around}"
        )
    if result.resamples:
        yield f"95 % intervals over pictures, {result.resamples} resamples, seed {result.seed}"


def summary_table(results: Sequence[Result]) -> Iterator[str]:
    """Yield a table with a line for each model.

    Parameters
    ----------
    results
        One for each model.

    Yields
    ------
    str
        A line.
    """
    width = max(len(result.model) for result in results)
    yield f"{'model':<{width}}     AP   AP50   AP75  infer ms"
    for one in results:
        numbers = " ".join(_number(one.numbers[name]) for name in PARTS)
        yield f"{one.model:<{width}} {numbers} {one.step_ms['infer']:9.1f}"


def difference_table(differences: Sequence[Difference]) -> Iterator[str]:
    """Yield the differences from the first model; * marks intervals that do not include 0.

    Parameters
    ----------
    differences
        Of each further model from the first.

    Yields
    ------
    str
        A line.
    """
    yield f"difference from {differences[0].first}, paired over pictures; *: the interval excludes 0"
    for one in differences:
        yield one.second
        for name in PARTS:
            around = one.intervals.get(name)
            yield f"  {LABELS[name]:<10} {one.numbers[name]:+.4f}{_around(around, '+')}"
        for name, value in one.per_class.items():
            if value is not None:
                around = one.class_intervals.get(name)
                yield f"  {name:<10} {value:+.4f}{_around(around, '+')}"


def _number(value: float | None) -> str:
    return "     -" if value is None else f"{value:.4f}"


def _around(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return ""
    low, high = format(interval.low, f"{sign}.4f"), format(interval.high, f"{sign}.4f")
    sure = " *" if sign and (interval.low > 0 or interval.high < 0) else ""
    return f"  [{low}, {high}]{sure}"
