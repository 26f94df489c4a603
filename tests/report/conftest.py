"""Rows to draw, and the command in this process."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest

from edge_edet.benchmarks.rows.parts import (
    Accuracy,
    ActualConfig,
    DeviceName,
    Estimate,
    MachineState,
    Minute,
    ModelFacts,
    RequestedConfig,
    Sustain,
)
from edge_edet.benchmarks.rows.schema import BenchmarkRow
from edge_edet.cli import main
from edge_edet.variants import VARIANTS

VAL2017 = "coco/annotations/instances_val2017.json"
WORK = {"d0": (3.9, 2.5), "d1": (6.6, 6.1), "d2": (8.1, 11.0), "lite0": (3.2, 0.97)}  # 1e6, 1e9


def build_row(
    variant: str | None = "d0",
    precision: str = "fp32",
    ms: float | None = 80.0,
    ap: float | None = None,
    *,
    data: str = VAL2017,
    pictures: int = 5000,
    threads: int = 1,
    device: str = "host",
    n: int = 40,
    seed: int = 0,
    **changes: Any,
) -> BenchmarkRow:
    """ms: the median of drawn samples, about."""
    rng = random.Random(f"{variant} {precision} {ms} {seed}")
    samples = tuple((ms or 0.0) * rng.uniform(0.9, 1.1) for _ in range(n)) if ms is not None else ()
    parameters, work = WORK.get(variant or "", (1.0, 1.0))
    side = VARIANTS[variant].image_size if variant in VARIANTS else 320
    sha256 = f"{variant}{precision}".encode().hex().ljust(64, "0")
    model = ModelFacts(
        f"{variant or 'foreign'}-{precision}.tflite",
        sha256,
        5_000_000,
        variant,
        (side, side),
        precision,
        "tflite",
        round(parameters * 1e6),
        round(work * 1e9),
    )
    measured = None
    if ap is not None:
        ends = (max(ap - 0.01, -1.0), ap + 0.01)
        measured = Accuracy(
            {"ap": ap}, {"ap": ends}, pictures, data, "d" * 64, {"suppression": "hard"}
        )
    fields: dict[str, Any] = {
        "schema_version": 1,
        "how": "measured",
        "started_at": "2026-01-02T03:04:05+00:00",
        "tool": "edge-edet 0.1.0",
        "model": model,
        "asked": RequestedConfig(threads=threads),
        "ran": ActualConfig(
            "ai-edge-litert",
            "2.3.0",
            "xnnpack",
            599,
            583,
            13,
            None,
            threads,
            None,
            None,
            ("CPU",),
            None,
            "none",
        ),
        "device": DeviceName(device, device),
        "machine": MachineState(),
        "protocol": {"name": "edge-edet bench", "version": 1},
        "samples_ms": {"inference": samples, "end_to_end": samples} if samples else {},
        "load_ms": 12.5,
        "peak_memory_bytes": 100_000_000,
        "throughput": None,
        "energy": None,
        "sustain": None,
        "estimate": None,
        "summary": None,
        "accuracy": measured,
        "warnings": (),
    }
    return BenchmarkRow(**(fields | changes))


def build_estimate(variant: str, precision: str, ms: float, device: str = "rpi4") -> BenchmarkRow:
    return build_row(
        variant,
        precision,
        None,
        device=device,
        how="estimated",
        ran=None,
        machine=None,
        protocol={"name": "edge-edet estimate"},
        estimate=Estimate(ms, ms * 0.75, ms * 1.4, 0.9, "published latencies", ()),
    )


def build_long_run(minutes: int = 5, hole: int | None = 3) -> BenchmarkRow:
    """hole: the minute in which nothing was done."""
    made = tuple(
        Minute(
            n, () if n == hole else tuple(40.0 + n + i % 3 for i in range(20)), 50.0 + n, 1800.0, ()
        )
        for n in range(1, minutes + 1)
    )
    row = build_row("d0", "int8", 41.0, device="rpi4")
    protocol = {"name": "edge-edet bench", "version": 1, "sustain_s": minutes * 60.0}
    return dataclasses.replace(row, sustain=Sustain(minutes * 60.0, made), protocol=protocol)


def build_sweep() -> list[BenchmarkRow]:
    """Something for every figure."""
    times = {"d0": 80.0, "d1": 165.0, "d2": 290.0, "lite0": 40.0}
    points = {"d0": 0.335, "d1": 0.394, "d2": 0.427, "lite0": 0.262}
    rows = [
        build_row(name, precision, ms * part, points[name] - lost, threads=threads)
        for name, ms in times.items()
        for precision, part, lost in (("fp32", 1.0, 0.0), ("int8", 0.5, 0.004))
        for threads in (1,)
    ]
    rows += [build_estimate("lite0", p, ms) for p, ms in (("fp32", 176.0), ("int8", 78.0))]
    return [*rows, build_long_run()]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Exit status, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([str(one) for one in arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture(scope="session")
def make_row() -> Callable[..., BenchmarkRow]:
    return build_row


@pytest.fixture(scope="session")
def make_estimate() -> Callable[..., BenchmarkRow]:
    return build_estimate


@pytest.fixture(scope="session")
def make_long_run() -> Callable[..., BenchmarkRow]:
    return build_long_run


@pytest.fixture(scope="session")
def sweep() -> list[BenchmarkRow]:
    return build_sweep()
