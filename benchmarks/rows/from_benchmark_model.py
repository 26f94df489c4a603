"""Rows from what benchmark_model prints: of a log from anywhere, or of a phone just now.

It keeps no samples, so that a row has its summary of the inference and nothing else, and compares
only with rows of its own kind.
"""

from __future__ import annotations

import codecs
import math
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_edet import __version__
from edge_edet.benchmarks.rows.facts_of_model import model_facts
from edge_edet.benchmarks.rows.parts import (
    ActualConfig,
    DeviceName,
    ModelFacts,
    RequestedConfig,
    Summary,
    Warned,
)
from edge_edet.benchmarks.rows.schema import SCHEMA_VERSION, BenchmarkRow
from edge_edet.devices.benchmark_model import BenchmarkLog, parse_logs
from edge_edet.errors import InputError
from edge_edet.files import Limit, read_stream

__all__ = ["PROTOCOL", "log_row", "rows_of_log"]

PROTOCOL = "benchmark_model"
TOOL = "TensorFlow Lite benchmark_model"
LIMIT = Limit(256 << 20, "cut the part of benchmark_model out")
SILENT_S = 600.0  # of a pipe: a slow board may be that long in one run, and say nothing
SIZE_TOLERANCE = 1e-5  # it prints six digits
NO_SAMPLES = Warned(
    "no-samples",
    "benchmark_model prints a mean and no samples, of the inference only, on a tensor of noise",
    "compare it with rows of benchmark_model only",
)


def rows_of_log(
    path: Path, model: Path, device: DeviceName, started_at: datetime
) -> list[BenchmarkRow]:
    """Read a row of each run in the log.

    Parameters
    ----------
    path
        The log; a pipe too.
    model
        The .tflite that was measured.
    device
        The board.
    started_at
        When: the log does not say.

    Returns
    -------
    list[BenchmarkRow]
        In the order of the log.

    Raises
    ------
    InputError
        Where it is no log, of another model, or has impossible numbers.
    """
    text = _read(path)
    facts = model_facts(model)
    rows = []
    for log in parse_logs(text, str(path)):
        asked = RequestedConfig(delegate=log.asked_delegate, threads=log.threads)
        protocol = {"name": PROTOCOL, "warmup": log.warmup_runs, "runs": log.n}
        rows.append(log_row(log, facts, asked, device, protocol, started_at, str(path)))
    return rows


def _read(path: Path) -> str:
    """Its text; what PowerShell writes by '>' is UTF-16."""
    missing = f"there is no file {str(path)!r}: give a log of benchmark_model"
    data = read_stream(path, f"log {str(path)!r}", LIMIT, SILENT_S, missing=missing)
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig", "replace")


def log_row(
    log: BenchmarkLog,
    facts: ModelFacts,
    asked: RequestedConfig,
    device: DeviceName,
    protocol: dict[str, Any],
    started_at: datetime,
    where: str,
) -> BenchmarkRow:
    """Make the row of one run.

    Parameters
    ----------
    log
        What was printed.
    facts, asked, device, protocol, started_at
        As in the row.
    where
        Names the log in messages.

    Returns
    -------
    BenchmarkRow
        A measured row.

    Raises
    ------
    InputError
        Where it is of another model, or has impossible numbers.
    """
    try:
        return _log_row(log, facts, asked, device, protocol, started_at, where)
    except ValueError as error:
        raise InputError(f"{where} has impossible values: {error}") from None


def _log_row(
    log: BenchmarkLog,
    facts: ModelFacts,
    asked: RequestedConfig,
    device: DeviceName,
    protocol: dict[str, Any],
    started_at: datetime,
    where: str,
) -> BenchmarkRow:
    peak = log.peak_memory_mib
    if peak is not None and not math.isfinite(peak):
        raise ValueError(f"peak_memory_bytes must be a number, but is {peak}")
    return BenchmarkRow(
        schema_version=SCHEMA_VERSION,
        how="measured",
        started_at=started_at.isoformat(timespec="seconds"),
        tool=f"edge-edet {__version__}",
        model=facts,
        asked=asked,
        ran=_ran(log),
        device=device,
        machine=None,
        protocol=protocol,
        samples_ms={},
        load_ms=log.load_ms,
        peak_memory_bytes=None if peak is None else round(peak * 2**20),
        throughput=None,
        energy=None,
        sustain=None,
        estimate=None,
        summary=Summary(
            source=TOOL,
            stage="inference",
            n=log.n,
            mean_ms=log.mean_ms,
            std_ms=log.std_ms,
            min_ms=log.min_ms,
            max_ms=log.max_ms,
            p50_ms=log.median_ms,
            p90_ms=None,  # it prints p95
        ),
        accuracy=None,
        warnings=(NO_SAMPLES, *_check_model(log, facts, where), *_check_delegate(log)),
    )


def _ran(log: BenchmarkLog) -> ActualConfig:
    return ActualConfig(
        runtime="tensorflow-lite",
        version="unknown",  # it does not print one
        delegate=log.delegate or "unknown",
        operators=log.operators,
        delegated=log.delegated,
        partitions=log.partitions,
        precision=None,
        threads=log.threads,
        streams=None,
        device=None,
        execution_devices=(),
        layers=None,
        nms=None,
    )


def _check_model(log: BenchmarkLog, facts: ModelFacts, where: str) -> list[Warned]:
    """Compare sizes: the log names a path only, and models of one size are taken for one."""
    if facts.format != "tflite":
        raise InputError(f"{facts.file} is no .tflite, and benchmark_model runs nothing else")
    if log.size_mb is None:
        text = "the log does not contain the model's size: nothing shows that it is this model's"
        return [Warned("model-not-proven", text, "measure it again with a newer benchmark_model")]
    if abs(log.size_mb * 1e6 - facts.size_bytes) > SIZE_TOLERANCE * facts.size_bytes:
        raise InputError(
            f"{where} is of a model of {log.size_mb * 1e6:,.0f} bytes ({Path(log.graph).name}), but "
            f"{facts.file} has {facts.size_bytes:,}: give the model that was measured"
        )
    return []


def _check_delegate(log: BenchmarkLog) -> list[Warned]:
    if log.asked_delegate in (None, "none", log.delegate) or log.delegate is None:
        return []
    return [
        Warned(
            "delegate-not-used",
            f"{log.asked_delegate} was asked for, but {log.delegate} executed the model",
            "take it as a measurement of the CPU, or look in the log for the reason",
        )
    ]
