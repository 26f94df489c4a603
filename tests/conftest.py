"""Fixtures for the whole suite."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference weights and pictures beside the repository.

    Tests skip without it, unless EDGE_EDET_REQUIRE_SHARED is 1: a clone alone has no such folder.
    """
    path = Path(__file__).resolve().parents[1].parent / "shared"
    if not path.is_dir():
        reason = f"no folder {path}: reference weights and pictures are not there"
        if os.environ.get("EDGE_EDET_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def _write_smear(folder: Path) -> Path:
    """A drawn smear with its boxes, as COCO data."""
    from edge_edet.demo_picture import draw_smear
    from edge_edet.draw import save_png
    from edge_edet.pictures.image import read_image

    pixels, boxes = draw_smear(3)
    save_png(read_image(pixels), folder / "images" / "1.png")
    names = ["RBC", "WBC", "Platelets"]
    document = {
        "images": [{"id": 1, "file_name": "1.png", "width": 640, "height": 480}],
        "annotations": [
            {
                "id": n,
                "image_id": 1,
                "category_id": kind + 1,
                "iscrowd": 0,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": (x1 - x0) * (y1 - y0),
            }
            for n, (x0, y0, x1, y1, kind) in enumerate(boxes, 1)
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names, 1)],
    }
    (folder / "labels.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="session")
def write_smear() -> Callable[[Path], Path]:
    return _write_smear
