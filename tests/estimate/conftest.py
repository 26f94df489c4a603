"""Model files to estimate, of random weights: these do not change the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet.cli import main


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """converted("lite0", "int8", *options) -> the file, made once."""
    folder, made = tmp_path_factory.mktemp("models"), {}

    def convert(variant: str, precision: str, *options: str) -> Path:
        key = (variant, precision, options)
        if key not in made:
            own = folder / str(len(made))
            words = [variant, f"--{precision}", "--weights", "random", "-o", str(own), *options]
            words += [] if "--to" in options else ["--to", "tflite"]
            assert main(["convert", *words]) == 0
            suffix = {"openvino": "xml", "onnx": "onnx"}.get(
                options[-1] if options else "", "tflite"
            )
            (made[key],) = own.glob(f"*.{suffix}")
        return made[key]

    return convert
