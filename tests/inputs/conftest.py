"""Models, data and rows to name, and a timer that ends what hangs."""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType

import pytest

HANGS_S = 60


def other_tests(name: str) -> ModuleType:
    """Import a module of other tests, for what it makes."""
    path = Path(__file__).resolve().parents[1] / name
    spec = importlib.util.spec_from_file_location(f"other_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest model, built as the runtime's tests build theirs."""
    build = other_tests("runtime/conftest.py").build_tiny.__wrapped__()
    model: Path = build(tmp_path_factory.mktemp("tiny") / "tiny-int8.tflite", int8=True)
    return model


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    from PIL import Image

    path = tmp_path / "picture.png"
    Image.new("RGB", (32, 24), (200, 100, 50)).save(path)
    return path


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    """Let a test that waits for ever fail, so that it does not stop the suite."""

    def fail(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"it hung for {HANGS_S} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(HANGS_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
