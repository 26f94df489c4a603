"""Rows of TensorFlow's benchmark_model, which prints statistics and keeps no samples."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.bench.labelled_data import Labelled
from edge_edet.benchmarks.bench.plan import Plan
from edge_edet.benchmarks.bench.targets import name_device
from edge_edet.benchmarks.measuring import Emit, Note, ProgressMade, RowMeasured
from edge_edet.benchmarks.rows import (
    PROTOCOL,
    BenchmarkRow,
    done_keys,
    log_row,
    model_facts,
    row_key,
)
from edge_edet.devices.benchmark_model import arguments, parse_logs
from edge_edet.devices.remote import Transport
from edge_edet.errors import InputError

__all__ = ["measure_phone"]


def measure_phone(
    transport: Transport,
    models: Sequence[Path],
    plan: Plan,
    earlier: Sequence[BenchmarkRow],
    emit: Emit,
    data: Labelled | None = None,
) -> None:
    """Emit a row for each model, thread count and delegate.

    Raises
    ------
    InputError
        For options that benchmark_model does not have.
    """
    grid = plan.grid
    for option, given in (
        ("--runtime", grid.runtimes != (None,)),
        ("--device", grid.device_types != (None,)),
        ("--parallel", grid.streams > 1),
        ("--sustain", plan.sustain_s is not None),
        ("--images", bool(plan.pictures)),
        ("--inference-precision", grid.precision is not None),
        ("--delegate-option", bool(grid.delegate_options)),
        ("--data", data is not None),
        *((f"--{name.replace('_', '-')}", True) for name in plan.input),
    ):
        if given:
            raise InputError(
                f"{transport.name} runs benchmark_model, which has no {option}: leave it out"
            )
    emit(Note(f"{transport.name}: preparing"))
    board = transport.prepare()
    device = dataclasses.replace(name_device(board.device), host=transport.name)
    done, there = done_keys(earlier), transport.push(models)
    for model in models:
        facts = model_facts(model)
        for asked in grid.all():
            key = row_key(facts.sha256, asked, device, _protocol(plan))
            if key in done:
                continue
            text = f"{transport.name}: {model.name}, {asked.threads or 'default'} threads"
            emit(ProgressMade(text, 0, None))
            started = datetime.now(timezone.utc)
            wanted = arguments(
                there[model],
                threads=asked.threads,
                delegate=asked.delegate,
                warmup_runs=plan.rule.warmup,
                runs=plan.rule.min_samples,
                half=facts.precision == "fp16",
            )
            with contextlib.closing(transport.run(wanted)) as lines:  # type: ignore[type-var]
                (log,) = parse_logs("".join(line["log"] for line in lines), transport.name)
            protocol = _protocol(plan)
            row = log_row(log, facts, asked, device, protocol, started, transport.name)
            emit(RowMeasured(row))


def _protocol(plan: Plan) -> dict[str, Any]:
    return {"name": PROTOCOL, "warmup": plan.rule.warmup, "runs": plan.rule.min_samples}
