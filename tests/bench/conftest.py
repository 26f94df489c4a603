"""A row to change, and the command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.rows import (
    Asked,
    BenchmarkRow,
    DeviceName,
    MachineState,
    ModelFacts,
    Ran,
)

MODEL = ModelFacts(
    "d0-int8.tflite", "ab" * 32, 5_000_000, "d0", (512, 512), "int8", "tflite", 3_900_000, None
)
RAN = Ran(
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
        "asked": Asked(threads=1),
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
