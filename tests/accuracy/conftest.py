"""Random detections and objects, pictures drawn here, and the command in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.benchmarks.accuracy.datasets import Category, Dataset, Picture
from edge_edet.benchmarks.accuracy.datasets.dataset import Objects
from edge_edet.benchmarks.accuracy.run_detector import EvalRow

WIDTH, HEIGHT = 640, 480


def _random_data(
    seed: int, pictures: int = 40, classes: int = 4, found: int = 30, *, ties: bool = False
) -> tuple[Dataset, list[EvalRow]]:
    """Objects, a tenth of them crowds, and detections near them; some pictures have none."""
    rng = np.random.default_rng(seed)
    listed, rows = [], []
    for number in range(1, pictures + 1):
        n = 0 if rng.random() < 0.15 else int(rng.poisson(6))
        size = np.where(rng.random((n, 1)) < 0.5, rng.uniform(2, 300, (n, 2)), 20.0)
        size *= rng.uniform(0.9, 1.1, (n, 2))
        boxes = np.hstack([rng.uniform(0, [WIDTH, HEIGHT] - size), size]).reshape(n, 4)
        category = rng.integers(1, classes + 1, n)
        areas = size.prod(axis=1) * rng.uniform(0.5, 1, n)
        objects = Objects(boxes, category.astype(np.int64), areas, rng.random(n) < 0.1)
        listed.append(Picture(number * 7, Path(f"{number}.png"), (WIDTH, HEIGHT), objects))
        m = 0 if rng.random() < 0.1 else found
        spots = rng.uniform([0, 0, 5, 5], [400, 300, 200, 150], (m, 4))
        kind = rng.integers(0, classes, m)
        if n and m:
            near = rng.random(m) < 0.6
            which = rng.integers(0, n, m)
            spots[near] = (boxes * rng.normal(1, 0.05, boxes.shape))[which][near]
            kind[near] = category[which][near] - 1
        spots[:, 2:] += spots[:, :2]
        scores = rng.random(m).astype(np.float32)
        scores = np.sort(np.round(scores, 1) if ties else scores)[::-1]
        rows.append(
            EvalRow(number * 7, spots.astype(np.float32), scores, kind.astype(np.int64), (0.0,) * 4)
        )
    categories = tuple(Category(n, f"kind {n}") for n in range(1, classes + 1))
    return Dataset("random", "coco", categories, tuple(listed)), rows


def _write_coco(folder: Path, **changes: Any) -> Path:
    """Two drawn pictures and three boxes, of person and dog; changes replace whole keys."""
    document: dict[str, Any] = {
        "images": [
            {"id": number, "file_name": f"{number}.png", "width": 64, "height": 48}
            for number in (3, 8)
        ],
        "annotations": [
            {"id": 1, "image_id": 3, "category_id": 1, "bbox": [4, 4, 30, 30], "area": 900},
            {"id": 2, "image_id": 8, "category_id": 18, "bbox": [8, 8, 20, 20], "area": 400},
            {"id": 3, "image_id": 8, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        **changes,
    }
    for number in (3, 8):
        _draw(folder / f"{number}.png", number)
    file = folder / "instances.json"
    file.write_text(json.dumps(document))
    return file


def _draw(path: Path, seed: int, size: tuple[int, int] = (64, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size).save(path)


@pytest.fixture(scope="session")
def foreign(shared: Path) -> Path:
    """A detector of COCO's 80 classes in 90 ids, not made by edge-edet."""
    return shared / "weights" / "ssd_mobilenet_v1_coco_uint8.tflite"


@pytest.fixture
def run_eval(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge_edet", "eval", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def random_data() -> Callable[..., tuple[Dataset, list[EvalRow]]]:
    return _random_data


@pytest.fixture(scope="session")
def write_coco() -> Callable[..., Path]:
    return _write_coco


@pytest.fixture(scope="session")
def draw() -> Callable[..., None]:
    return _draw
