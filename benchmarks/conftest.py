"""What `pytest benchmarks/ --benchmark-only` runs, and on which models.

Models: EDGE_EDET_MODEL (several separated by os.pathsep), else every build/*.tflite, else the bundled D0,
in float and INT8, converted into a temporary folder: on a fresh checkout nothing is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BUILD = Path(__file__).resolve().parents[1] / "build"
BUNDLED = ("d0-fp32", "d0-int8")
# minutes each, and no part of a detection: they run where their file is named
collect_ignore = [
    "test_around.py",
    "test_convert.py",
    "test_int8_operators.py",
    "test_peers.py",
    "test_resizing_ap.py",
    "test_turns.py",
]


def pytest_generate_tests(metafunc: Any) -> None:
    """`model`: each model. `int8_model`: those that the name says are INT8."""
    given = os.environ.get("EDGE_EDET_MODEL")
    names = given.split(os.pathsep) if given else sorted(map(str, BUILD.glob("*.tflite")))
    for fixture in ("model", "int8_model"):
        if fixture in metafunc.fixturenames:
            wanted = [n for n in names if given or fixture == "model" or "int8" in Path(n).name]
            bundled = [name for name in BUNDLED if fixture == "model" or "int8" in name]
            params = wanted or bundled
            ids = [Path(name).name.removesuffix(".tflite") for name in params]
            metafunc.parametrize(fixture, params, ids=ids, indirect=True)


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The bundled D0 by the name of its file, converted when it is first asked for."""
    from edge_edet.converters import convert

    folder = tmp_path_factory.mktemp("bundled")

    def make(name: str) -> Path:
        path = folder / f"{name}.tflite"
        if not path.exists():
            precision = name.removeprefix("d0-")
            convert("d0", precision, output=folder, weights="bundled", formats="tflite")
        return path

    return make


@pytest.fixture
def model(request: Any, bundled: Callable[[str], Path]) -> Path:
    return bundled(request.param) if request.param in BUNDLED else Path(request.param)


@pytest.fixture
def int8_model(request: Any, bundled: Callable[[str], Path]) -> Path:
    return bundled(request.param) if request.param in BUNDLED else Path(request.param)
