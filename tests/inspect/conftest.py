"""Planted faults, each model made once for all tests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(name: str) -> ModuleType:
    """Import a file beside this one: tests are no package."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"inspect_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


faults: Any = _load("faults")


@pytest.fixture(scope="session")
def planted() -> Any:
    """Return the module of faults."""
    return faults


@pytest.fixture(scope="session")
def bench(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the trained D0 at a quarter of its size, with its statistics."""
    return faults.cells(shared, tmp_path_factory.mktemp("d0"))


@pytest.fixture(scope="session")
def float_path(bench: Any) -> Path:
    path: Path = bench.float_model()
    return path


@pytest.fixture(scope="session")
def model(bench: Any) -> Callable[[str], Path]:
    """Return a function: name of a fault, or of a recipe for a sound model -> the INT8 file."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            build = faults.FAULTS.get(name)
            data = build(bench) if build else faults.healthy(bench, name)
            made[name] = bench.write(name, data)
        return made[name]

    return make


@pytest.fixture(scope="session")
def planted_ir() -> Any:
    """Return the module of faults in OpenVINO models."""
    return _load("ir_faults")


@pytest.fixture(scope="session")
def ir_float(bench: Any, planted_ir: Any) -> Path:
    path: Path = planted_ir.write(bench, "fp32", None)
    return path


@pytest.fixture(scope="session")
def ir_model(bench: Any, planted_ir: Any) -> Callable[[str], Path]:
    """Return a function: name of a fault, or "sound" -> the INT8 OpenVINO model."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            build = planted_ir.FAULTS.get(name)
            made[name] = (
                build(bench) if build else planted_ir.write(bench, name, planted_ir.sound(bench))
            )
        return made[name]

    return make
