"""Whatever a Python caller gives: our own error, one line, with the parameter and what it must be."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import EdgeEdetError, InputError, PictureWarning, PostprocessConfig

ODD: list[Any] = [
    5, -1, 0, True, 1.5, float("nan"), 10**30, 10**400, b"x", "", "x", "\0", "\ud800", "x" * 300, [],
    {}, (), [1], [None], {"a": 1}, {1: 2}, object(), len, np.zeros(3), np.array(5), np.float32(1),
    datetime.date(2020, 1, 1), {1, 2}, range(3), [[1, 2], [3, 4]], (1, "a"), int, None,
]  # fmt: skip
LOAD = (
    "threads",
    "runtime",
    "device",
    "precision",
    "cache_dir",
    "delegate",
    "delegate_options",
    "score_threshold",
    "config",
    "picture_range",
    "labels",
    "mean",
    "std",
    "fit",
    "pad",
    "input_size",
)
CONFIG = (
    "nms_method",
    "score_threshold",
    "iou_threshold",
    "sigma",
    "candidates",
    "per_class",
    "max_detections",
    "multi_label",
    "whole_anchors",
)


@pytest.fixture(scope="module")
def detector(tiny_int8: Path) -> Any:
    return edge_edet.load(tiny_int8)


def takes_or_refuses(call: Callable[[], object]) -> None:
    """Any other exception fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PictureWarning)
        refused = ""
        try:
            call()
        except EdgeEdetError as error:
            refused = str(error)
    assert "\n" not in refused
    assert len(refused) < 1000


@pytest.mark.parametrize("name", LOAD)
def test_load_refuses_wrong_types(name: str, tiny_int8: Path) -> None:
    for value in ODD:
        takes_or_refuses(lambda value=value: edge_edet.load(tiny_int8, **{name: value}).close())  # type: ignore[misc]


@pytest.mark.parametrize("name", CONFIG)
def test_a_protocol_refuses_wrong_types(name: str) -> None:
    for value in ODD:
        takes_or_refuses(lambda value=value: PostprocessConfig(**{name: value}))  # type: ignore[misc]


@pytest.mark.parametrize("method", ["detect", "prepare", "infer", "raw", "raw_of"])
def test_a_detector_refuses_wrong_types(method: str, detector: Any) -> None:
    for value in ODD:
        takes_or_refuses(lambda value=value: getattr(detector, method)(value))  # type: ignore[misc]


def test_selecting_refuses_wrong_types(detector: Any) -> None:
    tensor, placement = detector.prepare(Image.new("RGB", (32, 24)))
    outputs = detector.infer(tensor)
    detector.select(outputs, placement)
    for value in ODD:
        takes_or_refuses(lambda value=value: detector.select(value, placement))  # type: ignore[misc]
        takes_or_refuses(lambda value=value: detector.select(outputs, value))  # type: ignore[misc]
        takes_or_refuses(lambda value=value: detector.select(outputs, placement, config=value))  # type: ignore[misc]
        for name in outputs:
            wrong = {**outputs, name: value}
            takes_or_refuses(lambda wrong=wrong: detector.select(wrong, placement))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda d: edge_edet.load(5), "the model's path must be a text or a Path, but got 5"),  # type: ignore[arg-type]
        (lambda d: edge_edet.load(None), "must be a text or a Path, but got NoneType None"),  # type: ignore[arg-type]
        (
            lambda d: d.detect(Image.new("RGB", (9, 9)), config=5),
            "config must be a PostprocessConfig, but got 5",
        ),
        (
            lambda d: d.detect(Image.new("RGB", (9, 9)), config={"nms_method": "hard"}),
            "config must be a PostprocessConfig, but got dict {'nms_method': 'hard'}",
        ),
        (lambda d: d.select({}, None), "placement must be what prepare gives beside the tensor"),
        (
            lambda d: d.select({}, d.prepare(Image.new("RGB", (9, 9)))[1]),
            r"outputs must be a mapping with the arrays \['\w+', '\w+'\], as infer gives them, but got \[\]",
        ),
        (lambda d: d.infer([1]), r"must be uint8 \[1, 64, 64, 3\], but is int64 \[1\]"),
        (
            lambda d: PostprocessConfig(sigma="wide"),
            "sigma must be a positive number, but got 'wide'",
        ),  # type: ignore[arg-type]
        (
            lambda d: PostprocessConfig(multi_label=1),
            "multi_label must be True or False, but got 1",
        ),  # type: ignore[arg-type]
        (
            lambda d: PostprocessConfig(score_threshold=True),
            "score_threshold must be a number from 0",
        ),
        (
            lambda d: PostprocessConfig().replace(nms="hard"),
            "unknown 'nms': known are nms_method, s",
        ),
    ],
)
def test_what_was_expected_is_said(call: Callable[[Any], object], said: str, detector: Any) -> None:
    with pytest.raises(InputError, match=said):
        call(detector)
