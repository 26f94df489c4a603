"""The same bench on other devices: `edge-edet bench --stream` there, its rows here as they come."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.phone_rows import PhoneRun
from edge_edet.benchmarks.row_file import RowFile, done_keys
from edge_edet.benchmarks.rows import BenchmarkRow, row_from_dict
from edge_edet.devices.benchmark_model import arguments
from edge_edet.devices.catalog import find_profile, known_profiles
from edge_edet.devices.fleet import side_by_side
from edge_edet.devices.transport import Transport
from edge_edet.errors import BackendError, EdgeEdetError, InputError

__all__ = ["RemoteBench", "bench_on"]

PROGRESS_S = 10.0  # between two lines of one device
MAX_SKIPPED = 2000  # keys on one command line
# --runtime -> the extra of our package that brings it
EXTRAS = {
    "ai-edge-litert": "litert", "tflite-runtime": "tflite-runtime", "tensorflow": "tensorflow",
    "openvino": "openvino", "onnxruntime": "onnx",
}  # fmt: skip
EXTRA_BY_SUFFIX = {".xml": "openvino", ".onnx": "onnx"}


@dataclass(frozen=True)
class RemoteBench:
    """What is asked for. options: of `edge-edet bench`, without models, files, device and output."""

    models: tuple[Path, ...]
    images: tuple[Path, ...] = ()
    data: Path | None = None  # for the accuracy
    runtime: str | None = None
    delegate: str | None = None
    threads: tuple[int, ...] = ()  # (): those worth trying on the device
    options: tuple[str, ...] = ()

    def extras(self) -> list[str]:
        found = {EXTRA_BY_SUFFIX.get(model.suffix.lower(), "litert") for model in self.models}
        if self.runtime is not None:
            found = {EXTRAS.get(self.runtime, "litert")}
        return sorted({*found, "devices", *(["bench"] if self.data else [])})

    def arguments(self, there: Mapping[Path, str], device: str, skip: Sequence[str]) -> list[str]:
        arguments = ["bench", *(there[model] for model in self.models)]
        arguments += ["--device", device, "--stream", *self.options]
        if self.runtime is not None:
            arguments += ["--runtime", self.runtime]
        if self.delegate is not None:
            arguments += ["--delegate", self.delegate]
        if self.threads:
            arguments += ["--threads", ",".join(map(str, self.threads))]
        if self.images:
            arguments += ["--images", *(there[path] for path in self.images)]
        if self.data is not None:
            arguments += ["--data", there[self.data]]
        if skip:
            arguments += ["--skip", ",".join(skip)]
        return arguments


def bench_on(
    transports: Sequence[Transport], asked: RemoteBench, file: RowFile
) -> list[EdgeEdetError]:
    """Adds each row to the file when it arrives; what went wrong, at most one for each device.

    A row that the file holds already is not measured again.
    """
    errors: list[EdgeEdetError] = []
    skip = sorted(done_keys(file.rows))[-MAX_SKIPPED:]
    for transport, item in side_by_side(transports, lambda one: _rows_of(one, asked, skip)):
        if isinstance(item, EdgeEdetError):
            errors.append(item)
            print(f"{transport.name}: stopped: {item}", file=sys.stderr, flush=True)
        elif item.key not in done_keys(file.rows):  # two names may lead to one board
            file.add(item)
    return errors


def _rows_of(
    transport: Transport, asked: RemoteBench, skip: Sequence[str]
) -> Iterator[BenchmarkRow | None]:
    board = transport.prepare(asked.extras())
    _tell(transport, f"{board.device} ({board.because}), {board.system}")
    if transport.program == "benchmark_model":
        yield from _rows_of_phone(transport, asked, board.device, skip)
        return
    files = [*asked.models, *asked.images, *([asked.data] if asked.data else [])]
    there = transport.push(files)
    told, count, ended = 0.0, 0, False
    for message in transport.run(asked.arguments(there, board.device, skip)):
        kind = message.get("kind")
        if kind == "row":
            count += 1
            yield _row(transport, message)
        elif kind == "note":
            _tell(transport, message.get("text"))
        elif kind == "progress" and time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            _tell(transport, message.get("text"))
        elif kind == "end":
            ended = message.get("rows") == count
        yield None
    if not ended:
        raise BackendError(
            f"{transport.name}: {count} rows arrived, but not all that were measured: run the same "
            "command again, it repeats none"
        )


def _rows_of_phone(
    transport: Transport, asked: RemoteBench, device: str, skip: Sequence[str]
) -> Iterator[BenchmarkRow | None]:
    """One run of benchmark_model for each model and number of threads."""
    if asked.images or asked.data or asked.runtime:
        raise InputError(
            f"{transport.name} is measured by benchmark_model, which takes no pictures and no "
            "runtime: leave out --images, --data and --runtime"
        )
    profile = find_profile(device, known_profiles())
    for model in asked.models:
        there = transport.push([model])[model]
        for threads in asked.threads or profile.threads:
            started = datetime.now(timezone.utc)
            what = f"{model.name}, {threads} thread{'s' * (threads != 1)}"
            planned = PhoneRun(model, profile, threads, asked.delegate)
            if planned.key in skip:
                continue
            _tell(transport, f"{what}: benchmark_model runs, about a minute")
            half = planned.facts.precision == "fp16"
            for answer in transport.run(
                arguments(there, threads=threads, delegate=asked.delegate, half=half)
            ):
                yield planned.row(str(answer["log"]), f"{transport.name}, {what}", started)


def _row(transport: Transport, message: Mapping[str, Any]) -> BenchmarkRow:
    row = row_from_dict(message.get("row"), f"a row of {transport.name}")
    if row.how != transport.how:
        raise BackendError(
            f"{transport.name}: a row says that it is {row.how}, expected {transport.how}"
        )
    if row.key != message.get("key"):
        raise BackendError(f"{transport.name}: a row has another key than was announced")
    return row


def _tell(transport: Transport, text: object) -> None:
    print(f"{transport.name}: {text}", file=sys.stderr, flush=True)
