"""Studies made small: their networks at 64 pixels, and rows that need no measuring."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.rows.parts import DeviceName, ModelFacts, RequestedConfig
from edge_edet.benchmarks.rows.schema import BenchmarkRow
from edge_edet.studies.study_networks import RunConfig

FLOAT = RunConfig("tflite", "fp32", 1)


@pytest.fixture
def edge_edet(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge_edet", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


def build_row(
    variant: str, samples: tuple[float, ...], way: RunConfig = FLOAT, **protocol: Any
) -> BenchmarkRow:
    nothing = (
        "load_ms",
        "peak_memory_bytes",
        "throughput",
        "energy",
        "sustain",
        "estimate",
        "summary",
        "accuracy",
        "ran",
        "machine",
    )
    facts = ModelFacts(
        f"{variant}-{way.precision}.tflite",
        "ab" * 32,
        4_000_000,
        variant,
        (64, 64),
        way.precision,
        "tflite",
        1,
        1,
    )
    return BenchmarkRow(
        schema_version=1,
        how="measured",
        started_at="2026-01-02T03:04:05+00:00",
        tool="t",
        model=facts,
        asked=RequestedConfig(threads=way.threads),
        device=DeviceName("host", "here"),
        protocol={"name": "p", "rounds": 2, **protocol},
        samples_ms={"inference": samples},
        warnings=(),
        study="comparators",
        **dict.fromkeys(nothing),
    )


@pytest.fixture(scope="session")
def a_row() -> Callable[..., BenchmarkRow]:
    """Samples of a network, as a round measured them."""
    return build_row
