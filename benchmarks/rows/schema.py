"""One measurement, estimate or emulation of one model run in one way: docs/measuring.md in code.

Rows are plain data. Statistics are functions of a row (`stats.py`), never stored beside the samples
that they could contradict; files of rows are read and appended to in `row_file.py`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from edge_edet.benchmarks.rows.row_checks import (
    check_accuracy,
    check_at_least,
    check_ends,
    check_estimate,
    check_positive,
    check_samples,
    check_summary,
    check_sustain,
    check_time,
)
from edge_edet.benchmarks.rows.typed_json import from_json, to_json
from edge_edet.errors import InputError

__all__ = [
    "SCHEMA_VERSION",
    "STAGES",
    "Accuracy",
    "Asked",
    "BenchmarkRow",
    "DeviceName",
    "Energy",
    "Estimate",
    "EstimatedWhole",
    "MachineState",
    "Minute",
    "ModelFacts",
    "Ran",
    "Summary",
    "Sustain",
    "Throughput",
    "Warned",
    "row_from_dict",
    "row_key",
    "row_to_dict",
]

SCHEMA_VERSION = 1
STAGES = ("decode", "preprocess", "inference", "postprocess", "end_to_end")


@dataclass(frozen=True)
class ModelFacts:
    """The model file. variant, parameters and multiply_adds are None where unknown."""

    file: str  # its name, without the folder
    sha256: str
    size_bytes: int
    variant: str | None
    image_size: tuple[int, int]  # height, width
    precision: str  # of the file: fp32, fp16, int8-dynamic, int8
    format: Literal["tflite", "openvino", "onnx"]
    parameters: int | None
    multiply_adds: int | None

    def __post_init__(self) -> None:
        check_positive(self, "size_bytes")
        check_at_least(0, self, "parameters", "multiply_adds")
        if min(self.image_size) < 1:
            raise ValueError(f"image_size must be positive, but is {list(self.image_size)}")


@dataclass(frozen=True)
class Asked:
    """What was asked for; None: left to the runtime."""

    runtime: str | None = None
    delegate: str | None = None
    delegate_options: dict[str, str] = field(default_factory=dict)
    device_type: str | None = None  # CPU, GPU, NPU, AUTO
    precision: str | None = None  # f32, bf16, f16, default
    threads: int | None = None
    streams: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, self, "threads", "streams")


@dataclass(frozen=True)
class Ran:
    """What ran, read back from the runtime; None: it does not tell."""

    runtime: str
    version: str
    delegate: str
    operators: int | None
    delegated: int | None
    partitions: int | None
    precision: str | None  # of what is not integer
    threads: int | None
    streams: int | None
    device: str | None  # its own name
    execution_devices: tuple[str, ...]
    layers: dict[str, int] | None
    nms: Literal["none", "in-graph"] | None

    def __post_init__(self) -> None:
        check_at_least(0, self, "operators", "delegated", "partitions", "threads", "streams")


@dataclass(frozen=True)
class DeviceName:
    id: str  # of a profile; "host" where none fits
    name: str
    # how `--host` named it, so that two boards of one kind stay two; None: where the command ran
    host: str | None = field(default=None, metadata={"optional": True})

    @property
    def place(self) -> str:
        """For people: `rpi4`, or `rpi4 at pi@192.168.1.7`."""
        return self.id if self.host is None else f"{self.id} at {self.host}"


@dataclass(frozen=True)
class MachineState:
    """The machine, and how it was at the start of the row; None: it does not tell."""

    system: str | None = None
    architecture: str | None = None
    cpu: str | None = None
    board: str | None = None
    cores: int | None = None
    threads: int | None = None
    features: dict[str, bool] = field(default_factory=dict)
    memory_bytes: int | None = None
    memory_available_bytes: int | None = None
    python: str | None = None
    governor: str | None = None
    load_1m: float | None = None
    busy_cores: float | None = None  # that others kept busy just before
    temperature_c: float | None = None
    frequency_mhz: float | None = None  # of the fastest core
    frequency_max_mhz: float | None = None
    throttled: tuple[str, ...] | None = None  # what holds the clock down; (): nothing

    def __post_init__(self) -> None:
        check_at_least(0, self, "cores", "threads", "memory_bytes", "memory_available_bytes")
        check_at_least(0, self, "load_1m", "busy_cores", "frequency_mhz", "frequency_max_mhz")


@dataclass(frozen=True)
class Throughput:
    streams: int
    pictures: int
    seconds: float

    def __post_init__(self) -> None:
        check_positive(self, "streams", "pictures", "seconds")


@dataclass(frozen=True)
class Energy:
    source: str  # such as "RAPL package-0"
    joules_per_picture: float
    pictures: int
    seconds: float

    def __post_init__(self) -> None:
        check_at_least(0, self, "joules_per_picture")
        check_positive(self, "pictures", "seconds")


@dataclass(frozen=True)
class Minute:
    """One minute of a sustained run, from 1 on; samples are end to end."""

    minute: int
    samples_ms: tuple[float, ...]
    temperature_c: float | None
    frequency_mhz: float | None
    throttled: tuple[str, ...] | None


@dataclass(frozen=True)
class Sustain:
    seconds: float  # that were asked for
    minutes: tuple[Minute, ...]  # those that ran

    def __post_init__(self) -> None:
        check_sustain(self)


@dataclass(frozen=True)
class EstimatedWhole:
    """End to end: decoding, preprocessing and postprocessing added to the inference."""

    p50_ms: float
    low_ms: float
    high_ms: float
    source: str

    def __post_init__(self) -> None:
        check_ends(self)


@dataclass(frozen=True)
class Estimate:
    """The middle and the ends of an interval that should hold the truth in `coverage` of cases."""

    p50_ms: float
    low_ms: float
    high_ms: float
    coverage: float
    source: str
    notes: tuple[str, ...]
    end_to_end: EstimatedWhole | None = field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        check_estimate(self)


@dataclass(frozen=True)
class Summary:
    """What a foreign tool tells that keeps no samples, such as benchmark_model."""

    source: str
    stage: str
    n: int
    mean_ms: float
    std_ms: float | None
    min_ms: float | None
    max_ms: float | None
    p50_ms: float | None
    p90_ms: float | None

    def __post_init__(self) -> None:
        check_summary(self, STAGES)


@dataclass(frozen=True)
class Accuracy:
    """AP from 0 to 1. numbers: COCOeval's twelve by name; intervals: 95 %, [low, high].

    notes: what the data held that a reader of the AP should know, counted, as `eval` shows it.
    """

    numbers: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    pictures: int
    data: str
    data_digest: str
    protocol: dict[str, Any]
    notes: dict[str, int] = field(default_factory=dict, metadata={"optional": True})

    def __post_init__(self) -> None:
        check_accuracy(self)

    @property
    def ap(self) -> float | None:
        return self.numbers.get("ap")


@dataclass(frozen=True)
class Warned:
    code: str
    text: str
    advice: str


@dataclass(frozen=True)
class BenchmarkRow:
    """The fields of docs/measuring.md. Raises ValueError where they contradict each other."""

    schema_version: int
    how: Literal["measured", "emulated", "estimated"]
    started_at: str  # ISO 8601, UTC
    tool: str
    model: ModelFacts
    asked: Asked
    ran: Ran | None  # None: nothing ran, or nobody could read it back
    device: DeviceName
    machine: MachineState | None
    protocol: dict[str, Any]
    samples_ms: dict[str, tuple[float, ...]]  # stage -> in order; pictures in the same order
    load_ms: float | None
    peak_memory_bytes: int | None
    throughput: Throughput | None
    energy: Energy | None
    sustain: Sustain | None
    estimate: Estimate | None
    summary: Summary | None
    accuracy: Accuracy | None
    warnings: tuple[Warned, ...]
    study: str | None = None  # of `edge-edet reproduce`, where the row was measured for one

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise ValueError(
                f"schema_version must be {SCHEMA_VERSION}, but is {self.schema_version}"
            )
        check_time(self.started_at)
        check_at_least(0, self, "load_ms", "peak_memory_bytes")
        if not isinstance(self.protocol.get("name"), str):
            raise ValueError("protocol.name must be text: rows compare only where protocols agree")
        for stage, samples in self.samples_ms.items():
            if stage not in STAGES:
                raise ValueError(f"samples_ms.{stage} is no stage: known are {', '.join(STAGES)}")
            check_samples(stage, samples)
        counts = {len(samples) for samples in self.samples_ms.values() if samples}
        if len(counts) > 1:
            raise ValueError(
                f"samples_ms must have as many of each stage, but has {sorted(counts)}"
            )
        if (self.how == "estimated") != (self.estimate is not None):
            raise ValueError("estimate must be there where how is 'estimated', and only there")
        if counts and (self.estimate or self.summary):
            raise ValueError("samples_ms must be empty beside an estimate or a summary")
        if self.how == "measured" and not (counts or self.summary or self.sustain):
            raise ValueError("samples_ms must not be empty: the row says that it is measured")

    @property
    def key(self) -> str:
        return row_key(self.model.sha256, self.asked, self.device, self.protocol)


def row_key(sha256: str, asked: Asked, device: DeviceName, protocol: dict[str, Any]) -> str:
    """16 hex digits of what was asked for: known before it runs, the same on every machine."""
    described = [sha256, to_json(asked), device.id, to_json(protocol)]
    if device.host is not None:
        described.append(device.host)
    text = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def row_to_dict(row: BenchmarkRow) -> dict[str, Any]:
    """JSON-ready, keys as the fields."""
    document: dict[str, Any] = to_json(row)
    return document


def row_from_dict(document: object, where: str) -> BenchmarkRow:
    """Raises InputError that names where and the key at fault."""
    if isinstance(document, dict):
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                f"{where}: schema_version must be {SCHEMA_VERSION}, but is {version!r}: "
                f"{'update edge-edet' if _newer(version) else 'give a row of edge-edet bench'}"
            )
    return from_json(BenchmarkRow, document, where)


def _newer(version: object) -> bool:
    return type(version) is int and version > SCHEMA_VERSION
