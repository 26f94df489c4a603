"""Rows of TensorFlow's benchmark_model, which tells statistics and keeps no samples."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_edet import __version__
from edge_edet.benchmarks.bench_places import name_device
from edge_edet.benchmarks.bench_plan import Plan
from edge_edet.benchmarks.model_facts import model_facts
from edge_edet.benchmarks.row_file import done_keys
from edge_edet.benchmarks.rows import (
    SCHEMA_VERSION,
    Asked,
    BenchmarkRow,
    DeviceName,
    ModelFacts,
    Ran,
    Summary,
    row_key,
    row_to_dict,
)
from edge_edet.devices.benchmark_model import BenchmarkLog, arguments, parse_logs
from edge_edet.devices.transport import Transport
from edge_edet.errors import InputError

__all__ = ["log_row", "measure_phone"]

PROTOCOL = "benchmark_model"
TOOL = "TensorFlow Lite benchmark_model"


def measure_phone(
    transport: Transport,
    models: Sequence[Path],
    plan: Plan,
    earlier: Sequence[BenchmarkRow],
    emit: Callable[[dict[str, Any]], None],
) -> None:
    """Emits a row for each model, thread count and delegate. Raises InputError for other wishes."""
    ways = plan.ways
    for option, given in (
        ("--runtime", ways.runtimes != (None,)),
        ("--device-type", ways.device_types != (None,)),
        ("--streams", ways.streams > 1),
        ("--sustain", plan.sustain_s is not None),
        ("--pictures", bool(plan.pictures)),
    ):
        if given:
            raise InputError(
                f"{transport.name} runs benchmark_model, which has no {option}: leave it out"
            )
    emit({"kind": "note", "text": f"{transport.name}: preparing"})
    board = transport.prepare()
    device, done, there = name_device(board.device), done_keys(earlier), transport.push(models)
    for model in models:
        facts = model_facts(model)
        for asked in ways.all():
            key = row_key(facts.sha256, asked, device.id, _protocol(plan))
            if key in done:
                continue
            text = f"{transport.name}: {model.name}, {asked.threads or 'default'} threads"
            emit({"kind": "progress", "text": text, "done": 0, "total": None})
            wanted = arguments(
                there[model], threads=asked.threads, delegate=asked.delegate,
                warmup_runs=plan.rule.warmup, runs=plan.rule.min_samples,
                half=facts.precision == "fp16",
            )  # fmt: skip
            with contextlib.closing(transport.run(wanted)) as lines:  # type: ignore[type-var]
                (log,) = parse_logs("".join(line["log"] for line in lines), transport.name)
            row = log_row(log, facts, asked, device, _protocol(plan))
            emit({"kind": "row", "key": key, "row": row_to_dict(row)})


def log_row(
    log: BenchmarkLog,
    facts: ModelFacts,
    asked: Asked,
    device: DeviceName,
    protocol: dict[str, Any],
) -> BenchmarkRow:
    """The row of one run: a summary of the inference, on a tensor of noise."""
    memory = None if log.memory_mb is None else round(log.memory_mb * 1e6)
    ran = Ran(
        runtime="tensorflow-lite", version="unknown", delegate=log.delegate or "unknown",
        operators=log.operators, delegated=log.delegated, partitions=log.partitions, precision=None,
        threads=log.threads, streams=None, device=None, execution_devices=(), layers=None, nms=None,
    )  # fmt: skip
    return BenchmarkRow(
        schema_version=SCHEMA_VERSION,
        how="measured",
        started_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        tool=f"edge-edet {__version__}",
        model=facts,
        asked=asked,
        ran=ran,
        device=device,
        machine=None,
        protocol=protocol,
        samples_ms={},
        load_ms=log.load_ms,
        peak_memory_bytes=memory,
        throughput=None,
        energy=None,
        sustain=None,
        estimate=None,
        summary=Summary(
            source=TOOL, stage="inference", n=log.n, mean_ms=log.mean_ms, std_ms=log.std_ms,
            min_ms=log.min_ms, max_ms=log.max_ms, p50_ms=log.median_ms, p90_ms=None,
        ),
        accuracy=None,
        warnings=(),
    )  # fmt: skip


def _protocol(plan: Plan) -> dict[str, Any]:
    return {"name": PROTOCOL, "warmup": plan.rule.warmup, "runs": plan.rule.min_samples}
