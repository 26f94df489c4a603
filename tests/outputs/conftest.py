"""Small models and pictures, and each command with the file that it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_edet.cli import main

SMALL = ("--image-size", "64", "--weights", "random", "--threads", "1")


def converted(folder: Path, *options: str, to: str = "tflite", seed: int = 1) -> Path:
    """Make a Lite0 of 64 pixels with random weights; return the path of the file that names it."""
    command = ["convert", "--fp32", "lite0", *SMALL, "--to", to, "--seed", str(seed)]
    assert main([*command, "-o", str(folder), *options]) == 0
    suffix = {"tflite": ".tflite", "openvino": ".xml", "onnx": ".onnx"}[to]
    return folder / f"lite0-64-fp32{suffix}"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(tmp_path_factory.mktemp("model"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Make two pictures whose drawings have one name."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("in.jpg", "in.png"):
        pixels = random.integers(0, 255, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    """List a folder, with hidden files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
