"""AP of wide pictures, however they are brought to the input: pytest benchmarks/test_resizing_ap.py -s

Labelled pictures that are wide themselves are not at hand, so those of EDGE_EDET_DATA (with EDGE_EDET_SPLIT)
are enlarged EDGE_EDET_TIMES times, 3 unless told, by Pillow's bicubic filter; the labels stay.
Model: EDGE_EDET_MODEL.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.benchmarks.accuracy import evaluate
from edge_edet.benchmarks.accuracy.datasets import load_dataset
from edge_edet.detection import preprocess

TIMES = int(os.environ.get("EDGE_EDET_TIMES", "3"))
ONE_FILTER = 1e9  # a gap so wide that the bilinear filter does all


def enlarged(image: Image.Image) -> Image.Image:
    size = image.width * TIMES, image.height * TIMES
    return image.convert("RGB").resize(size, Image.Resampling.BICUBIC)


def decoded(image: Image.Image, needed: tuple[int, int] | None) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    again = Image.open(file)
    if needed is not None:
        again.draft(None, needed)
    again.load()
    return again


@pytest.mark.parametrize(
    "way", ["one filter", "blocks first", "JPEG, one filter", "JPEG, blocks first", "JPEG, scaled"]
)
def test_ap_of_enlarged_pictures(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = os.environ.get("EDGE_EDET_MODEL"), os.environ.get("EDGE_EDET_DATA")
    if not model or not data:
        pytest.skip("set EDGE_EDET_MODEL and EDGE_EDET_DATA")
    resized = preprocess.resized_rgb
    if way.endswith("one filter"):
        monkeypatch.setattr(preprocess, "REDUCING_GAP", ONE_FILTER)

    def bring(image: Image.Image, width: int, height: int) -> np.ndarray[Any, Any]:
        image = enlarged(image)
        if way.startswith("JPEG"):
            image = decoded(image, (width, height) if way.endswith("scaled") else None)
        return resized(image, width, height)

    monkeypatch.setattr(preprocess, "resized_rgb", bring)
    dataset = load_dataset(Path(data), split=os.environ.get("EDGE_EDET_SPLIT"))
    limit = os.environ.get("EDGE_EDET_LIMIT")
    result = evaluate(model, dataset, limit=int(limit) if limit else None, resamples=0, threads=1)
    assert result.numbers is not None
    print(f"\n{Path(model).name}, {TIMES} x, {way}: AP {result.numbers['ap']:.4f}")
