"""What counting needs on this machine, and models that are quick to count."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet import BackendError
from edge_edet.devices.emulation import prepare
from edge_edet.system import CountingTools, find_counting_tools

ROOT = Path(__file__).resolve().parents[2]


def skip_or_fail(reason: str) -> None:
    if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def tools() -> CountingTools:
    try:
        return find_counting_tools()
    except BackendError as error:
        skip_or_fail(str(error))
        raise


@pytest.fixture(scope="session")
def arm_root(tools: CountingTools) -> Path:
    """build/aarch64-root, filled."""
    try:
        return prepare(ROOT / "build" / "aarch64-root")
    except BackendError as error:
        skip_or_fail(str(error))
        raise


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """tiny(int8=True) is the smallest model, built as the runtime's tests build theirs."""
    path = ROOT / "tests" / "runtime" / "conftest.py"
    spec = importlib.util.spec_from_file_location("runtime_models", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    build = module.build_tiny.__wrapped__()
    made: dict[bool, Path] = {}

    def make(int8: bool = True) -> Path:
        if int8 not in made:
            name = f"tiny-{'int8' if int8 else 'fp32'}.tflite"
            made[int8] = build(tmp_path_factory.mktemp("tiny") / name, int8=int8)
        return made[int8]

    return make
