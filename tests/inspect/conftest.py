"""Planted faults, each model made once for all tests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load() -> ModuleType:
    """faults.py beside this file: tests are no package."""
    path = Path(__file__).with_name("faults.py")
    spec = importlib.util.spec_from_file_location("inspect_faults", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


faults: Any = _load()


@pytest.fixture(scope="session")
def planted() -> Any:
    """The module of faults."""
    return faults


@pytest.fixture(scope="session")
def bench(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The trained D0 at a quarter of its size, with its statistics."""
    return faults.cells(shared, tmp_path_factory.mktemp("d0"))


@pytest.fixture(scope="session")
def twin(bench: Any) -> Path:
    path: Path = bench.float_twin()
    return path


@pytest.fixture(scope="session")
def model(bench: Any) -> Callable[[str], Path]:
    """Name of a fault, or of a recipe for a sound model -> the INT8 file."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            build = faults.FAULTS.get(name)
            data = build(bench) if build else faults.healthy(bench, name)
            made[name] = bench.write(name, data)
        return made[name]

    return make
