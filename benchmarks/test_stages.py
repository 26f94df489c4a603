"""Regressions of preprocessing, inference and postprocessing: pytest benchmarks/ --benchmark-only

Models as in conftest.py; save and hold against earlier runs with pytest-benchmark's
--benchmark-autosave and --benchmark-compare. Run it on a quiet machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edge_edet
from edge_edet.benchmarks.measuring.job import BUNDLED_PICTURE
from edge_edet.pictures.image import read_image


@pytest.fixture
def detector(model: Path) -> Iterator[Any]:
    with edge_edet.load(model, threads=1) as one:
        yield one


def test_decode(benchmark: Any) -> None:
    assert benchmark(read_image, BUNDLED_PICTURE).size == (640, 480)


def test_preprocess(benchmark: Any, detector: Any) -> None:
    image = read_image(BUNDLED_PICTURE)
    tensor, _ = benchmark(detector.prepare, image)
    assert tensor.shape[1:3] == detector.info.image_size


def test_inference(benchmark: Any, detector: Any) -> None:
    tensor, _ = detector.prepare(read_image(BUNDLED_PICTURE))
    outputs = benchmark(detector.infer, tensor)
    assert outputs
    benchmark.extra_info.update(detector.info.to_dict())


def test_postprocess(benchmark: Any, detector: Any) -> None:
    tensor, placement = detector.prepare(read_image(BUNDLED_PICTURE))
    outputs = detector.infer(tensor)
    found = benchmark(detector.select, outputs, placement)
    assert found.boxes.shape == (len(found), 4)
