"""A row to change, and the command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.rows.parts import (
    ActualConfig,
    DeviceName,
    MachineState,
    ModelFacts,
    RequestedConfig,
)
from edge_edet.benchmarks.rows.schema import BenchmarkRow

MODEL = ModelFacts(
    "d0-int8.tflite", "ab" * 32, 5_000_000, "d0", (512, 512), "int8", "tflite", 3_900_000, None
)
RAN = ActualConfig(
    "ai-edge-litert", "2.3.0", "xnnpack", 599, 583, 13, None, 1, None, None, ("CPU",), None, "none"
)


def _row(samples: tuple[float, ...] = (40.0, 41.0, 39.0), **changes: Any) -> BenchmarkRow:
    """A measured row with these samples end to end and of the inference."""
    fields: dict[str, Any] = {
        "schema_version": 1,
        "how": "measured",
        "started_at": "2026-01-02T03:04:05+00:00",
        "tool": "edge-edet 0.1.0",
        "model": MODEL,
        "asked": RequestedConfig(threads=1),
        "ran": RAN,
        "device": DeviceName("host", "this machine"),
        "machine": MachineState(),
        "protocol": {"name": "edge-edet bench", "version": 1},
        "samples_ms": {"inference": samples, "end_to_end": samples},
        "load_ms": 12.5,
        "peak_memory_bytes": 100_000_000,
        "throughput": None,
        "energy": None,
        "sustain": None,
        "estimate": None,
        "summary": None,
        "accuracy": None,
        "warnings": (),
    }
    return BenchmarkRow(**(fields | changes))


@pytest.fixture(scope="session")
def make_row() -> Callable[..., BenchmarkRow]:
    return _row


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge_edet", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real models of 64 x 64: "fp32" and "fp16" of random weights, "trained" with the bundled ones."""
    from edge_edet.converters import convert

    folder = tmp_path_factory.mktemp("models")
    made = {}
    for name, variant, precision, weights in (
        ("fp32", "lite0", "fp32", "random"),
        ("fp16", "lite0", "fp16", "random"),
        ("trained", "d0", "fp32", "bundled"),
    ):
        own = folder / name
        convert(variant, precision, output=own, weights=weights, image_size=64)
        (made[name],) = own.glob("*.tflite")
    return made


class FakeClock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def step(self, times_ms: list[float]) -> Callable[[], dict[str, float]]:
        """Takes these times one after the other, then the last one for ever."""
        left = list(times_ms)

        def run() -> dict[str, float]:
            ms = left.pop(0) if len(left) > 1 else left[0]
            self.now += ms / 1e3
            return {"inference": ms, "end_to_end": ms}

        return run


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
