"""Rows from a board: the same command runs there, and its lines come back as it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.bench_plan import Plan
from edge_edet.benchmarks.emulated_rows import board_key, without_times
from edge_edet.benchmarks.phone_rows import measure_phone
from edge_edet.benchmarks.row_file import done_keys
from edge_edet.benchmarks.rows import BenchmarkRow, row_from_dict, row_to_dict
from edge_edet.devices.transport import Transport
from edge_edet.errors import BackendError

__all__ = ["measure_remote", "there_arguments"]

# --runtime, and the suffix of a model, to the extra of our package that brings it
EXTRAS = {
    "ai-edge-litert": "litert",
    "tflite-runtime": "tflite-runtime",
    "tensorflow": "tensorflow",
    "openvino": "openvino",
    "onnxruntime": "onnx",
}
EXTRA_OF_FORMAT = {".xml": "openvino", ".onnx": "onnx"}
# An emulated process cannot start another one; its times are not kept, so that few runs will do.
FEW = (
    "--in-process", "--samples", "6", "--max-samples", "6", "--warmup", "0", "--warmup-seconds", "0",
)  # fmt: skip
Emit = Callable[[dict[str, Any]], None]


def measure_remote(
    transport: Transport,
    models: Sequence[Path],
    plan: Plan,
    earlier: Sequence[BenchmarkRow],
    emit: Emit,
    data: Sequence[str] = (),
) -> None:
    """Emits the board's lines; none for a row that is among the earlier ones.

    data: --data and its companions, the folder first. Raises what the transport raises; rows that
    came before are complete.
    """
    if transport.program == "benchmark_model":
        measure_phone(transport, models, plan, earlier, emit)
        return
    emit({"kind": "note", "text": f"{transport.name}: preparing"})
    extras = ["devices", *_runtimes(plan, models), *(["bench"] if data else [])]
    board = transport.prepare(tuple(extras))
    emit({"kind": "note", "text": f"{transport.name} is {board.device} ({board.because})"})
    sent = [*models, *plan.pictures, *([Path(data[0])] if data else [])]
    there = transport.push(sent)
    done = done_keys(earlier)
    ours = [row for row in earlier if row.device.id == board.device and row.key in done]
    keys = {board_key(row) for row in ours if row.how == transport.how}
    arguments = there_arguments(
        plan, [there[model] for model in models], [there[one] for one in plan.pictures],
        board.device, keys,
    )  # fmt: skip
    if data:
        arguments += ["--data", there[Path(data[0])], *data[1:]]
    if transport.how == "emulated":
        arguments += FEW
    ended = False
    with contextlib.closing(transport.run(arguments)) as lines:  # type: ignore[type-var]
        for line in lines:
            ended = line.get("kind") == "end"
            _pass_on(transport, line, emit)
    if not ended:
        raise BackendError(
            f"{transport.name}: its rows do not come to an end: run it with --resume"
        )


def there_arguments(
    plan: Plan, models: Sequence[str], pictures: Sequence[str], device: str, skip: set[str]
) -> list[str]:
    """The command line of docs/measuring.md, after `edge-edet`."""
    ways, rule = plan.ways, plan.rule
    arguments = ["bench", *models, "--device", device, "--stream"]
    lists = {
        "--threads": ways.threads,
        "--runtime": ways.runtimes,
        "--delegate": ways.delegates,
        "--device-type": ways.device_types,
    }
    for option, values in lists.items():
        if values != (None,):
            arguments += [option, ",".join(map(str, values))]
    for key, value in ways.delegate_options:
        arguments += ["--delegate-option", f"{key}={value}"]
    if ways.precision is not None:
        arguments += ["--precision", ways.precision]
    if pictures:
        arguments += ["--pictures", *pictures]
    plain = {
        "--streams": ways.streams,
        "--score-threshold": plan.score_threshold,
        "--warmup": rule.warmup,
        "--warmup-seconds": rule.warmup_s,
        "--samples": rule.min_samples,
        "--width": rule.relative_width,
        "--max-samples": rule.max_samples,
        "--max-seconds": rule.max_s,
    }
    for option, number in plain.items():
        arguments += [option, repr(number)]
    if plan.sustain_s is not None:
        arguments += ["--sustain", f"{plan.sustain_s:g}s"]
    if skip:
        arguments += ["--skip", ",".join(sorted(skip))]
    return arguments


def _pass_on(transport: Transport, line: dict[str, Any], emit: Emit) -> None:
    kind = line.get("kind")
    if kind == "row":
        row = row_from_dict(line.get("row"), f"{transport.name}: row")
        row = without_times(row) if transport.how == "emulated" else row
        emit({"kind": "row", "key": row.key, "row": row_to_dict(row)})
    elif kind in ("note", "progress"):
        emit({**line, "text": f"{transport.name}: {line.get('text')}"})
    elif kind in ("begun", "minute"):
        emit(line)


def _runtimes(plan: Plan, models: Sequence[Path]) -> list[str]:
    """The extras that bring the runtimes: those named, else the usual one of each format."""
    named = {EXTRAS[one] for one in plan.ways.runtimes if one in EXTRAS}
    usual = {EXTRA_OF_FORMAT.get(model.suffix, "litert") for model in models}
    return sorted(named or usual)
