"""Random weights are for latency: nobody gets an AP of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_edet.benchmarks.accuracy.datasets.dataset import Category, Dataset, Objects, Picture
from edge_edet.benchmarks.accuracy.evaluation import evaluate
from edge_edet.converters import convert
from edge_edet.demo_picture import draw_smear
from edge_edet.draw import save_png
from edge_edet.errors import InputError
from edge_edet.pictures.image import read_image


def test_model_with_random_weights_is_refused(tmp_path: Path) -> None:
    convert("lite0", "fp32", output=tmp_path, weights="random", image_size=64)
    picture = tmp_path / "smear.png"
    save_png(read_image(draw_smear(0)[0]), picture)
    objects = Objects.of([((10.0, 10.0, 50.0, 50.0), 1, 2500.0, False)])
    dataset = Dataset(
        "drawn", "coco", (Category(1, "person"),), (Picture(1, picture, None, objects),)
    )
    with pytest.raises(InputError, match="random weights, which are for latency only"):
        evaluate(next(tmp_path.glob("lite0-*.tflite")), dataset)
