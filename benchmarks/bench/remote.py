"""Rows from a board: the same command runs there, and its lines come back as it goes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_edet.benchmarks.bench.emulated import board_key, without_times
from edge_edet.benchmarks.bench.labelled_data import Labelled, with_data
from edge_edet.benchmarks.bench.phone import measure_phone
from edge_edet.benchmarks.bench.plan import Plan
from edge_edet.benchmarks.measuring import (
    Emit,
    Ended,
    Event,
    MinuteMeasured,
    Note,
    ProgressMade,
    RowMeasured,
    RunBegun,
    event_from_dict,
)
from edge_edet.benchmarks.rows import BenchmarkRow, done_keys
from edge_edet.devices.remote import Transport
from edge_edet.errors import BackendError, InputError
from edge_edet.formats import FORMATS
from edge_edet.runtimes import RUNTIMES

__all__ = ["measure_remote", "there_arguments"]

# An emulated process cannot start another one; its times are not kept, so that few runs will do.
FEW = (
    "--in-process",
    "--samples",
    "6",
    "--max-samples",
    "6",
    "--warmup",
    "0",
    "--warmup-seconds",
    "0",
)


def measure_remote(
    transport: Transport,
    models: Sequence[Path],
    plan: Plan,
    earlier: Sequence[BenchmarkRow],
    emit: Emit,
    data: Labelled | None = None,
) -> None:
    """Emit the events of a board, with rows under the name of its host.

    Parameters
    ----------
    transport
        The way to the board.
    models, plan
        What is measured there.
    earlier
        Rows that are not measured again.
    emit
        Takes the events.
    data
        Labelled pictures for AP.

    Raises
    ------
    InputError, BackendError
        As the transport does, and BackendError where the board's events do not come to their end. Rows
        that came before are complete.
    """
    if transport.program == "benchmark_model":
        measure_phone(transport, models, plan, earlier, emit, data)
        return
    if transport.how == "emulated" and plan.sustain_s is not None:
        raise InputError(
            f"{transport.name} is emulated, and its times mean nothing: leave --sustain out, or give "
            "the board's own --host"
        )
    emit(Note(f"{transport.name}: preparing"))
    extras = ["devices", *_runtimes(plan, models), *(["bench"] if data is not None else [])]
    board = transport.prepare(tuple(extras))
    emit(Note(f"{transport.name} is {board.device} ({board.because})"))
    labels = [Path(plan.input["labels"])] if "labels" in plan.input else []
    sent = [*models, *plan.pictures, *labels, *(data.files() if data is not None else [])]
    there = transport.push(sent)
    done = done_keys(with_data(earlier, data))
    host = None if transport.how == "emulated" else transport.name  # nobody's own board
    ours = [row for row in earlier if row.how == transport.how and row.key in done]
    of_it = (board.device, host)
    keys = {board_key(row) for row in ours if (row.device.id, row.device.host) == of_it}
    arguments = there_arguments(
        plan,
        [there[model] for model in models],
        [there[one] for one in plan.pictures],
        board.device,
        keys,
    )
    if data is not None:
        arguments += data.options(there)
    arguments += input_arguments(plan, there)
    if transport.how == "emulated":
        arguments += FEW
    ended, pass_on = False, _Passing(transport, host, emit)
    with contextlib.closing(transport.run(arguments)) as lines:  # type: ignore[type-var]
        for line in lines:
            event = event_from_dict(line, transport.name)
            ended = isinstance(event, Ended)
            pass_on(event)
    if not ended:
        raise BackendError(
            f"{transport.name}: its rows do not come to an end: run the command again with --resume"
        )


def there_arguments(
    plan: Plan, models: Sequence[str], pictures: Sequence[str], device: str, skip: set[str]
) -> list[str]:
    """Make the command line for the board, after `edge-edet` (docs/measuring.md)."""
    grid, rule = plan.grid, plan.rule
    arguments = ["bench", *models, "--this-board", device, "--jsonl"]
    lists = {
        "--threads": grid.threads,
        "--runtime": grid.runtimes,
        "--delegate": grid.delegates,
        "--device": grid.device_types,
    }
    for option, values in lists.items():
        if values != (None,):
            arguments += [option, ",".join(map(str, values))]
    for key, value in grid.delegate_options:
        arguments += ["--delegate-option", f"{key}={value}"]
    if grid.precision is not None:
        arguments += ["--inference-precision", grid.precision]
    if pictures:
        arguments += ["--images", *pictures]
    plain = {
        "--parallel": grid.streams,
        "--score-threshold": plan.score_threshold,
        "--warmup": rule.warmup,
        "--warmup-seconds": rule.warmup_s,
        "--samples": rule.min_samples,
        "--ci-width": rule.relative_width,
        "--max-samples": rule.max_samples,
        "--max-seconds": rule.max_s,
    }
    for option, number in plain.items():
        arguments += [option, repr(number)]
    if not plan.verify:
        arguments.append("--no-verify")
    if plan.sustain_s is not None:
        arguments += ["--sustain", f"{plan.sustain_s:g}s"]
    if skip:
        arguments += ["--skip", ",".join(sorted(skip))]
    return arguments


def input_arguments(plan: Plan, there: Mapping[Path, str]) -> list[str]:
    """Make the options about input and labels; there: where the label file is on the board."""
    arguments = []
    for name, value in plan.input.items():
        option = "--range" if name == "picture_range" else f"--{name.replace('_', '-')}"
        arguments.append(f"{option}={there[Path(value)] if name == 'labels' else value}")
    return arguments


class _Passing:
    """Takes the board's events, and gives rows and their keys the name of the host."""

    def __init__(self, transport: Transport, host: str | None, emit: Emit):
        self._transport, self._host, self._emit = transport, host, emit
        self._keys: dict[str, str] = {}  # of rows, on the board -> here

    def __call__(self, event: Event) -> None:
        if isinstance(event, (RowMeasured, RunBegun)):
            row = self._ours(event.row)
            self._keys[event.row.key] = row.key
            self._emit(type(event)(row))
        elif isinstance(event, MinuteMeasured):
            self._emit(dataclasses.replace(event, key=self._keys[event.key]))
        elif isinstance(event, (Note, ProgressMade)):
            self._emit(dataclasses.replace(event, text=f"{self._transport.name}: {event.text}"))

    def _ours(self, row: BenchmarkRow) -> BenchmarkRow:
        if self._transport.how == "emulated":
            return without_times(row)
        return dataclasses.replace(row, device=dataclasses.replace(row.device, host=self._host))


def _runtimes(plan: Plan, models: Sequence[Path]) -> list[str]:
    """List the extras that bring the runtimes: those named, or else the usual one of each format."""
    named = {one for one in plan.grid.runtimes if one in RUNTIMES}
    formats = {FORMATS.get(model.suffix, FORMATS[".tflite"]) for model in models}
    usual = {form.runtimes[0] for form in formats}
    return sorted(RUNTIMES[one].extra for one in named or usual)
